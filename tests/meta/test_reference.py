"""docs/api.md is what the protos say."""

import re
from dataclasses import replace

import pytest

from protos.descriptors import Api, read_api
from protos.reference import PAGE, page
from protos.status_table import codes
from serving.rpc.statuses import STATUSES
from tests.meta.imports import ROOT


@pytest.fixture(scope="module")
def api() -> Api:
    return read_api()


def test_the_page_is_what_the_protos_say(api: Api) -> None:
    assert PAGE.read_text() == page(api), "make reference writes it anew"


def test_a_change_of_a_comment_is_noticed(api: Api) -> None:
    other = {**api.comments, "Filter.field": "Required. Another."}
    assert page(replace(api, comments=other)) != PAGE.read_text()


def test_the_page_tells_every_public_message_and_nothing_internal() -> None:
    headings = set(re.findall(r"^### (\w+)$", PAGE.read_text(), re.MULTILINE))
    declared = {
        path.name: set(re.findall(r"^(?:message|enum) (\w+)", path.read_text(), re.MULTILINE))
        for path in (ROOT / "protos/recserve/v1").glob("*.proto")
    }
    internal = declared.pop("request_log.proto")
    assert headings == set().union(*declared.values())
    assert internal
    assert not headings & internal


def test_the_page_tells_every_status_that_the_gateway_gives() -> None:
    rows = set(re.findall(r"^\| `[A-Z_]+` \((\d+)\) \|", PAGE.read_text(), re.MULTILINE))
    assert {int(row) for row in rows} == set(codes())
    assert {code for code, _ in STATUSES.values()} <= set(codes())
