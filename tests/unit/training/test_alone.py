"""Two jobs never work on one state folder at once, and who waits says for whom."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.meta.imports import ROOT, source
from training.alone import JOB, alone
from training.errors import Busy

PATIENCE_S = 60.0


@contextmanager
def program(*arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RECSERVE_")}
    process = subprocess.Popen(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def waited_for(path: Path) -> bool:
    until = time.monotonic() + PATIENCE_S
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.05)
    return path.exists()


def test_the_second_waits_then_is_refused_by_the_name_of_the_first(tmp_path: Path) -> None:
    said: list[str] = []
    with (
        alone(tmp_path, "training.prepare", said.append),
        pytest.raises(Busy) as refused,
        alone(tmp_path, "training.materialize", said.append, wait_s=0.6),
    ):
        raise AssertionError("both work")
    assert "training.prepare on " in str(refused.value)
    assert [line.endswith("waiting for it") for line in said] == [
        True
    ]  # once, however often it looks


def test_the_lock_goes_with_an_error_and_whose_it_was_is_forgotten(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), alone(tmp_path, "first", print):
        raise ZeroDivisionError
    assert (tmp_path / ".step.lock").read_text() == ""
    with alone(tmp_path, "second", print, wait_s=0):
        assert (tmp_path / ".step.lock").read_text().startswith("second on ")


def test_without_a_state_folder_there_is_nothing_to_lock(tmp_path: Path) -> None:
    with alone(tmp_path / "mistyped", "training.prepare", print):
        assert not (tmp_path / "mistyped").exists()


def test_a_job_holds_the_folder_until_it_is_ended_and_the_next_follows(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    with program("training.alone", "--state", tmp_path, "--held", first) as one:
        assert waited_for(first)
        assert (tmp_path / JOB).read_text().startswith("a job on ")
        second.touch()  # as of a container that was killed
        with program("training.alone", "--state", tmp_path, "--held", second) as other:
            assert other.stdout is not None
            assert "waiting for it" in other.stdout.readline()
            assert not second.exists()
            with alone(
                tmp_path, "a step of the job's", print, wait_s=0
            ):  # it doesn't wait for its job
                assert not second.exists()
            one.send_signal(signal.SIGTERM)
            assert one.wait(PATIENCE_S) == 0
            assert waited_for(second)


def test_those_that_share_the_lock_keep_others_out_until_the_last_has_ended(tmp_path: Path) -> None:
    with ExitStack() as members:
        members.enter_context(alone(tmp_path, "a member", print, wait_s=0, shared=True))
        with alone(tmp_path, "another", print, wait_s=0, shared=True):
            pass
        with pytest.raises(Busy), alone(tmp_path, "training.prepare", print, wait_s=0):
            raise AssertionError("it works beside a member")
    with (
        alone(tmp_path, "training.prepare", print, wait_s=0),
        pytest.raises(Busy),
        alone(tmp_path, "a member", print, wait_s=0, shared=True),
    ):
        raise AssertionError("a member works beside it")


def test_jobs_that_share_the_lock_hold_it_at_once(tmp_path: Path) -> None:
    held = [tmp_path / "one", tmp_path / "other"]
    with ExitStack() as running:
        for file in held:
            command = ("training.alone", "--state", tmp_path, "--shared", "--held", file)
            running.enter_context(program(*command))
        assert all(waited_for(file) for file in held)


def test_a_step_waits_its_turn(tmp_path: Path) -> None:
    with (
        alone(tmp_path, "another step", print),
        program("training.prepare", "--state", tmp_path) as waiting,
    ):
        assert waiting.stdout is not None
        assert waiting.stdout.readline().startswith("another step on ")


@pytest.mark.parametrize(
    "step", ["prepare", "train_retriever", "train_ranker", "export", "materialize"]
)
def test_every_step_that_writes_takes_the_lock(step: str) -> None:
    """Each would need a whole system to be seen waiting."""
    assert f'"training.{step}", console.print' in source(f"training.{step}")
