"""What an item is found by, as it lies beside the item's rows: docs/contracts.md, "Texts of items".

A head as that of a row, then JSON: the scripts that keep the newest row keep the newest texts as well.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from serving.errors import LayoutMismatch
from serving.features.layout import HEAD_BYTES, UNPACK_HEAD

VIEW = "item_texts"  # in the place of a view's name, in keys and announcements
FINGERPRINT = 1  # version of the form; no layout has so low a one, but by an accident of 2^-63
LONGEST_TITLE, LONGEST_TEXTS = 1_000, 20_000  # characters that are kept, of the texts altogether
LONGEST = 256 << 10  # bytes; what is longer, nothing of ours has written


@dataclass(frozen=True, slots=True)
class ItemTexts:
    """At a time; `texts` are all else that the item is found by: categories, brand, free texts."""

    event_time_us: int
    title: str
    texts: tuple[str, ...] = ()


def pack_texts(texts: ItemTexts) -> bytes:
    """Of title and texts what is read of them."""
    document = {"title": texts.title[:LONGEST_TITLE], "texts": bounded(texts.texts)}
    head = FINGERPRINT.to_bytes(8, "little") + texts.event_time_us.to_bytes(
        8, "little", signed=True
    )
    return head + json.dumps(document, ensure_ascii=False).encode(errors="replace")


def read_texts(packed: bytes) -> ItemTexts:
    """Raises LayoutMismatch, which says why: another form, or nothing that `pack_texts` gives."""
    if not HEAD_BYTES < len(packed) <= LONGEST:
        raise LayoutMismatch(f"{len(packed):,} bytes; {HEAD_BYTES + 1} to {LONGEST:,} are read")
    fingerprint, time_us = UNPACK_HEAD(packed)
    if fingerprint != FINGERPRINT:
        raise LayoutMismatch(f"form {fingerprint:016x}; this program reads {FINGERPRINT:016x}")
    try:
        document = json.loads(packed[HEAD_BYTES:])
        title, texts = document["title"], document["texts"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise LayoutMismatch(f"no JSON of a title and texts: {error!r}") from error
    if not isinstance(title, str) or not isinstance(texts, list):
        raise LayoutMismatch("title is no text, or texts no list")
    if not all(isinstance(text, str) for text in texts):
        raise LayoutMismatch("what is in texts is not all text")
    return ItemTexts(time_us, _whole(title), tuple(map(_whole, texts)))


def _whole(text: str) -> str:
    """Half characters, which JSON can name, become question marks."""
    return text.encode(errors="replace").decode()


def bounded(texts: Sequence[str]) -> tuple[str, ...]:
    """Their first LONGEST_TEXTS characters."""
    kept, room = list[str](), LONGEST_TEXTS
    for text in texts:
        if room <= 0:
            break
        kept.append(text[:room])
        room -= len(text)
    return tuple(kept)
