import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from training import traced

UNDER_WAY = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
try:
    print("under way", flush=True)
    signal.pause()
finally:
    print("put away")
"""


def test_a_package_counts_by_its_main_and_a_module_by_itself():
    assert traced.file_of("training.prepare") == "training/prepare/__main__.py"
    assert traced.file_of("training.traced") == "training/traced.py"


def test_what_is_imported_from_the_repository_is_listed_and_nothing_else():
    found = traced.imported()
    assert "training/traced.py" in found
    assert all((traced.ROOT / file).is_file() for file in found)
    folders = {file.partition("/")[0] for file in found}
    assert folders <= {"training", "serving", "protos", "tests", "feature_repo", "k8s"}


def test_the_rule_names_the_target_by_the_state_and_lets_a_file_vanish():
    assert traced.rule("models/a.ckpt", {"training/b.py", "training/a.py"}) == (
        "$(STATE)/models/a.ckpt: training/a.py training/b.py\ntraining/a.py:\ntraining/b.py:\n"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_step_that_is_ended_puts_away_what_it_started(tmp_path: Path, number: signal.Signals):
    (tmp_path / "step_under_way.py").write_text(UNDER_WAY)
    with subprocess.Popen(
        [sys.executable, "-m", "training.traced", "target", "step_under_way"],
        cwd=traced.ROOT,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "RECSERVE_STATE": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as step:
        assert step.stdout is not None
        assert step.stdout.readline() == "under way\n"
        step.send_signal(number)
        try:
            said, complaint = step.communicate(timeout=30)
        finally:
            step.kill()
    assert said == "put away\n"
    assert complaint == ""
    assert step.returncode == 128 + number
    assert not (tmp_path / "deps").exists()
