"""How a call is sent: by which method of the channel, until when, and whether a slow one is sent again."""

import time
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from recserve.client.calls import METHODS, STREAM, Call
from recserve.client.delivery import Delivery, StreamOptions
from recserve.client.hedging import HedgeBudget
from recserve.client.requests import Consent
from recserve.client.service_config import HedgingPolicy, ServiceConfig

DEFAULT_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Sending:
    """One call with its deadline. `callable` is gRPC's, of a blocking channel or an asynchronous one."""

    callable: Any
    request: Any
    deadline: float  # on the monotonic clock
    policy: HedgingPolicy | None

    def now(self) -> Any:
        """Waits for the response, or of an asynchronous channel returns what can be awaited."""
        return self.callable(self.request, timeout=self._left_s())

    def future(self) -> Any:
        """Of a blocking channel: starts and doesn't wait."""
        return self.callable.future(self.request, timeout=self._left_s())

    def _left_s(self) -> float:
        return self.deadline - time.monotonic()


class Sender:
    """The methods of a channel, and what holds for all calls of a client."""

    def __init__(self, channel: Any, config: ServiceConfig, timeout_s: float) -> None:
        self.budget = HedgeBudget(config.max_tokens, config.token_ratio)
        self._timeout_s = timeout_s
        self._hedging = config.hedging
        self._callables = {m.full_name: _callable(channel, m) for m in METHODS.values()}

    def stream(self, requests: Any) -> Any:
        """Begins a call of batches without a deadline: its caller watches over the answers."""
        return self._callables[STREAM.full_name](requests)

    def delivery(
        self,
        consent: Consent,
        batch_size: int,
        in_flight: int,
        timeout_s: float | None,
        patience_s: float,
    ) -> Delivery:
        """Of the batches of one stream; raises ValueError for what is out of range."""
        options = StreamOptions(
            batch_size=batch_size,
            in_flight=in_flight,
            timeout_s=self._timeout(timeout_s),
            patience_s=patience_s,
        )
        return Delivery(options, consent)

    def _timeout(self, given: float | None) -> float:
        return self._timeout_s if given is None else checked_timeout(given)

    def sending(self, call: Call[Any]) -> Sending:
        timeout_s = self._timeout(call.timeout_s)
        policy = self._hedging.get(call.method.containing_service.full_name)
        if policy:
            self.budget.earn()
        callable_ = self._callables[call.method.full_name]
        return Sending(callable_, call.request, time.monotonic() + timeout_s, policy)


def checked_timeout(timeout_s: float) -> float:
    """Raises ValueError: without a deadline a lost server would hold its caller for ever."""
    if not 0 < timeout_s < float("inf"):
        raise ValueError(f"timeout_s is {timeout_s}; give a number of seconds above 0")
    return timeout_s


def _callable(channel: Any, method: MethodDescriptor) -> Any:
    make = channel.stream_stream if method.client_streaming else channel.unary_unary
    return make(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=GetMessageClass(method.input_type).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
