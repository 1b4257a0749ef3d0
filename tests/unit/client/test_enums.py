"""The client knows every word of the API, and bears those of a newer one."""

from enum import StrEnum

import pytest
from recserve.client import enums
from recserve.client.enums import CandidateSource, Device, Surface
from recserve.client.wire import ENUMS, member, number

KINDS = [
    kind
    for kind in vars(enums).values()
    if isinstance(kind, type) and issubclass(kind, StrEnum) and kind is not StrEnum
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_of_the_api_has_its_word(kind: type[StrEnum]) -> None:
    sent = [member(kind, value) for value in ENUMS[kind].values() if value]
    assert [one for one in sent if one.name == "UNKNOWN"] == []
    assert {*sent, kind["UNKNOWN"]} == set(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_words_go_there_and_back(kind: type[StrEnum]) -> None:
    assert [member(kind, number(one)) for one in kind] == list(kind)


def test_a_value_newer_than_the_client_is_unknown() -> None:
    assert member(CandidateSource, 99) is CandidateSource.UNKNOWN


def test_unknown_is_sent_as_unspecified() -> None:
    assert number(Device.UNKNOWN) == 0
    assert number(Surface.MEMBERSHIP_OFFER) == 4
