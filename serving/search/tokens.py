"""Texts to the token tensors that a text encoder takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from serving.errors import ArtefactError
from serving.types import Mask

MOST_CHARACTERS = 1024  # of a text; the rest isn't looked at


@dataclass(frozen=True, slots=True)
class Tokens:
    """B texts, L tokens wide."""

    ids: NDArray[np.int64]  # (B, L), 0 behind a text's end
    mask: Mask  # (B, L) true where there is a token
    known: Mask  # (B,) whether the vocabulary has at least half of the text's tokens


class Tokenizing:
    """Cuts texts into tokens by a tokenizer.json of Hugging Face's tokenizers, in this thread alone."""

    def __init__(self, file: Path, lengths: Sequence[int], unknown_token: str) -> None:
        """`lengths`, ascending, are the widths that tensors may have; the last ends every text.

        Raises:
            ArtefactError: the file lacks the unknown token.
        """
        self._tokenizer = Tokenizer.from_file(str(file))
        unknown = self._tokenizer.token_to_id(unknown_token)
        if unknown is None:
            raise ArtefactError(f"{file} has no token {unknown_token}")
        self._unknown: int = unknown
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(lengths[-1])
        self._lengths = tuple(lengths)

    def __call__(self, texts: Sequence[str]) -> Tokens:
        """As wide as the longest text needs, rounded up to one of the lengths."""
        encoded = [self._tokenizer.encode(text[:MOST_CHARACTERS]) for text in texts]
        longest = max((len(one.ids) for one in encoded), default=0)
        width = next(length for length in self._lengths if length >= longest)
        ids = np.zeros((len(texts), width), dtype=np.int64)
        mask = np.zeros((len(texts), width), dtype=np.bool_)
        for row, one in enumerate(encoded):
            ids[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = True
        return Tokens(ids, mask, np.array([self._says(one) for one in encoded], dtype=np.bool_))

    def _says(self, one: Encoding) -> bool:
        words = [i for i, no in zip(one.ids, one.special_tokens_mask, strict=True) if not no]
        return bool(words) and words.count(self._unknown) * 2 <= len(words)
