from pathlib import Path

import numpy as np
import torch

from training.candidates import Sources
from training.known import Known
from training.learning.kept_examples import keep, kept
from training.learning.ranker_examples import ExampleBatches, Sampling, UserOrder, examples
from training.models.ranker import Ranker


def test_what_is_kept_gives_the_same_batches(
    known: Known, sources: Sources, ranker: Ranker, tmp_path: Path
) -> None:
    made = examples(known, sources, ranker, Sampling(0.5, 0.1, 3))
    keep(tmp_path / "examples.pt", made)
    found = kept(tmp_path / "examples.pt")
    (tmp_path / "examples.pt").unlink()  # it stays readable for who has opened it
    assert np.array_equal(found.offsets, made.offsets)
    for which in UserOrder(made, 16, 1):
        one, other = ExampleBatches(made)[which], ExampleBatches(found)[which]
        assert set(one) == set(other)
        for name, values in one.items():
            assert torch.equal(torch.nan_to_num(values), torch.nan_to_num(other[name]))
