"""What was learned, and a report that shows it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.made import PYTHON, Made, run
from training.models.retrievers import NAMES

STEPS = ("retriever", "ranker")
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
    judged = dict.fromkeys(m for t, m, k in found if (t, k) == ("new", "ndcg@10"))
    searches = [name for name in judged if name in NAMES]
    new = {m: found["new", m, "ndcg@10"] for m in ("pipeline", "popularity", *searches)}
    measured(f"ranker AUC {auc:.3f}")
    measured(f"calibration error {found['candidates', 'ranker', 'calibration_error']:.4f}")
    measured("new NDCG@10 " + ", ".join(f"{m} {v:.4f}" for m, v in new.items()))
    assert auc > 0.8
    assert new["pipeline"] > new["popularity"]
    assert searches
    assert max(new[name] for name in searches) > new["popularity"]


def test_point_5b_training_stops_at_the_best_epoch(
    full: Made, measured: Callable[[str], None]
) -> None:
    models = full.state / "models"
    retriever, ranker = (json.loads((models / f"{s}.json").read_text()) for s in STEPS)
    kept: dict[str, int] = {}
    for name, measure, best in (
        *((name, "recall", max) for name in retriever["served"]),
        *((name, "log_loss", min) for name in ranker["members"]),
    ):
        epochs = json.loads((models / f"{name}_curves.json").read_text())
        values = [epoch[measure] for epoch in epochs]
        assert len(values) > 1
        kept[name] = values.index(best(values)) + 1
        measured(f"{name} epoch {kept[name]} of {len(values)}")
    assert max(kept.values()) > 1


def test_point_5c_the_report_shows_curves_and_intervals(
    full: Made, measured: Callable[[str], None]
) -> None:
    page = (full.state / "report" / "index.html").read_text()
    members = json.loads((full.state / "models" / "ranker.json").read_text())["members"]
    learned = ("Retriever: two tower", *(f"Ranker: {name}" for name in members))
    for part in ("ROC", "Precision and recall", "Calibration", *learned):
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
    epochs = json.loads((state / "models" / "two_tower_curves.json").read_text())
    return [epoch["train_loss"] for epoch in epochs]


def test_point_5d_training_is_seeded(
    quick: Made, measured: Callable[[str], None], tmp_path: Path
) -> None:
    manifest = json.loads((quick.state / "bundles" / "current" / "manifest.json").read_text())
    seed = manifest["training"]["seed"]
    prepared = (quick.state / "prepared").resolve()
    first = json.loads((quick.state / "models" / "two_tower_curves.json").read_text())
    again = learned(tmp_path / "again", prepared, seed)
    other = learned(tmp_path / "other", prepared, seed + 1)
    assert again == pytest.approx([epoch["train_loss"] for epoch in first], rel=1e-4)
    assert other != pytest.approx(again, rel=1e-4)
    measured(f"seed {seed} again: last loss {again[-1]:.4f}; seed {seed + 1}: {other[-1]:.4f}")
