"""Opens the text encoder's folder, in which training and serving meet (docs/contracts.md)."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serving.artefacts import MANIFEST, digests, read_json
from serving.errors import ArtefactError

VERSION = 1
MODEL = "text_encoder"
TOKENIZER, MODELS = "tokenizer.json", "models"
REBUILD = "make it anew with `python -m training.search.encoder`"
NEEDED: Mapping[str, type] = {
    "encoder_id": str,
    "model": str,
    "dimension": int,
    "lengths": list,
    "max_batch": int,
    "unknown_token": str,
    "sha256": dict,
}
FORM = ("dimension", "lengths", "max_batch", "unknown_token")  # of the manifest, beside the files


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
    found = digests(folder)
    if found != manifest["sha256"]:
        changed = {*found.items()} ^ {*manifest["sha256"].items()}
        named = ", ".join(sorted({name for name, _ in changed}))
        raise ArtefactError(f"{folder} was changed after it was made: {named}; {REBUILD}")
    return EncoderFiles(
        folder,
        manifest["encoder_id"],
        manifest["model"],
        manifest["dimension"],
        tuple(manifest["lengths"]),
        manifest["max_batch"],
        manifest["unknown_token"],
    )


def identity(graph: bytes, tokenizer: bytes, form: Mapping[str, object]) -> str:
    """What decides the vectors of texts, as 16 hex digits of SHA-256; `form` by the names of FORM.

    Whatever else lies in the folder, and on which machine it was made, is left out.
    """
    told = json.dumps({name: form[name] for name in FORM}, sort_keys=True).encode()
    parts = (hashlib.sha256(part).digest() for part in (graph, tokenizer, told))
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def model_name(encoder_id: str) -> str:
    """On Triton: one that serves another encoder doesn't know it, instead of answering otherwise."""
    return f"{MODEL}_{encoder_id[:8]}"


def _manifest(path: Path) -> Mapping[str, Any]:
    manifest = read_json(path, REBUILD)
    if not isinstance(manifest, dict) or manifest.get("version") != VERSION:
        raise ArtefactError(
            f"{path} is not of version {VERSION}, which this program reads; {REBUILD}"
        )
    wrong = [name for name, kind in NEEDED.items() if not isinstance(manifest.get(name), kind)]
    if wrong:
        raise ArtefactError(f"{path} lacks {', '.join(wrong)}, or not as it should be; {REBUILD}")
    return manifest
