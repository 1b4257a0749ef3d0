from pathlib import Path
from traceback import format_exception

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
        ("PINNED_BUNDLES", "0123456789abcdef,latest", "16 hexadecimal digits each, or `current`"),
        ("PINNED_BUNDLES", "../0123456789abc", "name ids of bundles"),
        ("FEAST_REGISTRY", "registry.db", "no database of a kind that is known"),
        ("FEAST_REGISTRY", "postgresql://db/feast", "no database of a kind that is known"),
        ("FEAST_REGISTRY", "postgresql+psycopg://recserve@db:5432", "no database is named"),
        ("FEAST_REGISTRY", "postgresql+psycopg://recserve@db:x/feast", "no URL"),
        ("FEAST_REGISTRY", "sqlite:///relative.db", "the path is not absolute"),
    ],
)
def test_a_wrong_choice_is_told_with_those_that_are_allowed(
    name: str, given: str, told: str
) -> None:
    with pytest.raises(SettingsError, match=rf"RECSERVE_TRAINING_{name}: .*{told}"):
        read_settings(None, {f"RECSERVE_TRAINING_{name}": given})


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://recserve:hunter2@db:5432/feast",
        "postgresql+psycopg://recserve:hunter2/x@db:5432/feast",
        "postgresql+psycopg://recserve@db:5432/feast?password=hunter2",
        "mysql://recserve:hunter2@db/feast",
    ],
)
def test_a_registry_s_address_is_refused_without_its_password_being_told(address: str) -> None:
    with pytest.raises(SettingsError, match="RECSERVE_TRAINING_FEAST_REGISTRY: ") as wrong:
        read_settings(None, {"RECSERVE_TRAINING_FEAST_REGISTRY": address})
    assert "hunter2" not in "".join(format_exception(wrong.value))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql+psycopg://recserve@db.internal:5432/feast?sslmode=verify-full&sslrootcert=/x",
        "postgresql+psycopg:///feast?host=/run/postgresql",
        "sqlite:////srv/feast/registry.db",
    ],
)
def test_a_registry_may_be_a_database(address: str) -> None:
    found = read_settings(None, {"RECSERVE_TRAINING_FEAST_REGISTRY": address})
    assert found.feast_registry == address
    assert read_settings(None, {"RECSERVE_TRAINING_FEAST_REGISTRY": ""}).feast_registry is None


def test_pinned_bundles_are_read_with_or_without_blanks() -> None:
    given = {"RECSERVE_TRAINING_PINNED_BUNDLES": "current, 0123456789abcdef"}
    assert read_settings(None, given).pinned == ["current", "0123456789abcdef"]
    assert read_settings(None, {}).pinned == []
