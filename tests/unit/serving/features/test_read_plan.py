from typing import Any

import pytest

from serving.errors import ArtefactError
from serving.features.read_plan import ReadPlan, parse_read_plan
from tests.fakes.event_views import FURTHER_HALF_LIFE_DAYS, HISTORY, described, event_plan
from tests.fakes.read_plans import described_plan


def parsed(document: dict[str, Any]) -> ReadPlan:
    return parse_read_plan(document, "read_plan.json")


def test_an_action_for_stale_rows_that_nobody_knows_is_refused() -> None:
    document = described_plan()
    document["views"]["item_profile"]["stale_action"] = "ignore"
    with pytest.raises(ArtefactError, match="item_profile has stale_action 'ignore'; known are"):
        parse_read_plan(document, "read_plan.json")


def test_a_plan_knows_its_views_and_columns() -> None:
    plan = parsed(described_plan())
    assert [view.name for view in plan.views_of("item")] == ["item_profile", "item_activity"]
    assert plan.item_columns("int64") == ("item_profile.colour", "item_profile.shelf")
    assert plan.item_columns("float32") == ("item_activity.price",)


def test_a_column_of_several_models_is_in_the_snapshot_once() -> None:
    document = described_plan()
    document["models"]["other"] = document["models"]["ranker"]
    assert parsed(document).item_columns("float32") == ("item_activity.price",)


def test_another_version_is_refused() -> None:
    with pytest.raises(ArtefactError, match="is version 2, this program reads 1"):
        parsed(described_plan() | {"version": 2})


def test_columns_that_are_not_the_fingerprints_are_refused() -> None:
    document = described_plan()
    document["views"]["item_activity"]["columns"][0]["name"] = "fame"
    with pytest.raises(ArtefactError, match="view item_activity has fingerprint"):
        parsed(document)


def test_an_input_of_an_unknown_column_is_refused_by_name() -> None:
    document = described_plan()
    document["models"]["ranker"]["inputs"][2]["columns"] = ["item_activity.fame"]
    with pytest.raises(ArtefactError, match=r"ranker\.item_float names item_activity\.fame"):
        parsed(document)


def test_a_missing_part_is_named() -> None:
    document = described_plan()
    del document["views"]["item_profile"]["max_age_s"]
    with pytest.raises(ArtefactError, match=r"read_plan\.json lacks 'max_age_s'"):
        parsed(document)


def test_every_half_life_of_a_history_is_the_plans() -> None:
    updates = event_plan().views["user_history"].updates
    assert updates is not None
    assert updates.half_life_days == 91.0
    assert updates.further_half_life_days == FURTHER_HALF_LIFE_DAYS


def test_a_half_life_of_a_score_that_the_view_lacks_is_refused() -> None:
    columns = [c for c in HISTORY["columns"] if c["name"] != "owned_score_364"]
    document = described_plan()
    document["views"] |= described({"user_basket": HISTORY | {"columns": columns}})
    with pytest.raises(ArtefactError, match="update view user_basket, which lacks owned_score_364"):
        parsed(document)
