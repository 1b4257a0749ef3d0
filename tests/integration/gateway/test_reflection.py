"""The calls that docs/api.md shows, made as grpcurl makes them: by reflection, without our stubs."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.integration.gateway.running import ROOT, Gateway, connected

PATIENCE_S = 30.0
FLAGS = {"-plaintext": 0, "-max-time": 1, "-d": 1}  # with how many words of their own


@dataclass(frozen=True, slots=True)
class Command:
    """One grpcurl command of the page."""

    words: tuple[str, ...]  # after the address: `list`, `describe X` or a method
    body: dict[str, Any]


def commands() -> list[Command]:
    blocks = re.findall(r"(?ms)^```\n(.*?)^```", (ROOT / "docs/api.md").read_text())
    lines = [line for block in blocks for line in re.split(r"(?m)^(?=grpcurl)", block)]
    return [command(shlex.split(line)) for line in lines if line]


def command(words: list[str]) -> Command:
    program, *rest = words
    assert program == "grpcurl"
    flags = {}
    while rest[0] in FLAGS:
        count = 1 + FLAGS[rest[0]]
        flags[rest[0]], rest = rest[count - 1], rest[count:]
    assert "-plaintext" in flags
    return Command(tuple(rest[1:]), json.loads(flags.get("-d", "{}")))


COMMANDS = commands()
CALLS = {c.words[0].rpartition("/")[2]: c for c in COMMANDS if "/" in c.words[0]}


class Reflected:
    """Knows nothing of the API but what the server tells."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._database = ProtoReflectionDescriptorDatabase(channel)
        self._pool: Any = DescriptorPool(self._database)

    def services(self) -> set[str]:
        return set(self._database.get_services())

    def message(self, name: str) -> Any:
        return self._pool.FindMessageTypeByName(name)

    def service(self, name: str) -> Any:
        return self._pool.FindServiceByName(name)

    def call(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        service, _, name = path.partition("/")
        method = self.service(service).methods_by_name[name]
        request = json_format.ParseDict(
            body, message_factory.GetMessageClass(method.input_type)(), descriptor_pool=self._pool
        )
        reply = message_factory.GetMessageClass(method.output_type)
        invoke = self._channel.unary_unary(
            f"/{path}", type(request).SerializeToString, reply.FromString
        )
        answer = invoke(request, timeout=PATIENCE_S)
        return json_format.MessageToDict(answer, preserving_proto_field_name=True)


@pytest.fixture
def reflected(gateway: Gateway) -> Iterator[Reflected]:
    with connected(gateway) as channel:
        yield Reflected(channel)


def test_the_page_shows_how_to_list_describe_and_call() -> None:
    assert {c.words[0] for c in COMMANDS if "/" not in c.words[0]} == {"list", "describe"}
    assert set(CALLS) == {"Recommend", "RecordEvents", "GetStatus"}


def test_the_services_are_listed(reflected: Reflected) -> None:
    ours = {name for name in reflected.services() if name.startswith("recserve.")}
    assert ours == {
        "recserve.v1.RecommendationService",
        "recserve.v1.EventService",
        "recserve.v1.SearchService",
        "recserve.v1.StatusService",
    }


def test_what_the_page_describes_is_described(reflected: Reflected) -> None:
    symbols = [c.words[1] for c in COMMANDS if c.words[0] == "describe"]
    assert symbols == ["recserve.v1.RecommendationService", "recserve.v1.RecommendRequest"]
    methods = reflected.service(symbols[0]).methods_by_name
    assert set(methods) == {"Recommend", "Rank", "SimilarItems"}
    fields = reflected.message(symbols[1]).fields_by_name
    assert (fields["page_size"].number, fields["page_size"].type) == (3, 5)  # 5: int32
    assert fields["filters"].message_type.full_name == "recserve.v1.Filter"
    assert fields["surface"].enum_type.values_by_name["SURFACE_PRODUCT"].number == 1


def test_the_status_is_told(reflected: Reflected) -> None:
    (path,) = CALLS["GetStatus"].words
    told = reflected.call(path, CALLS["GetStatus"].body)
    assert (told["project"], told["id_kind"]) == ("tiny", "ID_KIND_INTEGER")
    assert {"name": "department", "kind": "FILTER_KIND_TEXT"} in told["filter_fields"]


def test_what_is_recommended_and_then_done_are_tied_by_the_token(reflected: Reflected) -> None:
    asked, done = CALLS["Recommend"], CALLS["RecordEvents"]
    slate = reflected.call(asked.words[0], asked.body)
    assert len(slate["items"]) == asked.body["page_size"]
    assert not reflected.call(done.words[0], done.body).get("discarded_count")
    token = {"request_token": slate["answer"]["request_token"]}
    tied = {**done.body, "events": [event | token for event in done.body["events"]]}
    assert reflected.call(done.words[0], tied)["recorded_count"] == len(tied["events"])


def test_a_field_that_the_api_does_not_have_is_refused_before_it_is_sent(
    reflected: Reflected,
) -> None:
    with pytest.raises(json_format.ParseError, match="page_length"):
        reflected.call(CALLS["Recommend"].words[0], {"page_length": 5})


def test_bad_input_is_refused_with_the_limit(reflected: Reflected) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        reflected.call(CALLS["Recommend"].words[0], CALLS["Recommend"].body | {"page_size": 101})
    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "page_size: is 101; give 1 to 100" in raised.value.details()
