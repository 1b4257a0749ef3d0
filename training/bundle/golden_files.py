"""Golden batches as files: `golden/<model>.npz` with arrays `in.<input>` and `out.<output>`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serving.errors import ArtefactError
from training.bundle.agreement import Tensors

IN, OUT = "in.", "out."


@dataclass(frozen=True, slots=True)
class Golden:
    """Requests, and what the framework answered."""

    inputs: Tensors
    outputs: Tensors


def write_golden(path: Path, golden: Golden) -> None:
    """The same arrays give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {IN + name: values for name, values in golden.inputs.items()}
    arrays |= {OUT + name: values for name, values in golden.outputs.items()}
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read_golden(bundle: Path, model: str) -> Golden:
    """The golden batch of one model.

    Raises:
        ArtefactError: the file is missing.
    """
    path = bundle / "golden" / f"{model}.npz"
    if not path.is_file():
        raise ArtefactError(f"{path} is missing; export again")
    with np.load(path, allow_pickle=False) as arrays:
        return Golden(
            {n.removeprefix(IN): arrays[n] for n in arrays.files if n.startswith(IN)},
            {n.removeprefix(OUT): arrays[n] for n in arrays.files if n.startswith(OUT)},
        )
