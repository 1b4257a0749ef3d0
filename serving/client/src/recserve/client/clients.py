"""The two clients. What is asked and how answers are read stands in `calls.py`; here it is sent.

A client holds connections to all servers behind its endpoint: make one, not one for every request.
"""

from collections.abc import Callable, Coroutine
from inspect import Parameter, signature
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import grpc
from recserve.client import calls
from recserve.client.calls import Call
from recserve.client.channels import Target, Tls, target
from recserve.client.hedging import first_answer, first_answer_async
from recserve.client.sending import DEFAULT_TIMEOUT_S, Sender, checked_timeout
from recserve.client.service_config import service_config
from recserve.client.statuses import error_of

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def _named(method: F, build: Callable[..., Any]) -> F:
    """As if `method` had been written out with the parameters of `build`."""
    parameters = signature(build)
    own = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    answer = parameters.return_annotation.__args__[0]
    method.__name__, method.__doc__ = build.__name__, build.__doc__
    method.__signature__ = parameters.replace(  # type: ignore[attr-defined]
        parameters=(own, *parameters.parameters.values()), return_annotation=answer
    )
    return method


def _blocking(build: Callable[P, Call[T]]) -> Callable[Concatenate["Client", P], T]:
    def method(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._ask(build(*args, **kwargs))

    return _named(method, build)


def _awaited(
    build: Callable[P, Call[T]],
) -> Callable[Concatenate["AsyncClient", P], Coroutine[Any, Any, T]]:
    async def method(self: "AsyncClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._ask(build(*args, **kwargs))

    return _named(method, build)


class Client:
    """Asks and waits. Safe for several threads.

    Args:
        endpoint: host:port, or any target that gRPC knows, such as dns:///name:port.
        tls: how to check the server. Without it, TLS with the authorities that gRPC carries, or
            plaintext if the endpoint is on this machine.
        plaintext: True sends everything readable to a server elsewhere.
        timeout_s: the deadline of a call with its retries and hedges, unless the call has its own.
        hedge_after_s: sends a read again, to another server, if there is no answer after this time;
            None retries only.

    Raises:
        ValueError: out of range, or at odds with each other.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        tls: Tls | None = None,
        plaintext: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        hedge_after_s: float | None = None,
    ) -> None:
        config = service_config(hedge_after_s)
        checked_timeout(timeout_s)
        self._channel = _channel(grpc, target(endpoint, tls, config, plaintext=plaintext))
        self._sender = Sender(self._channel, config, timeout_s)

    recommend = _blocking(calls.recommend)
    rank = _blocking(calls.rank)
    similar = _blocking(calls.similar)
    record = _blocking(calls.record)
    status = _blocking(calls.status)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, call: Call[T]) -> T:
        sending = self._sender.sending(call)
        try:
            if sending.policy is None:
                return call.read(sending.now())
            return call.read(first_answer(sending.future, sending.policy, self._sender.budget))
        except grpc.RpcError as error:
            raise error_of(error, call.request_id) from error


class AsyncClient:
    """Asks without blocking. Made, used and closed inside one running event loop.

    The arguments are those of Client.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        tls: Tls | None = None,
        plaintext: bool = False,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        hedge_after_s: float | None = None,
    ) -> None:
        config = service_config(hedge_after_s)
        checked_timeout(timeout_s)
        self._channel = _channel(grpc.aio, target(endpoint, tls, config, plaintext=plaintext))
        self._sender = Sender(self._channel, config, timeout_s)

    recommend = _awaited(calls.recommend)
    rank = _awaited(calls.rank)
    similar = _awaited(calls.similar)
    record = _awaited(calls.record)
    status = _awaited(calls.status)

    async def close(self) -> None:
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _ask(self, call: Call[T]) -> T:
        sending = self._sender.sending(call)
        try:
            if sending.policy is None:
                return call.read(await sending.now())
            response = await first_answer_async(sending.now, sending.policy, self._sender.budget)
            return call.read(response)
        except grpc.RpcError as error:
            raise error_of(error, call.request_id) from error


def _channel(library: Any, where: Target) -> Any:
    """A channel of grpc, or of grpc.aio."""
    if where.credentials is None:
        return library.insecure_channel(where.endpoint, options=where.options)
    return library.secure_channel(where.endpoint, where.credentials, options=where.options)
