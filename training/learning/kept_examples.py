"""Examples as a file, which processes read without a copy each."""

from dataclasses import asdict
from pathlib import Path

import torch

from training.atomic import replacing_file
from training.learning.ranker_examples import Examples


def keep(path: Path, examples: Examples) -> None:
    with replacing_file(path) as fresh:
        torch.save({**asdict(examples), "offsets": torch.from_numpy(examples.offsets)}, fresh)


def kept(path: Path) -> Examples:
    """Mapped from the file: it takes memory as it is read, which the machine can take back."""
    found = torch.load(path, mmap=True, weights_only=True)
    return Examples(**found | {"offsets": found["offsets"].numpy()})
