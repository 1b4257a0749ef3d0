from pathlib import Path

import pytest

from training.errors import SettingsError
from training.settings import read_settings


def test_the_quick_profile_is_a_default_that_a_named_setting_beats() -> None:
    quick = {"RECSERVE_TRAINING_PROFILE": "quick"}
    assert read_settings(None, quick).ranker_cutoffs == 2
    named = quick | {"RECSERVE_TRAINING_RANKER_CUTOFFS": "4"}
    assert read_settings(None, named).ranker_cutoffs == 4


def test_every_wrong_setting_is_named_at_once() -> None:
    wrong = {"RECSERVE_TRAINING_SPEED": "9", "RECSERVE_TRAINING_SEED": "-1"}
    with pytest.raises(SettingsError, match=r"TRAINING_SPEED is no setting; .*TRAINING_SEED: "):
        read_settings(None, wrong)


def test_a_state_given_by_hand_wins() -> None:
    found = read_settings(Path("mine"), {"RECSERVE_TRAINING_STATE": "theirs"})
    assert found.prepared == Path("mine/prepared")
