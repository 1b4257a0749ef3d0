"""What the Makefile decides by itself: a copy of it runs a stand-in for the project's Python."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.system import OURS, ROOT

# Says which module it was asked to run, and makes the step's target as the step would.
STAND_IN = """#!/bin/bash
shift
if [ "$1" = training.traced ]; then
  mkdir -p "$(dirname "$RECSERVE_STATE/$2")"
  touch "$RECSERVE_STATE/$2"
  shift 2
fi
echo "ran $* (profile $RECSERVE_TRAINING_PROFILE)"
"""
STEPS = (
    "datasets",
    "prepare",
    "train_retriever",
    "train_ranker",
    "export",
    "evaluate",
    "report",
    "materialize",
    "snapshot",
)


class Clone:
    """The Makefile in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copy(ROOT / "Makefile", folder)
        for name in ("requirements", "feature_repo", "protos/recserve/v1", "training/templates"):
            ignored = shutil.ignore_patterns("*_pb2*", "__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)

    def set_up(self) -> "Clone":
        for path in (".venv/project/.done", ".venv/triton/.done", "build/protos.done"):
            (self.folder / path).parent.mkdir(parents=True)
            (self.folder / path).touch()
        python = self.folder / ".venv/project/bin/python"
        python.parent.mkdir()
        python.write_text(STAND_IN)
        python.chmod(0o755)
        return self

    def make(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        kept = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        return subprocess.run(
            ["make", "--no-print-directory", *arguments],
            cwd=self.folder,
            env=kept,
            capture_output=True,
            text=True,
            check=False,
        )

    def ran(self, *arguments: str) -> list[str]:
        done = self.make(*arguments)
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.splitlines() if line.startswith("ran ")]

    def steps(self, *arguments: str) -> tuple[str, ...]:
        """The offline steps that were redone, in their order."""
        modules = {line.split()[1].rpartition(".")[2] for line in self.ran("start", *arguments)}
        return tuple(step for step in STEPS if step in modules)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.mark.parametrize("target", ["status", "logs", "demo", "score"])
def test_before_anything_is_set_up_a_target_says_what_does_it(clone: Clone, target: str) -> None:
    done = clone.make(target)
    assert done.returncode != 0
    assert done.stderr.splitlines()[0] == "Nothing is set up here yet; make up does it."


def test_before_anything_is_set_up_there_is_nothing_to_stop_or_remove(clone: Clone) -> None:
    for target in ("help", "down", "clean"):
        done = clone.make(target)
        assert (done.returncode, done.stderr) == (0, "")
    assert not (clone.folder / "build").exists()


def test_a_second_start_redoes_nothing(clone: Clone) -> None:
    assert clone.set_up().steps() == STEPS
    assert clone.steps() == ()


@pytest.mark.parametrize(
    ("given", "redone"),
    [
        ("RECSERVE_TRAINING_SEED=8", STEPS[2:7] + STEPS[8:]),
        ("CUTOFFS=9", STEPS),
        ("GATEWAY_PORT=50099", ()),
    ],
)
def test_a_changed_setting_redoes_what_depends_on_it(
    clone: Clone, given: str, redone: tuple[str, ...]
) -> None:
    clone.set_up().steps()
    assert clone.steps(given) == redone
    assert clone.steps(given) == ()


def test_a_changed_file_redoes_the_steps_that_ran_it(clone: Clone) -> None:
    state = clone.folder / "build/full"
    clone.set_up().steps()
    (state / "deps").mkdir()
    (state / "deps/training.train_ranker.d").write_text(
        "$(STATE)/models/ranker.ckpt: training/lesson.py\ntraining/lesson.py:\n"
    )
    (clone.folder / "training/lesson.py").touch()
    assert clone.steps() == STEPS[3:7] + STEPS[8:]
    (clone.folder / "training/lesson.py").unlink()
    assert clone.steps() == STEPS[3:7] + STEPS[8:]


def test_make_final_takes_nothing_that_changes_its_figures(clone: Clone) -> None:
    given = (
        "PROFILE=quick",
        "USERS=5",
        "CUTOFFS=4",
        "NOW=2017-01-01",
        "DATASET=shop",
        "STATE=build/x",
    )
    ran = clone.set_up().ran("final", *given)
    assert "ran training.final check --state build/final (profile quick)" in ran
    assert (
        "ran training.datasets --out build/final/dataset --name complete_journey --users 0 (profile full)"
        in ran
    )
    at = "--cutoffs 15 --now 2017-12-11T05:00:00Z"
    assert f"ran training.prepare --state build/final {at} (profile full)" in ran
    scored = ran.index(
        "ran training.score --state build/final --endpoint 127.0.0.1:50051 (profile full)"
    )
    judged = ran.index(
        "ran training.leaderboard --state build/final --out build/final/leaderboard --report "
        "build/final/leaderboard --cutoff 2017-12-11T05:00:00Z (profile full)"
    )
    # Nothing serves while all are asked, and what is scored was started right before.
    assert ran[judged - 1].startswith("ran serving.local.stack down")
    assert ran[judged - 2].startswith("ran serving.local.stack up")
    assert ran[judged + 1 : scored] == ["ran serving.local.stack up (profile full)"]
    assert ran[scored + 1].startswith("ran training.final log --state build/final")
    assert ran[scored + 2].startswith("ran serving.local.stack down")


def test_a_folder_that_make_did_not_make_is_not_removed(clone: Clone) -> None:
    kept = clone.folder / "photos"
    kept.mkdir()
    done = clone.make("clean", "STATE=photos")
    assert done.returncode != 0
    assert "photos was not made by this Makefile; remove it by hand." in done.stdout
    assert kept.is_dir()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("PROFILE=fast", "PROFILE is"),
        ("STATE=two words", "STATE is"),
        ("DATASET=books", 'DATASET is "books"; give complete_journey, courses, movielens or shop'),
    ],
)
def test_a_wrong_variable_is_named(clone: Clone, given: str, said: str) -> None:
    done = clone.make("help", given)
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.parametrize(
    ("profile", "users"), [("quick", {"shop": 400, "movielens": 0}), ("full", {"courses": 0})]
)
def test_a_data_set_is_made_by_its_name_in_a_folder_of_its_own(
    clone: Clone, profile: str, users: dict[str, int]
) -> None:
    clone.set_up()
    for name, count in users.items():
        ran = clone.ran("start", f"DATASET={name}", f"PROFILE={profile}")
        folder = f"build/{name}-{profile}"
        made = f"--out {folder}/dataset --name {name} --users {count} (profile {profile})"
        assert f"ran training.datasets {made}" in ran
        assert f"dataset={name}" in (clone.folder / folder / "settings").read_text()


def test_a_folder_of_ones_own_and_a_name_are_not_given_together(clone: Clone) -> None:
    done = clone.make("help", "DATA=/x", "DATASET=shop")
    assert done.returncode != 0
    assert "DATA and DATASET are both given" in done.stderr
    assert clone.make("help", "DATA=/x").returncode == 0


def test_tables_of_ones_own_may_lie_in_any_folder_beside_anything(clone: Clone) -> None:
    data = clone.folder / "my shop's tables"
    data.mkdir()
    for name in ("dataset.yaml", "items.csv", "users.csv", "events.csv", "Export of 2024: notes"):
        (data / name).write_text(name)
    clone.set_up()
    given = f"DATA={data}"
    assert clone.steps(given) == STEPS
    (data / "Export of 2024: notes").write_text("read by nobody")
    assert clone.steps(given) == ()
    (data / "items.csv").write_text("other items")
    assert clone.steps(given) == STEPS
    (data / "users.csv").unlink()
    assert clone.steps(given) == STEPS
    assert clone.steps(given) == ()


def test_a_recipe_of_a_data_set_gives_way_to_what_is_set(clone: Clone) -> None:
    clone.set_up()
    clone.ran("start", "DATASET=movielens", "RECSERVE_TRAINING_RANKER_BATCH=16")
    settings = (clone.folder / "build/movielens-full/training-settings").read_text()
    assert "RECSERVE_TRAINING_RANKER_BATCH=16" in settings
    assert "RECSERVE_TRAINING_UNKNOWN_SHARE=0.5" in settings
    clone.ran("start", "DATASET=shop")
    others = (clone.folder / "build/shop-full/training-settings").read_text()
    assert "UNKNOWN_SHARE" not in others


def test_a_python_that_is_not_3_11_is_named_with_what_to_set(clone: Clone) -> None:
    done = subprocess.run(
        ["requirements/install.sh", "venv", "", "requirements/data.lock"],
        cwd=clone.folder,
        env=os.environ | {"PYTHON": "/nowhere/python"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == (
        "Python 3.11 is needed and /nowhere/python is not there; set PYTHON=/path/to/python3.11.\n"
    )


def test_an_install_that_fails_says_what_to_look_at(clone: Clone) -> None:
    lock = clone.folder / "requirements/none.lock"
    lock.write_text(f"no-such-package-of-ours==1.0 --hash=sha256:{'0' * 64}\n")
    done = subprocess.run(
        ["requirements/install.sh", "venv", "", lock],
        cwd=clone.folder,
        env=os.environ | {"PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "pip could not make venv; what it says above is why." in done.stderr
