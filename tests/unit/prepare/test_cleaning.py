from datetime import UTC, datetime

import polars as pl
import pytest

from training.prepare.clean import catalogue, clean_events, problems

KINDS = ("purchase",)
TIME = datetime(2024, 1, 1, tzinfo=UTC)
GOOD = {
    "user_id": 1,
    "item_id": 2,
    "kind": "purchase",
    "time": TIME,
    "group": 3,
    "quantity": 1.0,
    "value": 2.0,
}


def frame(*changes: dict) -> pl.LazyFrame:
    schema = {"user_id": pl.Int64, "item_id": pl.Int64, "kind": pl.String}
    schema |= {"time": pl.Datetime("us", "UTC"), "group": pl.Int64}
    schema |= {"quantity": pl.Float64, "value": pl.Float64}
    return pl.LazyFrame([GOOD | change for change in changes], schema=schema)


@pytest.mark.parametrize(
    "bad",
    [
        {"user_id": None},
        {"item_id": None},
        {"group": None},
        {"time": None},
        {"quantity": 0.0},
        {"quantity": -1.0},
        {"quantity": None},
        {"quantity": float("nan")},
        {"quantity": float("inf")},
        {"value": 0.0},
        {"value": float("nan")},
        {"kind": "click"},
    ],
)
def test_a_line_that_is_no_purchase_is_left_out(bad: dict) -> None:
    assert clean_events(frame(bad), KINDS).collect().is_empty()
    assert clean_events(frame({}), KINDS).collect().height == 1


def test_what_is_left_out_is_counted_by_reason() -> None:
    lines = ({}, {"quantity": 0.0}, {"value": 0.0}, {"user_id": None}, {"kind": "click"})
    found = problems(frame(*lines), KINDS).collect()
    assert found.row(0, named=True) == {
        "lines": 5,
        "of_other_kinds": 1,
        "without_id": 1,
        "without_time": 0,
        "without_quantity": 1,
        "without_value": 1,
    }


def test_a_basket_holds_an_item_once_with_its_lines_added_up() -> None:
    lines = frame({}, {"quantity": 2.0, "value": 3.0})
    row = clean_events(lines, KINDS).collect().row(0, named=True)
    assert (row["quantity"], row["value"]) == (3.0, 5.0)


def test_a_line_of_unknown_value_is_kept_and_makes_its_baskets_value_unknown() -> None:
    lines = frame({}, {"value": None}, {"group": 4, "value": None}, {"group": 5})
    cleaned = clean_events(lines, KINDS).sort("group").collect()
    assert cleaned["value"].to_list() == [None, None, 2.0]
    assert cleaned["quantity"].to_list() == [2.0, 1.0, 1.0]


def test_the_target_kinds_are_those_of_the_data_set() -> None:
    lines = frame({}, {"group": 4, "kind": "enrol"}, {"group": 5, "kind": None})
    assert clean_events(lines, ["enrol", "purchase"]).collect()["group"].to_list() == [3, 4]


def test_the_catalogue_counts_events_before_now_alone() -> None:
    later = datetime(2024, 2, 1, tzinfo=UTC)
    events = frame({"group": 1}, {"group": 2}, {"item_id": 9}, {"item_id": 9, "time": later})
    cleaned = clean_events(events, KINDS)
    assert catalogue(cleaned, later, 2).collect()["item_id"].to_list() == [2]
    assert catalogue(cleaned, later, 1).collect()["item_id"].to_list() == [2, 9]
