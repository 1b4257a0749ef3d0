"""MovieLens-100K and the made-up worlds: the whole system on each, and its figures beside the baselines."""

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.made import PYTHON, Made, run
from tests.e2e.system import ROOT, run_make

TABLE = re.compile(r" \d+ +\S.* +\d+\.\d% +(?:repeat|two-tower|popular)")
BASELINES = ("popularity", "personal_decay")


@pytest.mark.parametrize(
    ("made", "surface", "models"),
    [
        ("movielens", "SURFACE_CONTENT", BASELINES),
        ("shop", "SURFACE_PRODUCT", ("oracle", *BASELINES)),
        ("courses", "SURFACE_CONTENT", ("oracle", *BASELINES)),
    ],
    indirect=["made"],
)
def test_point_5a_the_system_on_each_and_its_figures_beside_the_baselines(
    made: Made, surface: str, models: tuple[str, ...], measured: Callable[[str], None]
) -> None:
    assert len(TABLE.findall(made.output)) >= 5, made.output[-4000:]
    policy = json.loads((made.state / "bundles/current/policy.json").read_text())
    assert policy["surfaces"][0] == surface
    done = made.system.make("score", check=False)
    document = json.loads((made.state / "report" / "score.json").read_text())
    found = {
        (m["task"], m["model"]): m["value"]
        for m in document["measurements"]
        if m["metric"] == "ndcg@10"
    }
    shown = ("served", *models)
    for task in ("any", "new", "basket"):
        figures = ", ".join(f"{model} {found[task, model]:.3f}" for model in shown)
        measured(f"{task} NDCG@10 {figures}")
    assert abs(found["any", "served"] - found["any", "offline"]) <= 0.002
    assert document["answers"]["degraded"] == 0
    assert done.returncode == 0, done.stdout[-3000:]
    for word in ("any", "new", "basket", *(w for model in models for w in model.split("_"))):
        assert word in done.stdout


def test_point_5b_a_seed_decides_every_row(tmp_path: Path, measured: Callable[[str], None]) -> None:
    def digests(name: str, seed: int) -> dict[str, str]:
        out = tmp_path / f"{name}-{seed}"
        command = ("-m", "training.datasets", "--name", "shop", "--users", "200")
        run(PYTHON, *command, "--seed", str(seed), "--out", out)
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in out.glob("*.parquet")}

    once, again, other = digests("once", 1), digests("again", 1), digests("other", 2)
    assert once == again
    assert not set(once.values()) & set(other.values())
    measured(f"{len(once)} tables, equal bytes for equal seeds and none for others")


def test_point_5c_what_was_planted_is_what_is_found(measured: Callable[[str], None]) -> None:
    tests = ROOT / "tests" / "unit" / "datasets" / "generated" / "test_ground_truth.py"
    done = run(PYTHON, "-m", "pytest", "-v", tests)
    passed = done.stdout.count(" PASSED")
    assert passed > 20
    measured(f"{passed} tests of position bias, propensities, intervals and the oracle's chances")


def test_point_5d_an_unknown_data_set_is_one_sentence(measured: Callable[[str], None]) -> None:
    with pytest.raises(AssertionError, match='DATASET is "books"; give complete_journey') as told:
        run_make("status", "DATASET=books")
    measured(next(line for line in str(told.value).splitlines() if "DATASET is" in line).strip())
