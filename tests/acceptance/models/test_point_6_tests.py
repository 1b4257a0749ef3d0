"""Each module is held against an independent reference."""

from collections.abc import Callable

import pytest

from tests.acceptance.made import PYTHON, run

FOLDERS = ("models", "learning", "evaluation", "leaderboard", "peers", "bundle")


@pytest.mark.parametrize("folder", FOLDERS)
def test_point_6a_module_tests_pass(folder: str, measured: Callable[[str], None]) -> None:
    done = run(PYTHON, "-m", "pytest", "-q", f"tests/unit/training/{folder}", check=False)
    measured(done.stdout.strip().splitlines()[-1])
    assert done.returncode == 0, done.stdout[-3000:]


def test_point_6b_the_same_seed_gives_the_same_models(measured: Callable[[str], None]) -> None:
    path = "tests/integration/training/test_train_and_recommend.py"
    done = run(PYTHON, "-m", "pytest", "-q", path, check=False)
    measured(done.stdout.strip().splitlines()[-1])
    assert done.returncode == 0, done.stdout[-3000:]
