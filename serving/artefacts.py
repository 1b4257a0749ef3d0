"""What folders of artefacts share: each is whole, by the digests of its files in a manifest of JSON."""

import hashlib
import json
from collections.abc import Collection
from pathlib import Path

from serving.errors import ArtefactError

MANIFEST = "manifest.json"


def digest(path: Path) -> str:
    """SHA-256 of the file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(folder: Path, without: Collection[str] = ()) -> dict[str, str]:
    """Of every file by its path in the folder, but of the manifest and of these endings."""
    return {
        str(path.relative_to(folder)): digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST and path.suffix not in without
    }


def read_json(path: Path, rebuild: str) -> object:
    """What the file holds.

    Raises:
        ArtefactError: it is missing, or no JSON; `rebuild` says what to do.
    """
    if not path.is_file():
        raise ArtefactError(f"{path} is missing; {rebuild}")
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ArtefactError(f"{path} is no JSON: {error}; {rebuild}") from error
