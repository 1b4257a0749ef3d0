"""The two clients. What is asked and how answers are read stands in `calls.py`; here it is sent.

A client holds connections to all servers behind its endpoint: make one, not one for every request.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from inspect import Parameter, signature
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import grpc
from recserve.client import calls, streams, streams_async
from recserve.client.batches import Events, batches, batches_async
from recserve.client.calls import NOTHING, Call
from recserve.client.channels import Target, Tls, target
from recserve.client.hedging import first_answer, first_answer_async
from recserve.client.requests import Consent
from recserve.client.results import Outcome
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
    search = _blocking(calls.search)
    suggest = _blocking(calls.suggest)
    record = _blocking(calls.record)
    status = _blocking(calls.status)

    def record_stream(
        self,
        events: Iterable[Events],
        *,
        consent: Consent = NOTHING,
        batch_size: int = 500,
        in_flight: int = 4,
        timeout_s: float | None = None,
        patience_s: float = 30.0,
    ) -> Iterator[Outcome]:
        """Hands over events for as long as they come, and tells what became of each batch.

        Whatever passes is tried again: a connection that ends, a gateway or a Redis that is away, a full
        stream of events. What was not answered is sent again, and counts once by its event ids.

        Args:
            events: events, which are put together, or batches as they are to be sent. It is asked from
                this thread, as the outcomes are.
            consent: of all of them.
            batch_size: the most events that are put together, 1 to 500.
            in_flight: how many batches may be under way, not decided.
            timeout_s: the longest wait for an answer, after which the connection is taken for lost; the
                client's own unless it is said.
            patience_s: how long it is tried again without any batch being decided.

        Returns:
            One outcome a batch, as they are decided: in order, unless one had to be sent again.

        Raises:
            ValueError: out of range.
            RecserveError: from the iterator: nothing more is tried. Every batch that was taken from
                `events` has had its outcome by then, the undecided ones with this error.
        """
        delivery = self._sender.delivery(consent, batch_size, in_flight, timeout_s, patience_s)
        source = batches(events, batch_size)
        return streams.Stream(self._sender.stream, source, delivery).outcomes()

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
    search = _awaited(calls.search)
    suggest = _awaited(calls.suggest)
    record = _awaited(calls.record)
    status = _awaited(calls.status)

    def record_stream(
        self,
        events: AsyncIterable[Events] | Iterable[Events],
        *,
        consent: Consent = NOTHING,
        batch_size: int = 500,
        in_flight: int = 4,
        timeout_s: float | None = None,
        patience_s: float = 30.0,
    ) -> AsyncIterator[Outcome]:
        """As Client.record_stream. `events` may be asynchronous: outcomes come while it is waited for."""
        delivery = self._sender.delivery(consent, batch_size, in_flight, timeout_s, patience_s)
        source = batches_async(events, batch_size)
        return streams_async.Stream(self._sender.stream, source, delivery).outcomes()

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
