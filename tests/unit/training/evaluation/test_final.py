"""In a repository and a state folder of the test's own."""

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from training.errors import ScoreRefused
from training.final import check, log, require_permit, runs

NOW = datetime(2017, 11, 27, 5, tzinfo=UTC)
LATER = datetime(2017, 12, 11, 5, tzinfo=UTC)


def git(repository: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(
        ["git", "-C", str(repository), *identity, *arguments], check=True, capture_output=True
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "training").mkdir(parents=True)
    (folder / "training" / "model.py").write_text("one\n")
    git(folder, "init")
    git(folder, "add", ".")
    git(folder, "commit", "-m", "one")
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    (folder / "dataset").mkdir(parents=True)
    (folder / "dataset" / "dataset.yaml").write_text(yaml.safe_dump({"name": "shop"}))
    (folder / "bundles" / "current").mkdir(parents=True)
    (folder / "bundles" / "current" / "manifest.json").write_text(
        json.dumps({"training": {"seed": 7}})
    )
    return folder


@pytest.fixture
def log_file(repository: Path) -> Path:
    return repository / "docs" / "final_runs.jsonl"


def scored(state: Path) -> None:
    """Leaves what `make score` leaves."""
    document = {"dataset": "shop", "now": LATER.isoformat(), "bundle_id": "b"}
    document |= {"checks": [], "measurements": [{"value": 0.3}]}
    (state / "report").mkdir(exist_ok=True)
    path = state / "report" / "score.json"
    path.write_text(json.dumps(document))
    after_permit(state, path)
    compared(state)


def compared(state: Path) -> None:
    """Leaves what `make leaderboard` leaves."""
    row = {"dataset": "shop", "task": "any", "model": "ease", "metric": "ndcg@10", "value": 0.2}
    row |= {"low": 0.1, "high": 0.3, "seeds": [0], "period": "2017-12-11"}
    (state / "leaderboard").mkdir(exist_ok=True)
    path = state / "leaderboard" / "leaderboard.json"
    path.write_text(json.dumps([row | {"slice": "all"}, row | {"slice": "heavy_users"}]))
    path.with_name("leaderboard_goals.json").write_text(json.dumps([{"dataset": "shop"}]))
    after_permit(state, path)


def after_permit(state: Path, path: Path) -> None:
    permit = (state / "final_permit.json").stat().st_mtime_ns
    os.utime(path, ns=(permit + 1, permit + 1))


def commit(repository: Path, text: str = "") -> None:
    if text:
        (repository / "training" / "model.py").write_text(text)
    git(repository, "add", ".")
    git(repository, "commit", "-m", "more")


def test_a_run_is_logged_with_its_figures_commit_and_parameters(
    repository: Path, state: Path, log_file: Path
) -> None:
    check(state, log_file, repository)
    scored(state)
    assert log(state, log_file, repository) == 1
    (run,) = runs(log_file)
    assert run["measurements"] == [{"value": 0.3}]
    assert run["training"] == {"seed": 7}
    assert run["now"] == LATER.isoformat()
    assert len(run["commit"]) == 40
    assert [(row["model"], row["value"]) for row in run["leaderboard"]] == [("ease", 0.2)]
    assert run["goals"] == [{"dataset": "shop"}]


def test_a_score_without_its_peers_is_not_logged(
    repository: Path, state: Path, log_file: Path
) -> None:
    check(state, log_file, repository)
    scored(state)
    (state / "leaderboard" / "leaderboard.json").unlink()
    with pytest.raises(ScoreRefused, match="no figures of the peers"):
        log(state, log_file, repository)
    assert not runs(log_file)


def test_the_same_code_is_not_scored_twice(repository: Path, state: Path, log_file: Path) -> None:
    check(state, log_file, repository)
    scored(state)
    log(state, log_file, repository)
    commit(repository)  # the log itself: another commit of the same code
    with pytest.raises(ScoreRefused, match="was scored on shop on 20"):
        check(state, log_file, repository)


def test_other_code_and_other_data_are_scored(
    repository: Path, state: Path, log_file: Path
) -> None:
    check(state, log_file, repository)
    scored(state)
    log(state, log_file, repository)
    commit(repository)
    (state / "dataset" / "dataset.yaml").write_text(yaml.safe_dump({"name": "other"}))
    check(state, log_file, repository)
    (state / "dataset" / "dataset.yaml").write_text(yaml.safe_dump({"name": "shop"}))
    commit(repository, "two\n")
    check(state, log_file, repository)


def test_uncommitted_changes_are_refused(repository: Path, state: Path, log_file: Path) -> None:
    (repository / "training" / "model.py").write_text("two\n")
    with pytest.raises(ScoreRefused, match="1 files differ from the last commit"):
        check(state, log_file, repository)


def test_a_bad_score_must_be_logged_before_the_next(
    repository: Path, state: Path, log_file: Path
) -> None:
    check(state, log_file, repository)
    scored(state)
    with pytest.raises(ScoreRefused, match="never logged"):
        check(state, log_file, repository)


def test_code_changed_between_score_and_log_is_refused(
    repository: Path, state: Path, log_file: Path
) -> None:
    check(state, log_file, repository)
    scored(state)
    commit(repository, "two\n")
    with pytest.raises(ScoreRefused, match="the code changed"):
        log(state, log_file, repository)


def test_what_was_not_permitted_is_not_logged(
    repository: Path, state: Path, log_file: Path
) -> None:
    with pytest.raises(ScoreRefused, match="run `make final`"):
        log(state, log_file, repository)


def test_the_last_fortnight_is_not_looked_at_without_a_permit(
    repository: Path, state: Path, log_file: Path
) -> None:
    require_permit(state, NOW, NOW)
    with pytest.raises(ScoreRefused, match="is scored once, by `make final`"):
        require_permit(state, LATER, NOW)
    check(state, log_file, repository)
    require_permit(state, LATER, NOW)


def test_a_permit_is_for_one_scoring_even_before_it_is_logged(
    repository: Path, state: Path, log_file: Path
) -> None:
    check(state, log_file, repository)
    scored(state)
    with pytest.raises(ScoreRefused, match="never logged"):
        require_permit(state, LATER, NOW)
    require_permit(state, NOW, NOW)


def test_a_permit_is_spent_by_logging(repository: Path, state: Path, log_file: Path) -> None:
    check(state, log_file, repository)
    scored(state)
    log(state, log_file, repository)
    with pytest.raises(ScoreRefused):
        require_permit(state, LATER, NOW)
