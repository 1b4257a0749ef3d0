"""Tells whether a process would be started from the same things again."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


def fingerprint(settings: object, sources: Sequence[Path]) -> str:
    """16 hex digits over settings (anything JSON can hold) and the content of files and folders."""
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=8)
    for source in sources:
        for path in sorted(source.rglob("*.py")) if source.is_dir() else [source]:
            digest.update(f"{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()
