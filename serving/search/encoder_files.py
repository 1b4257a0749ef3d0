"""Opens the text encoder's folder, in which training and serving meet (docs/contracts.md)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.bundle import content_id
from serving.errors import ArtefactError

VERSION = 1
MANIFEST, TOKENIZER, MODELS = "manifest.json", "tokenizer.json", "models"
REBUILD = "make it anew with `python -m training.search.encoder`"
NEEDED: Mapping[str, type] = {
    "encoder_id": str,
    "model": str,
    "dimension": int,
    "lengths": list,
    "max_batch": int,
    "unknown_token": str,
}


@dataclass(frozen=True, slots=True)
class EncoderFiles:
    """An opened folder; vectors of encoders with different ids don't compare."""

    folder: Path
    encoder_id: str
    model: str  # its name on Triton
    dimension: int  # D of a vector
    lengths: tuple[
        int, ...
    ]  # ascending: tokens that a request may be wide; the last is where texts end
    max_batch: int  # texts of a request
    unknown_token: str

    @property
    def tokenizer(self) -> Path:
        return self.folder / TOKENIZER

    @property
    def models(self) -> Path:
        """The Triton model repository."""
        return self.folder / MODELS


def open_encoder(folder: Path) -> EncoderFiles:
    """Opens `folder`, or what it links to.

    Raises:
        ArtefactError: a file is missing or of another version, or was changed after it was made.
    """
    folder = folder.resolve()
    manifest = _manifest(folder / MANIFEST)
    found = content_id(folder)
    if found != manifest["encoder_id"]:
        raise ArtefactError(
            f"{folder} was changed after it was made: its content is {found}, its manifest says "
            f"{manifest['encoder_id']}; {REBUILD}"
        )
    return EncoderFiles(
        folder,
        manifest["encoder_id"],
        manifest["model"],
        manifest["dimension"],
        tuple(manifest["lengths"]),
        manifest["max_batch"],
        manifest["unknown_token"],
    )


def _manifest(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        raise ArtefactError(f"{path} is missing; {REBUILD}")
    try:
        manifest = json.loads(path.read_bytes())
    except ValueError as error:
        raise ArtefactError(f"{path} is no JSON: {error}; {REBUILD}") from error
    if not isinstance(manifest, dict) or manifest.get("version") != VERSION:
        raise ArtefactError(
            f"{path} is not of version {VERSION}, which this program reads; {REBUILD}"
        )
    wrong = [name for name, kind in NEEDED.items() if not isinstance(manifest.get(name), kind)]
    if wrong:
        raise ArtefactError(f"{path} lacks {', '.join(wrong)}, or not as it should be; {REBUILD}")
    return manifest
