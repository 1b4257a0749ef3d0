"""Page tokens: what the pages of a search have left, so that any worker of any replica can go on."""

import hashlib
import hmac

import numpy as np

from serving.errors import FieldViolation, InvalidRequest
from serving.rpc.seal import Seal
from serving.search.query import Match, Rest

VERSION = b"\x03"
ASKED_BYTES = 16
MOST_KEYS = 688  # items that pages reach after the first
LONGEST_TOKEN = 7_499  # characters: of one with as many
BITS = 65  # of an item
MATCHES = tuple(Match)


class PageTokens:
    """Issues url-safe tokens, and reads only those issued under the same key, for the same request.

    A token seals a version byte, 16 bytes of HMAC-SHA-256 over the request, a byte for how its items match,
    their keys, 8 bytes each, and a bit each, in whole bytes, for whether they hold the words.
    """

    def __init__(self, key: bytes) -> None:
        self._seal = Seal(key)
        # Of its own: what is asked may be guessed, and who holds a token must not be able to try.
        self._key = hmac.digest(key, b"asked", hashlib.sha256)

    def issue(self, asked: bytes, rest: Rest) -> str:
        """Empty where nothing is left. `asked` is the request, as far as it has to stay the same."""
        if not len(rest.keys):
            return ""
        keys = rest.keys[:MOST_KEYS].astype("<i8").tobytes()
        held = np.packbits(rest.held[:MOST_KEYS]).tobytes()
        match = bytes([MATCHES.index(rest.match)])
        return self._seal.closed(VERSION + self._digest(asked) + match + keys + held)

    def read(self, token: str, asked: bytes) -> Rest:
        """Raises InvalidRequest for anything that this key didn't issue, or for another request."""
        if len(token) > LONGEST_TOKEN:
            raise _refused(f"has {len(token)} characters; at most {LONGEST_TOKEN} are allowed")
        content = self._seal.opened(token)
        if content is None:
            raise _refused("was not issued by this service; send next_page_token unchanged")
        if content[: len(VERSION)] != VERSION:
            raise _refused("is of another release; ask for the first page again")
        begun = len(VERSION) + ASKED_BYTES
        if content[len(VERSION) : begun] != self._digest(asked):
            raise _refused("belongs to another request; only page_size may change between pages")
        listed = content[begun + 1 :]
        count = len(listed) * 8 // BITS
        keys = np.frombuffer(listed, dtype="<i8", count=count).astype(np.int64)
        held = np.unpackbits(np.frombuffer(listed[count * 8 :], dtype=np.uint8), count=count)
        return Rest(keys, held.astype(np.bool_), MATCHES[content[begun]])

    def _digest(self, asked: bytes) -> bytes:
        return hmac.digest(self._key, asked, hashlib.sha256)[:ASKED_BYTES]


def _refused(description: str) -> InvalidRequest:
    return InvalidRequest((FieldViolation("page_token", description),))
