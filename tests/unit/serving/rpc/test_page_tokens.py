"""What a page token holds, and that nothing else passes for one."""

import base64
import hashlib

import numpy as np
import pytest

from serving.errors import InvalidRequest
from serving.rpc.page_tokens import LONGEST_TOKEN, MOST_KEYS, PageTokens
from serving.rpc.seal import Seal
from serving.search.query import Match, Rest

PAGES = PageTokens(b"k" * 32)
KEYS = np.array([5, 2**62, 0], dtype=np.int64)
REST = Rest(KEYS, np.array([True, False, True]), Match.ALL)


def rest_of(count: int, match: Match = Match.ALL) -> Rest:
    return Rest(np.arange(count), np.arange(count) % 3 > 0, match)


@pytest.mark.parametrize("match", Match)
def test_what_is_issued_is_read(match: Match) -> None:
    given = Rest(KEYS, REST.held, match)
    found = PAGES.read(PAGES.issue(b"asked", given), b"asked")
    assert (found.keys.tolist(), found.match) == (KEYS.tolist(), match)
    assert found.held.tolist() == [True, False, True]


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 65, MOST_KEYS])
def test_every_number_of_items_is_read_as_it_was_issued(count: int) -> None:
    found = PAGES.read(PAGES.issue(b"asked", rest_of(count)), b"asked")
    assert np.array_equal(found.keys, rest_of(count).keys)
    assert np.array_equal(found.held, rest_of(count).held)


def test_where_nothing_is_left_there_is_none() -> None:
    assert PAGES.issue(b"asked", rest_of(0)) == ""


def test_no_token_is_longer_than_the_longest() -> None:
    token = PAGES.issue(b"asked", rest_of(MOST_KEYS + 1))
    assert len(token) == LONGEST_TOKEN
    assert len(PAGES.read(token, b"asked").keys) == MOST_KEYS


def test_nobody_else_can_tell_what_was_asked() -> None:
    tokens = [PageTokens(key * 32).issue(b"asked", REST) for key in (b"k", b"l")]
    first, second = (base64.urlsafe_b64decode(token + "==") for token in tokens)
    assert hashlib.sha256(b"asked").digest()[:8] not in first
    assert first[1:17] != second[1:17]
    assert first[17:-16] == second[17:-16]


def test_that_of_another_request_or_key_is_refused() -> None:
    token = PAGES.issue(b"asked", REST)
    with pytest.raises(InvalidRequest, match="belongs to another request"):
        PAGES.read(token, b"asked otherwise")
    with pytest.raises(InvalidRequest, match="was not issued"):
        PageTokens(b"o" * 32).read(token, b"asked")


def test_that_of_another_release_is_refused() -> None:
    seal = Seal(b"k" * 32)
    content = seal.opened(PAGES.issue(b"asked", REST))
    assert content is not None
    with pytest.raises(InvalidRequest, match="of another release"):
        PAGES.read(seal.closed(b"\x01" + content[1:]), b"asked")


def test_no_byte_of_it_can_be_changed() -> None:
    token = PAGES.issue(b"asked", REST)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(InvalidRequest, match="was not issued"):
            PAGES.read(base64.urlsafe_b64encode(changed).decode().rstrip("="), b"asked")


@pytest.mark.parametrize("token", ["x", "AAAA", "%", "\u00e9", "A" * (LONGEST_TOKEN + 1), "AQ=="])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        PAGES.read(token, b"asked")
    assert refused.value.violations[0].field == "page_token"
