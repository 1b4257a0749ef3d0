"""What is written is read, whatever the letters; what nobody of ours wrote is refused in words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from serving.errors import LayoutMismatch
from serving.features.item_texts import (
    FINGERPRINT,
    LONGEST,
    LONGEST_TEXTS,
    LONGEST_TITLE,
    ItemTexts,
    bounded,
    pack_texts,
    read_texts,
)
from serving.features.layout import HEAD_BYTES, UNPACK_HEAD

HEAD = pack_texts(ItemTexts(7, ""))[:HEAD_BYTES]


@given(
    some.text(max_size=80), some.lists(some.text(max_size=80), max_size=4), some.integers(0, 2**60)
)
def test_texts_are_read_as_they_were_written(title: str, texts: list[str], time_us: int) -> None:
    packed = pack_texts(ItemTexts(time_us, title, tuple(texts)))
    assert read_texts(packed) == ItemTexts(time_us, title, tuple(texts))
    assert UNPACK_HEAD(packed) == (FINGERPRINT, time_us)


def test_of_what_is_too_long_the_beginning_is_kept_and_can_always_be_read() -> None:
    longest = pack_texts(ItemTexts(7, "\U0001f95b" * 5_000, ("\x01" * 15_000,) * 9))
    kept = read_texts(longest)
    assert len(kept.title) == LONGEST_TITLE
    assert [len(text) for text in kept.texts] == [15_000, LONGEST_TEXTS - 15_000]
    assert bounded(("",) * 3) == ("", "", "")


def test_halves_of_characters_become_question_marks() -> None:
    assert read_texts(pack_texts(ItemTexts(7, "a\ud800", ("\udfffb",)))).title == "a?"
    named = HEAD + json.dumps({"title": "a\ud800", "texts": []}).encode()
    assert read_texts(named).title == "a?"


@pytest.mark.parametrize(
    ("packed", "why"),
    [
        (b"", "0 bytes; 17 to 262,144 are read"),
        (HEAD, "16 bytes"),
        (HEAD + b" " * LONGEST, "262,160 bytes"),
        (b"\2" + HEAD[1:] + b"{}", "form 0000000000000002; this program reads 0000000000000001"),
        (HEAD + b"\xff\xfe", "no JSON of a title and texts"),
        (HEAD + b"[" * 100_000, "no JSON of a title and texts"),
        (HEAD + b'{"title": "x"}', "no JSON of a title and texts"),
        (HEAD + b"7", "no JSON of a title and texts"),
        (HEAD + b'{"title": null, "texts": []}', "title is no text, or texts no list"),
        (HEAD + b'{"title": "x", "texts": "y"}', "title is no text, or texts no list"),
        (HEAD + b'{"title": "x", "texts": [7]}', "not all text"),
    ],
)
def test_anything_else_is_refused(packed: bytes, why: str) -> None:
    with pytest.raises(LayoutMismatch, match=why):
        read_texts(packed)
