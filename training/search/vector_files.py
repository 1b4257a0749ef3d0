"""Writes item vectors: `<folder>/<version>/` whole or not at all, and `<folder>/current` at it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from serving.artefacts import MANIFEST, digest
from serving.search.graph import NAME, write_graph
from serving.search.vectors import ARRAYS, VERSION
from training.bundle.folder import prune, publish, staging, write_document
from training.errors import EncoderError

LENGTH_TOLERANCE = 1e-4  # of 1, the length of a vector


def write_vectors(
    folder: Path,
    encoder_id: str,
    arrays: Mapping[str, NDArray[np.generic]],
    *,
    with_graph: bool = False,
) -> Path:
    """The new version's folder, named by its content; the same content is kept once.

    `arrays` are those of serving.search.vectors.ItemVectors. A graph is not built twice the same: each makes
    another version.

    Raises:
        EncoderError: a vector is neither 0 nor of length 1.
    """
    if wrong := _wrong(arrays["vector"]):
        raise EncoderError(
            f"{wrong} of {len(arrays['vector'])} vectors of encoder {encoder_id} are neither 0 nor of "
            "length 1; nothing was written"
        )
    with staging(folder) as staged:
        for name, (dtype, _) in ARRAYS.items():
            np.save(staged / f"{name}.npy", arrays[name].astype(dtype, casting="equiv"))
        if with_graph:
            write_graph(staged / NAME, np.asarray(arrays["vector"], dtype=np.float32))
        document = {
            "version": VERSION,
            "encoder_id": encoder_id,
            "items": len(arrays["item_key"]),
            "texts": len(arrays["text_key"]),
            "sha256": {path.name: digest(path) for path in sorted(staged.iterdir())},
        }
        version = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]
        write_document(staged / MANIFEST, {"vectors_version": version, **document})
        published = publish(staged, version)
    prune(folder)
    return published


def _wrong(vectors: NDArray[np.generic]) -> int:
    lengths = np.linalg.norm(vectors, axis=1)
    return int((~((lengths == 0) | (abs(lengths - 1) < LENGTH_TOLERANCE))).sum())
