"""The converter over the real files, which take a third of a second."""

import io
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from training.datasets import movielens
from training.prepare.contract import DataSet, open_data_set


@pytest.fixture(scope="module")
def told() -> Console:
    return Console(file=io.StringIO(), width=1000)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, told: Console) -> Path:
    out = tmp_path_factory.mktemp("movielens") / "dataset"
    movielens.convert(out, 0, told)
    return out


@pytest.fixture(scope="module")
def data(folder: Path) -> DataSet:
    return open_data_set(folder)


def test_every_rating_film_and_person_is_there(data: DataSet) -> None:
    counts = [f.select(pl.len()).collect().item() for f in (data.events, data.items, data.users)]
    assert counts == [100_000, 1682, 943]
    assert (data.surface, data.target_kinds, data.horizon) == (
        "content",
        ("watch",),
        timedelta(days=14),
    )


def test_ratings_are_of_films_and_people_that_are_there(data: DataSet) -> None:
    events = data.events.collect()
    assert events["item_id"].is_in(data.items.collect()["item_id"].implode()).all()
    assert events["user_id"].is_in(data.users.collect()["user_id"].implode()).all()
    assert events["value"].unique().sort().to_list() == [1, 2, 3, 4, 5]
    assert str(events["time"].min()) == "1997-09-20 03:05:10+00:00"
    assert str(events["time"].max()) == "1998-04-22 23:10:38+00:00"


def film(data: DataSet, item_id: int) -> dict[str, object]:
    return data.items.filter(pl.col("item_id") == item_id).collect().row(0, named=True)


def test_a_film_has_its_genres_the_first_apart_and_its_year(data: DataSet) -> None:
    assert film(data, 1) == {
        "item_id": 1,
        "title": "Toy Story",
        "genre": "Animation",
        "genres": "Animation Children's Comedy",
        "decade": "1990s",
        "release_year": 1995,
    }


def test_a_year_that_stands_in_the_title_is_found_and_an_unknown_one_is_null(
    data: DataSet,
) -> None:
    assert film(data, 1412)["release_year"] == 1995
    nameless = film(data, 267)
    assert nameless["title"] == "(no name)"
    assert nameless["release_year"] is nameless["decade"] is nameless["genre"] is None


def test_a_subset_has_all_ratings_of_its_people_and_none_of_others(
    data: DataSet, tmp_path: Path, told: Console
) -> None:
    movielens.convert(tmp_path / "some", 50, told)
    some = open_data_set(tmp_path / "some")
    kept = some.users.collect()["user_id"]
    whole = data.events.filter(pl.col("user_id").is_in(kept.implode())).collect()
    assert kept.len() == 50
    assert some.events.collect().height == whole.height


def test_the_terms_of_use_are_printed_and_kept_with_the_data(folder: Path, told: Console) -> None:
    assert "may not be redistributed" in told.file.getvalue()
    assert "may not be redistributed" in (folder / "dataset.yaml").read_text()
