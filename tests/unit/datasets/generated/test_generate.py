import hashlib
import io
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rich.console import Console

from training.datasets.errors import DataSetError
from training.datasets.generated.courses import COURSES
from training.datasets.generated.domain import Domain
from training.datasets.generated.generate import draw, generate
from training.datasets.generated.shop import SHOP
from training.datasets.own import CHECKED, copy
from training.prepare.contract import open_data_set

USERS = 60
DOMAINS = pytest.mark.parametrize("domain", [SHOP, COURSES], ids=lambda d: d.name)


def silent() -> Console:
    return Console(file=io.StringIO())


def written(domain: Domain, out: Path, seed: int) -> dict[str, str]:
    generate(domain, out, USERS, seed, silent())
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())
    }


@DOMAINS
def test_the_same_seed_writes_the_same_bytes_and_another_seed_other_rows(
    domain: Domain, tmp_path: Path
) -> None:
    once, again = (written(domain, tmp_path / name, 3) for name in ("once", "again"))
    other = written(domain, tmp_path / "other", 4)
    assert once == again
    assert [name for name in once if once[name] == other[name]] == ["dataset.yaml"]


@DOMAINS
def test_the_data_set_is_the_contracts_whole_and_needs_no_repair(
    domain: Domain, tmp_path: Path
) -> None:
    generate(domain, tmp_path / "made", USERS, 3, silent())
    copy(tmp_path / "made", tmp_path / "taken" / "dataset", silent())
    made, taken = (open_data_set(tmp_path / p) for p in ("made", "taken/dataset"))
    assert not list((tmp_path / "taken" / CHECKED).rglob("*.parquet"))
    for name in ("items", "users", "events", "placements", "offers", "offer_targets", "queries"):
        columns = getattr(made, name).collect()
        assert_frame_equal(
            columns, getattr(taken, name).collect(), check_row_order=False, check_dtypes=False
        )
        assert columns.height > 0


@DOMAINS
def test_people_and_things_lack_what_real_ones_lack(domain: Domain) -> None:
    tables, _ = draw(domain, 400, 3)
    users, items, events = (tables[name][0] for name in ("users", "items", "events"))
    assert 0.1 < users["age"].null_count() / users.height < 0.2
    assert items[domain.price_column].null_count() > 0
    unlisted = events.join(users, on="user_id", how="anti")["user_id"].n_unique()
    assert 0.04 < unlisted / 400 < 0.13


def test_each_kind_of_event_says_what_it_can(tmp_path: Path) -> None:
    events = draw(SHOP, USERS, 3)[0]["events"][0]
    kinds = {kind: frame for (kind,), frame in events.group_by("kind")}
    assert set(kinds) == {"impression", "click", "purchase", "ad_impression", "ad_click"}
    for kind in ("impression", "ad_impression", "ad_click"):
        assert (
            kinds[kind]
            .select("slot", "propensity", "request_token")
            .null_count()
            .sum_horizontal()
            .item()
            == 0
        )
    assert kinds["purchase"]["value"].min() > 0
    assert kinds["click"]["value"].null_count() == kinds["click"].height
    searched = kinds["click"].filter(pl.col("slot").is_null())
    assert 0 < searched.height < kinds["click"].height


def test_courses_are_paid_in_the_money_of_where_people_live_and_finished_later() -> None:
    events = draw(COURSES, USERS, 3)[0]["events"][0]
    assert set(events["currency"]) == set(COURSES.places.values())
    assert str(events["event_time"].dtype) == "Datetime(time_unit='us', time_zone='Asia/Kolkata')"
    taken, finished = (events.filter(pl.col("kind") == kind) for kind in ("enrol", "complete"))
    pairs = finished.join(taken, on=["user_id", "item_id"], how="left", suffix="_of_enrol")
    assert pairs["event_time_of_enrol"].null_count() == 0
    assert (pairs["event_time"] > pairs["event_time_of_enrol"]).all()


@pytest.mark.parametrize(
    ("users", "seed", "said"),
    [(-1, 7, "users is -1"), (100_001, 7, "to 100,000"), (10, -1, "seed is -1")],
)
def test_a_number_out_of_range_is_told_with_its_limit(
    users: int, seed: int, said: str, tmp_path: Path
) -> None:
    with pytest.raises(DataSetError, match=said):
        generate(SHOP, tmp_path / "out", users, seed, silent())


def test_one_person_is_enough(tmp_path: Path) -> None:
    generate(SHOP, tmp_path / "out", 1, 7, silent())
    assert open_data_set(tmp_path / "out").events.collect().height > 0
