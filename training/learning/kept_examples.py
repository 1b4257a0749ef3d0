"""Examples as a file, which processes read without a copy each."""

from dataclasses import asdict
from pathlib import Path

import torch

from training.learning.ranker_examples import Examples


def keep(path: Path, examples: Examples) -> None:
    torch.save({**asdict(examples), "offsets": torch.from_numpy(examples.offsets)}, path)


def kept(path: Path) -> Examples:
    """Mapped from the file: it takes memory as it is read, which the machine can take back."""
    found = torch.load(path, mmap=True, weights_only=True)
    return Examples(**found | {"offsets": found["offsets"].numpy()})
