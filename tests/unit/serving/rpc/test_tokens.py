import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.errors import InvalidRequest
from serving.rpc.tokens import RequestTokens, TokenContent, derived_key, user_hash

TOKENS = RequestTokens(b"k" * 32)
CONTENT = TokenContent(1_511_758_800_000_000, "request-1", "0123456789abcdef")
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64)


@given(st.integers(0, 2**62), PRINTABLE, st.text("0123456789abcdef", max_size=16))
def test_a_token_gives_back_what_it_was_issued_for(time: int, request_id: str, bundle_id: str):
    content = TokenContent(time, request_id, bundle_id)
    token = TOKENS.issue(content)
    assert re.fullmatch(r"1\.[A-Za-z0-9_-]+", token)
    assert TOKENS.read(token) == content


@given(st.data())
def test_a_changed_token_is_refused(data: st.DataObject):
    token = TOKENS.issue(CONTENT)
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(
        st.characters(min_codepoint=32, max_codepoint=126).filter(lambda c: c != token[at])
    )
    with pytest.raises(InvalidRequest, match="request_token"):
        TOKENS.read(token[:at] + other + token[at + 1 :])


@given(st.text(max_size=100))
def test_no_text_is_a_token_by_chance(text: str):
    for made_up in (text, f"1.{text}"):
        with pytest.raises(InvalidRequest):
            TOKENS.read(made_up)


def test_a_token_has_one_spelling():
    tokens = [TOKENS.issue(TokenContent(time, "request-1", "bundle")) for time in range(50)]
    respelled = [t.replace("-", "+") for t in tokens if "-" in t] + [f"{tokens[0]}="]
    assert len(respelled) > 1
    for token in respelled:
        with pytest.raises(InvalidRequest):
            TOKENS.read(token)


def test_another_key_issues_other_tokens():
    with pytest.raises(InvalidRequest):
        TOKENS.read(RequestTokens(b"x" * 32).issue(CONTENT))


def test_a_user_hash_needs_the_key():
    assert user_hash(b"a", "5") == user_hash(b"a", "5")
    assert len(user_hash(b"a", "5")) == 32
    assert user_hash(b"a", "5") != user_hash(b"b", "5")
    assert user_hash(b"a", "5") != user_hash(b"a", "6")


def test_each_purpose_has_a_key_of_its_own():
    assert len({b"k", derived_key(b"k", "one"), derived_key(b"k", "two")}) == 3
