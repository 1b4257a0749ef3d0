from pathlib import Path

import pytest

from training.errors import SettingsError
from training.models.ranker import NETWORKS
from training.models.retrievers import NAMES
from training.settings import TABLES, read_settings


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


def test_members_and_retrievers_are_read_in_their_order_with_or_without_blanks() -> None:
    named = {
        "RECSERVE_TRAINING_MEMBERS": "rnn, mlp",
        "RECSERVE_TRAINING_RETRIEVERS": "item_to_item,two_tower ,gru4rec",
    }
    found = read_settings(None, named)
    assert found.member_names == ["rnn", "mlp"]
    assert found.retriever_names == ["item_to_item", "two_tower", "gru4rec"]


def test_the_names_of_the_settings_are_those_of_the_models() -> None:
    assert tuple(TABLES["members"]) == tuple(NETWORKS)
    assert tuple(TABLES["retrievers"]) == NAMES


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("MEMBERS", "mlp,gbdt", "name some of mlp, cnn, rnn, transformer, trees, each once"),
        ("MEMBERS", "mlp,mlp", "each once"),
        ("MEMBERS", "", "name some of"),
        ("RETRIEVERS", "two_tower,sasrec", "item_to_item can't be left out: rankers read them"),
        ("RETRIEVERS", "sasrec", "two_tower and item_to_item can't be left out"),
        ("EMBEDDING_DROPOUT", "1", "less than 1"),
        ("ACTION_WEIGHT", "-0.1", "greater than or equal to 0"),
        ("ITEM_TO_ITEM_RANK", "0", "greater than or equal to 1"),
    ],
)
def test_a_wrong_choice_is_told_with_those_that_are_allowed(
    name: str, given: str, told: str
) -> None:
    with pytest.raises(SettingsError, match=rf"RECSERVE_TRAINING_{name}: .*{told}"):
        read_settings(None, {f"RECSERVE_TRAINING_{name}": given})
