"""What was learned, and a report that shows it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.made import PYTHON, Made, run

CLASSIFICATION = {
    "accuracy",
    "precision",
    "recall",
    "f1",
    "auc",
    "log_loss",
    "calibration_error",
}
RANKING = {f"{m}@{k}" for m in ("recall", "ndcg", "hit_rate", "coverage") for k in (10, 20)}
KEYS = {"dataset", "task", "model", "metric", "value", "low", "high", "seeds"}


def test_point_5a_models_learn_something(full: Made, measured: Callable[[str], None]) -> None:
    measurements = json.loads((full.state / "report" / "metrics.json").read_text())
    assert all(set(m) == KEYS and m["seeds"] for m in measurements)
    found = {(m["task"], m["model"], m["metric"]): m["value"] for m in measurements}
    for task in ("any", "new", "basket"):
        for model in ("pipeline", "popularity", "personal_decay"):
            assert {k for t, m, k in found if (t, m) == (task, model)} >= RANKING
    assert {k for t, _, k in found if t == "candidates"} >= CLASSIFICATION
    auc = found["candidates", "ranker", "auc"]
    new = {m: found["new", m, "ndcg@10"] for m in ("pipeline", "two_tower", "popularity")}
    measured(f"ranker AUC {auc:.3f}")
    measured(f"calibration error {found['candidates', 'ranker', 'calibration_error']:.4f}")
    measured("new NDCG@10 " + ", ".join(f"{m} {v:.4f}" for m, v in new.items()))
    assert auc > 0.8
    assert new["pipeline"] > new["popularity"]
    assert new["two_tower"] > new["popularity"]


def test_point_5b_training_stops_at_the_best_epoch(
    full: Made, measured: Callable[[str], None]
) -> None:
    for name, measure, best in (("retriever", "recall", max), ("ranker", "log_loss", min)):
        epochs = json.loads((full.state / "models" / f"{name}_curves.json").read_text())
        values = [epoch[measure] for epoch in epochs]
        assert len(values) > 1
        assert best(values) != values[0]
        measured(f"{name} epoch {values.index(best(values)) + 1} of {len(values)}")


def test_point_5c_the_report_shows_curves_and_intervals(
    full: Made, measured: Callable[[str], None]
) -> None:
    page = (full.state / "report" / "index.html").read_text()
    for part in ("ROC", "Precision and recall", "Calibration", "Retriever", "Ranker"):
        assert re.search(rf'alt="[^"]*{part}', page, re.IGNORECASE), part
    assert not re.search(r"""(?:src|href)=["'](?!data:)|<script""", page)
    intervals = len(re.findall(r'class="range">[-+]?\d\.\d{4} to', page))
    assert intervals > 50
    measured(f"{len(page) // 1024} KiB, {intervals} intervals")


def learned(state: Path, prepared: Path, seed: int) -> list[float]:
    """The losses of a retriever taught anew."""
    state.mkdir()
    (state / "prepared").symlink_to(prepared)
    run(
        *(PYTHON, "-m", "training.train_retriever", "--state", state),
        RECSERVE_TRAINING_PROFILE="quick",
        RECSERVE_TRAINING_SEED=str(seed),
    )
    epochs = json.loads((state / "models" / "retriever_curves.json").read_text())
    return [epoch["train_loss"] for epoch in epochs]


def test_point_5d_training_is_seeded(
    quick: Made, measured: Callable[[str], None], tmp_path: Path
) -> None:
    manifest = json.loads((quick.state / "bundles" / "current" / "manifest.json").read_text())
    seed = manifest["training"]["seed"]
    prepared = (quick.state / "prepared").resolve()
    first = json.loads((quick.state / "models" / "retriever_curves.json").read_text())
    again = learned(tmp_path / "again", prepared, seed)
    other = learned(tmp_path / "other", prepared, seed + 1)
    assert again == pytest.approx([epoch["train_loss"] for epoch in first], rel=1e-4)
    assert other != pytest.approx(again, rel=1e-4)
    measured(f"seed {seed} again: last loss {again[-1]:.4f}; seed {seed + 1}: {other[-1]:.4f}")
