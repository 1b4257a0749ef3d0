import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from training.errors import PreparedError
from training.evaluation import curves
from training.evaluation.classification import Pairs, classification
from training.evaluation.held_out import TASKS, Targets
from training.evaluation.measurements import Subject, ranking, write
from training.ragged import Ragged
from training.report import write_page

SUBJECT = Subject("small_shop", 7, 10)
VOID = {"meta", "img", "br", "link"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """What an evaluation of two users leaves."""
    draw = np.random.default_rng(1)
    pairs = Pairs(np.arange(40) // 20, draw.random(40, np.float32), draw.random(40) < 0.4)
    items = Ragged(np.array([1, 2], np.int64), np.array([0, 1, 2]), -1)
    measured = [
        SUBJECT.measured("candidates", "ranker", name, found)
        for name, found in classification(pairs, 0.5, 7).items()
    ]
    for task in TASKS:
        targets = Targets(task, pl.Series([1, 2]), items)
        measured += ranking(SUBJECT, targets, {"pipeline": np.array([[1], [5]])})
    write(tmp_path / "report" / "metrics.json", measured)
    material = {
        "dataset": "small_shop",
        "now": "2024-06-03T00:00:00+00:00",
        "cutoff": "2024-05-20T00:00:00+00:00",
        "first_cutoff": "2024-04-01T00:00:00+00:00",
        "cutoffs": 5,
        "horizon_days": 14,
        "profile": "quick",
        "seed": 7,
        "items": 10,
        "users": dict.fromkeys(TASKS, 2),
        "pairs": 40,
        "bought_share": 0.4,
        "threshold": 0.5,
        "roc": curves.roc(pairs),
        "precision_recall": curves.precision_recall(pairs),
        "calibration": curves.calibration(pairs),
    }
    (tmp_path / "report" / "evaluation.json").write_text(json.dumps(material))
    (tmp_path / "models").mkdir()
    epochs = [
        {"epoch": 1, "train_loss": 0.5, "auc": 0.7},
        {"epoch": 2, "train_loss": 0.4, "auc": 0.8},
    ]
    taught = {"retriever": {"early": {"two_tower": {}}, "served": {"two_tower": {}, "sasrec": {}}}}
    click = {"auc": 0.8765, "log_loss_calibrated": 0.1234, "share": 0.0321}
    never = {"auc": None, "log_loss_calibrated": 0.0, "share": 0.0}
    others = {"actions": {"click": click, "wish": never}}
    taught["ranker"] = {"members": {"mlp": others, "transformer": {}}}
    for step, figures in taught.items():
        (tmp_path / "models" / f"{step}.json").write_text(json.dumps(figures))
    for name in ("two_tower_early", "two_tower", "sasrec", "mlp", "transformer", "of_another_run"):
        (tmp_path / "models" / f"{name}_curves.json").write_text(json.dumps(epochs))
    return tmp_path


def score(state: Path, bundle_id: str) -> None:
    """A score of bundle b1, in a state folder whose current bundle is `bundle_id`."""
    measured = json.loads((state / "report" / "metrics.json").read_text())
    served = [m | {"model": "served", "value": 0.4321} for m in measured if m["task"] == "any"]
    document = {"dataset": "small_shop", "now": "2024-06-03T00:00:00+00:00", "horizon_days": 14}
    document |= {"bundle_id": "b1", "users": dict.fromkeys(TASKS, 2), "measurements": served}
    document["answers"] = {"count": 4, "degraded": 0, "cold_starts": 0, "identical_to_offline": 1.0}
    document["checks"] = [{"name": "a", "text": "served < bar", "passed": False, "judged": True}]
    document["differences"] = [
        {"task": "any", "metric": "ndcg@10", "value": 0.01, "low": -0.1, "high": 0.1}
    ]
    (state / "report" / "score.json").write_text(json.dumps(document))
    manifest = {"bundle_id": bundle_id, "created_at": "today", "code_commit": "abc"}
    manifest["feature_services"] = {"ranker": "f00d"}
    (state / "bundles" / "current").mkdir(parents=True)
    (state / "bundles" / "current" / "manifest.json").write_text(json.dumps(manifest))


class Balance(HTMLParser):
    """Fails on a tag that is closed out of turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_loads_nothing_and_is_well_formed(state: Path) -> None:
    page = write_page(state).read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:)|@import|url\(|<script""", page)
    parser = Balance()
    parser.feed(page)
    assert parser.open == []


def test_the_page_shows_curves_tables_intervals_and_the_data(state: Path) -> None:
    page = write_page(state).read_text()
    assert page.count("data:image/svg+xml;base64,") == 8  # ROC, PR, calibration, and epochs
    learned = re.findall(r'alt="Learning curves: ([^"]+)"', page)
    assert learned == [
        "Retriever: two tower",
        "Retriever: sasrec",
        "Retriever: two tower, before the ranker&#39;s cut-offs",
        "Ranker: mlp",
        "Ranker: transformer",
    ]
    for part in ("Small Shop", "ndcg@10", "calibration error", "95&#8239;% intervals", "10 items"):
        assert part in page
    assert len(re.findall(r'class="range">0\.\d{4} to ', page)) > 10


def test_other_actions_are_shown_where_there_are_any(state: Path) -> None:
    page = write_page(state).read_text()
    (shown,) = re.findall(r"<h2>Other actions</h2>.*?</table>", page, re.DOTALL)
    rows = re.findall(r"<tr><th>mlp</th>(.*)</tr>", shown)
    assert rows == [
        "<td>click</td><td>0.8765</td><td>0.1234</td><td>0.0321</td>",
        (
            '<td>wish</td><td><span class="none">not measured</span></td>'
            "<td>0.0000</td><td>0.0000</td>"
        ),
    ]
    (state / "models/ranker.json").write_text(json.dumps({"members": {"mlp": {}}}))
    assert "Other actions" not in write_page(state).read_text()


def test_served_figures_are_shown_once_the_current_bundle_was_scored(state: Path) -> None:
    score(state, "b1")
    page = write_page(state).read_text()
    assert "0.4321" in page
    assert 'class="fails">fails</span>: served &lt; bar' in page
    assert "+0.0100" in page


def test_the_score_of_another_bundle_is_not_shown(state: Path) -> None:
    score(state, "b2")
    assert "0.4321" not in write_page(state).read_text()


def test_without_an_evaluation_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(PreparedError, match=r"run training\.evaluate first"):
        write_page(tmp_path)
