"""Page tokens: what the pages of a search have left, so that any worker of any replica can go on."""

import base64
import binascii
import hashlib
import hmac

import numpy as np

from serving.errors import FieldViolation, InvalidRequest
from serving.search.query import Match, Rest

VERSION = b"\x01"
MAC_BYTES, ASKED_BYTES = 16, 16
MOST_KEYS = 700  # items that pages reach after the first
LONGEST_TOKEN = 7_512  # characters: of one with as many
MATCHES = tuple(Match)


class PageTokens:
    """Issues url-safe tokens, and reads only those issued under the same key, for the same request.

    A token is the base64 form of a version byte, 16 bytes of SHA-256 over the request, a byte for how its
    items match, their keys, 8 bytes each, and the first 16 bytes of HMAC-SHA-256 over all before.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def issue(self, asked: bytes, rest: Rest) -> str:
        """Empty where nothing is left. `asked` is the request, as far as it has to stay the same."""
        if not len(rest.keys):
            return ""
        keys = rest.keys[:MOST_KEYS].astype("<i8").tobytes()
        content = VERSION + _digest(asked) + bytes([MATCHES.index(rest.match)]) + keys
        return base64.urlsafe_b64encode(content + self._mac(content)).rstrip(b"=").decode()

    def read(self, token: str, asked: bytes) -> Rest:
        """Raises InvalidRequest for anything that this key didn't issue, or for another request."""
        content, mac = _decoded(token)
        if not hmac.compare_digest(mac, self._mac(content)):
            raise _refused("was not issued by this service; send next_page_token unchanged")
        begun = len(VERSION) + ASKED_BYTES
        if content[len(VERSION) : begun] != _digest(asked):
            raise _refused("belongs to another request; only page_size may change between pages")
        keys = np.frombuffer(content[begun + 1 :], dtype="<i8").astype(np.int64)
        return Rest(keys, MATCHES[content[begun]])

    def _mac(self, content: bytes) -> bytes:
        return hmac.digest(self._key, content, hashlib.sha256)[:MAC_BYTES]


def _digest(asked: bytes) -> bytes:
    return hashlib.sha256(asked).digest()[:ASKED_BYTES]


def _decoded(token: str) -> tuple[bytes, bytes]:
    if len(token) > LONGEST_TOKEN:
        raise _refused(f"has {len(token)} characters; at most {LONGEST_TOKEN} are allowed")
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused("was not issued by this service; send next_page_token unchanged") from error
    return raw[:-MAC_BYTES], raw[-MAC_BYTES:]


def _refused(description: str) -> InvalidRequest:
    return InvalidRequest((FieldViolation("page_token", description),))
