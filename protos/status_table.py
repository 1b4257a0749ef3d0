"""The status codes of the API, from the table by which the gateway gives them."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from google.rpc import code_pb2

from serving.errors import RecserveError, SurfaceNotServed
from serving.rpc.statuses import STATUSES, resource_exhausted

# When a caller sees the code, and what can be done.
MEANINGS: Mapping[int, tuple[str, str]] = {
    code_pb2.INVALID_ARGUMENT: (
        "The request breaks the contract of a field, is larger than 1 MiB, or is no such message.",
        "Mend the request.",
    ),
    code_pb2.NOT_FOUND: (
        "The item asked about is outside the catalogue.",
        "Ask about another; a new item is there after the next snapshot.",
    ),
    code_pb2.UNIMPLEMENTED: (
        "This deployment serves nothing on that surface.",
        "Ask for one of `GetStatusResponse.surfaces`.",
    ),
    code_pb2.DEADLINE_EXCEEDED: (
        "There was no answer in time, not even a lesser one.",
        "Give more time; events: send the same batch again.",
    ),
    code_pb2.UNAVAILABLE: (
        "A system that the answer can't do without did not answer, or this server is stopping.",
        "Try again after the delay, within the deadline.",
    ),
    code_pb2.INTERNAL: (
        "A fault of the server, which it has logged.",
        "Tell the operator the request id.",
    ),
    code_pb2.RESOURCE_EXHAUSTED: (
        "As many calls are under way as may be, an event stream is full, or a request is above 4 MiB.",
        "Try again after the delay, events with the same ids; a request so large never passes.",
    ),
}


def status_table() -> Iterator[str]:
    """Lines of Markdown."""
    yield "| code | when | details | what to do |"
    yield "|---|---|---|---|"
    for code, details in codes().items():
        when, then = MEANINGS[code]
        said = ", ".join(f"`{name}`" for name in details) or "none"
        yield f"| `{code_pb2.Code.Name(code)}` ({code}) | {when} | {said} | {then} |"


def codes() -> dict[int, tuple[str, ...]]:
    """Every code with its details besides RequestInfo, in the order of the gateway's table."""
    found: dict[int, tuple[str, ...]] = {}
    for kind, (code, details) in STATUSES.items():
        named = {type(d).DESCRIPTOR.name: None for d in details(_example(kind))}
        found[code] = tuple(dict.fromkeys((*found.get(code, ()), *named)))
    busy: Any = resource_exhausted("")
    found[busy.code] = tuple(_last(d.type_url) for d in busy.details[:-1])
    return found


def _example(kind: Callable[..., RecserveError]) -> RecserveError:
    return kind("", ()) if kind is SurfaceNotServed else kind("")


def _last(type_url: str) -> str:
    return type_url.rpartition(".")[2]
