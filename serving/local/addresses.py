"""Where the embedded servers of a state folder listen."""

import hashlib
import tempfile
from pathlib import Path
from urllib.parse import quote

LONGEST_SOCKET_PATH = 100  # the kernel's limit is 108 bytes with its end


def redis_socket(state: Path) -> Path:
    """The Unix socket of the state folder's Redis: inside it, or in the temporary folder if too long."""
    inside = state.resolve() / "redis" / "redis.sock"
    if len(str(inside).encode()) <= LONGEST_SOCKET_PATH:
        return inside
    name = hashlib.blake2b(str(inside).encode(), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"recserve-{name}" / "redis.sock"


def redis_url(state: Path) -> str:
    """What redis-py's `from_url` takes: it reads `%`, `?` and `#` as any URL's."""
    return f"unix://{quote(str(redis_socket(state)))}"
