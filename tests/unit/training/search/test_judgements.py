from pathlib import Path

import pytest
import yaml

from tests.unit.training.search.conftest import catalogue
from training.errors import JudgementsError
from training.search.judgements import (
    FILE,
    KINDS,
    Judgement,
    Judgements,
    read_judgements,
    unmatched,
)

PIZZA = {"query": "pizza", "kind": "plain", "grades": {3: [{"category": ["FROZEN PIZZA"]}]}}


def written(folder: Path, **changed: object) -> Path:
    path = folder / "judgements.yaml"
    given = {"version": 1, "dataset": "corner", "queries": [PIZZA]} | changed
    path.write_text(yaml.safe_dump(given))
    return path


def test_the_file_of_the_repository_has_fifty_queries_of_every_kind() -> None:
    found = read_judgements(FILE)
    assert len(found.queries) == 50
    assert {one.kind for one in found.queries} == set(KINDS)
    assert found.dataset == "complete_journey"


def test_a_file_gives_what_is_written_in_it(tmp_path: Path) -> None:
    found = read_judgements(written(tmp_path))
    assert found == Judgements("corner", (Judgement("pizza", "plain", PIZZA["grades"]),))


def test_an_item_gets_the_highest_grade_whose_conditions_it_meets() -> None:
    judgement = Judgement(
        "pizza",
        "plain",
        {
            3: [{"category": ["FROZEN PIZZA"], "type": ["*/PREMIUM"]}],
            1: [{"category": ["FROZEN*"]}, {"type": ["CREAM CHEESE", "BUTTER"]}],
        },
    )
    assert judgement.graded(catalogue()) == {10: 3, 11: 3, 12: 1, 13: 1, 14: 1}


def test_a_label_is_taken_as_it_stands() -> None:
    judgement = Judgement("x", "plain", {3: [{"type": ["PIZZA.PREMIUM", "BUTTE", "[A-Z]*"]}]})
    assert judgement.graded(catalogue()) == {}


def test_every_value_has_to_meet_an_item() -> None:
    grades = {
        3: [{"category": ["FROZEN PIZZA", "NONE SUCH"]}],
        1: [{"category": ["CHEESE"], "type": ["BUTTER"]}],
    }
    found = unmatched(Judgements("corner", (Judgement("pizza", "plain", grades),)), catalogue())
    assert found == [
        "pizza, grade 3: no item has {'category': ['NONE SUCH']}",
        "pizza, grade 1: no item has {'category': ['CHEESE'], 'type': ['BUTTER']}",
        "pizza, grade 1: no item has {'category': ['CHEESE'], 'type': ['BUTTER']}",
    ]


def test_a_column_that_the_catalogue_has_not_is_named() -> None:
    with pytest.raises(JudgementsError, match="pizza: the catalogue has no column colour"):
        Judgement("pizza", "plain", {3: [{"colour": ["RED"]}]}).graded(catalogue())


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"version": 2}, "version is 2, not 1"),
        ({"dataset": None}, "dataset is None"),
        ({"queries": []}, "queries is no list"),
        ({"more": 1}, "mapping of version, dataset, queries"),
        ({"queries": ["pizza"]}, "query 1 has no text"),
        ({"queries": [PIZZA, PIZZA]}, "pizza is there twice"),
        ({"queries": [PIZZA | {"kind": "odd"}]}, "pizza: kind is 'odd'"),
        ({"queries": [PIZZA | {"grade": 3}]}, "pizza: grade is none of query, kind, grades"),
        ({"queries": [PIZZA | {"kind": "nothing"}]}, "pizza: it needs grades, unless"),
        ({"queries": [PIZZA | {"grades": {}}]}, "pizza: it needs grades, unless"),
        ({"queries": [PIZZA | {"grades": [3]}]}, "pizza: grades is no mapping"),
        ({"queries": [PIZZA | {"grades": {4: [{"type": ["A"]}]}}]}, "grade 4 is none of"),
        ({"queries": [PIZZA | {"grades": {True: [{"type": ["A"]}]}}]}, "grade True is none of"),
        ({"queries": [PIZZA | {"grades": {3: []}}]}, "grade 3 is no list"),
        ({"queries": [PIZZA | {"grades": {3: [{}]}}]}, "grade 3 has a condition that is no"),
        ({"queries": [PIZZA | {"grades": {3: [{"type": "A"}]}}]}, "grade 3 has a condition"),
        ({"queries": [PIZZA | {"grades": {3: [{"type": [""]}]}}]}, "grade 3 has a condition"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, changed: dict[str, object], problem: str) -> None:
    with pytest.raises(JudgementsError, match=problem):
        read_judgements(written(tmp_path, **changed))


def test_all_problems_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(JudgementsError, match=r"version is 3.*; dataset is 4"):
        read_judgements(written(tmp_path, version=3, dataset=4))


def test_a_key_written_twice_is_noticed(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(path.read_text() + "version: 1\n")
    with pytest.raises(JudgementsError, match="gives version a second time"):
        read_judgements(path)


@pytest.mark.parametrize("text", ["queries: [", "\udcff"])
def test_no_yaml_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "judgements.yaml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(JudgementsError, match=r"judgements.yaml can't be read"):
        read_judgements(path)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(JudgementsError, match=r"none.yaml can't be read"):
        read_judgements(tmp_path / "none.yaml")
