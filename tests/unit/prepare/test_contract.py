from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from training.datasets.errors import DataSetError
from training.datasets.folder import replacing
from training.prepare.contract import open_data_set

DESCRIPTION = {
    "version": 1,
    "name": "shop",
    "id_kind": "string",
    "default_now": "2024-01-01T00:00:00Z",
    "catalogue": {"min_events": 1},
    "tables": {
        "items": {
            "sku": {"role": "id"},
            "leaf": {"role": "category", "level": 2},
            "root": {"role": "category", "level": 1},
        },
        "users": {"who": {"role": "id"}},
        "events": {
            "who": {"role": "user"},
            "sku": {"role": "item"},
            "what": {"role": "kind"},
            "at": {"role": "time"},
            "cart": {"role": "group"},
            "n": {"role": "quantity"},
            "paid": {"role": "value"},
        },
    },
}


def write(folder: Path, description: dict = DESCRIPTION, skip: str = "") -> Path:
    (folder / "dataset.yaml").write_text(yaml.safe_dump(description))
    for table, columns in description["tables"].items():
        data = {c: pl.Series(["x"]) for c in columns if f"{table}.{c}" != skip}
        if "at" in data:
            data["at"] = pl.Series(["2024-01-01"]).str.to_datetime(time_zone="UTC")
        data |= {c: pl.Series([1.0]) for c in ("n", "paid") if c in data}
        pl.DataFrame(data).write_parquet(folder / f"{table}.parquet")
    return folder


def test_columns_are_found_by_role_whatever_their_names(tmp_path: Path) -> None:
    data = open_data_set(write(tmp_path))
    assert data.categories == ("root", "leaf")
    assert data.placements is None
    assert (data.surface, data.target_kinds, data.horizon) == (
        "product",
        ("purchase",),
        timedelta(days=14),
    )
    assert data.events.collect_schema().names() == [
        "event_id",
        "user_id",
        "item_id",
        "kind",
        "time",
        "group",
        "quantity",
        "value",
    ]


def test_a_column_that_the_description_names_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match=r"events\.parquet has no column cart"):
        open_data_set(write(tmp_path, skip="events.cart"))


def test_every_missing_table_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "users.parquet").unlink()
    (tmp_path / "items.parquet").unlink()
    with pytest.raises(DataSetError, match=r"items\.parquet is missing.*users\.parquet is missing"):
        open_data_set(tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("version", 2, "version is 2, this program reads 1"),
        ("id_kind", "uuid", "id_kind is 'uuid'"),
        ("tables", {"items": {}, "users": {}}, "tables.events is missing"),
    ],
)
def test_a_wrong_description_is_told(tmp_path: Path, key: str, value: object, said: str) -> None:
    with pytest.raises(DataSetError, match=said):
        open_data_set(write(tmp_path, DESCRIPTION | {key: value}))


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with replacing(target) as fresh:
        (fresh / "a").write_text("first")

    def fail() -> None:
        with replacing(target) as fresh:
            (fresh / "a").write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert (target / "a").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


def tables(**changes: dict) -> dict:
    """The description with columns of some tables changed."""
    mine = {name: dict(columns) for name, columns in DESCRIPTION["tables"].items()}
    for name, columns in changes.items():
        mine[name] |= columns
    return DESCRIPTION | {"tables": mine}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "Corner shop"}, "name is 'Corner shop', not small letters"),
        ({"default_now": "tomorrow"}, "default_now is 'tomorrow', no time such as"),
        ({"default_now": "2024-01-01T00:00:00"}, "without a time zone"),
        ({"default_now": "9999-12-31T00:00:00Z"}, "not between 2 January 1970 and the end of 2100"),
        ({"default_now": "0001-01-01T00:00:00Z"}, "not between 2 January 1970 and the end of 2100"),
        ({"catalogue": {}}, r"catalogue\.min_events is not a number from 1 on"),
        ({"catalogue": {"min_events": 0}}, r"catalogue\.min_events is not a number from 1 on"),
        (
            {"catalogue": {"min_events": 1, "min_users": 2}},
            "catalogue has 'min_users', which is no",
        ),
        (
            tables(items={"leaf": {"role": "brand", "levle": 1}}),
            "leaf has 'levle', which is no key",
        ),
        ({"tables": []}, "tables gives no mapping"),
        (tables(users={"age": "categorical"}), r"tables\.users\.age has no role"),
        (tables(items={"leaf": {"role": "category"}}), "leaf is a category without a level"),
        (tables(events={"n": {"role": "count"}}), r"tables\.events\.n: count is no role there"),
        (tables(events={"what": {"role": "value"}}), "no column with role kind"),
        (tables(events={"what": {"role": "value"}}), "has 2 columns with role value; one is"),
        (
            tables(items={"leaf": {"role": "categorical"}, "group": {"role": "brand"}}),
            "items.group",
        ),
        (tables(items={"a b": {"role": "brand"}}), r"items\.a b: a feature may not be called that"),
        (tables(items={"owned": {"role": "brand"}}), r"items\.owned: a feature may not be"),
        (tables(items={"x": {"role": "brand"}}, users={"x": {"role": "numeric"}}), "both have a f"),
        ({"surface": "ad"}, "surface is 'ad', not product or content"),
        ({"target_kinds": []}, r"target_kinds is \[\], not a list of kinds"),
        ({"target_kinds": "purchase"}, "target_kinds is 'purchase', not a list"),
        ({"horizon_days": 0}, "horizon_days is 0, not a whole number from 1 to 90"),
        ({"time_zone": "Sao Paulo"}, "time_zone is 'Sao Paulo', no IANA name"),
        ({"time_zone": "../etc/passwd"}, "no IANA name"),
        ({"time_zone": "localtime"}, "time_zone is 'localtime', no IANA name"),
        ({"currencies": {"EUR": 0}}, r"currencies\.EUR is 0, not a number above 0"),
        ({"currencies": {False: 1.0}}, "currencies names False, no text; put it in quotes"),
        ({"horizon": 7}, "'horizon' is no key of it; known are"),
        (tables() | {"tables": {**DESCRIPTION["tables"], "stores": {}}}, "stores is no table"),
    ],
)
def test_a_description_that_can_not_be_followed_is_told_in_a_sentence(
    tmp_path: Path, change: dict, said: str
) -> None:
    write(tmp_path)
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(DESCRIPTION | change))
    with pytest.raises(DataSetError, match=said):
        open_data_set(tmp_path)


def test_a_key_that_stands_there_twice_is_told_by_its_line(tmp_path: Path) -> None:
    text = (
        yaml.safe_dump(dict(DESCRIPTION))
        + "time_zone: UTC\ntime_zone: Asia/Tokyo\nlicence: &a [*a]\n"
    )
    write(tmp_path)
    (tmp_path / "dataset.yaml").write_text(text)
    line = text.splitlines().index("time_zone: Asia/Tokyo") + 1
    with pytest.raises(DataSetError, match=f"line {line} gives time_zone a second time$"):
        open_data_set(tmp_path)


def test_a_day_that_no_month_has_is_told(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "dataset.yaml").write_text("default_now: 2024-02-30T00:00:00Z\n")
    with pytest.raises(DataSetError, match="is no YAML: day is out of range for month"):
        open_data_set(tmp_path)


def test_what_is_no_yaml_or_no_parquet_is_told(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "events.parquet").write_text("who,sku\n")
    with pytest.raises(DataSetError, match=r"events\.parquet is no parquet file"):
        open_data_set(tmp_path)
    (tmp_path / "dataset.yaml").write_text("tables: [")
    with pytest.raises(DataSetError, match=r"dataset\.yaml is no YAML"):
        open_data_set(tmp_path)


def test_every_column_of_a_wrong_type_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "events.parquet"
    pl.read_parquet(path).with_columns(
        pl.lit(1).alias("who"), pl.col("at").dt.replace_time_zone(None), pl.lit("x").alias("n")
    ).write_parquet(path)
    with pytest.raises(DataSetError) as caught:
        open_data_set(tmp_path)
    for part in ("who is Int32, should be of strings", "at is Datetime", "n is String"):
        assert part in str(caught.value)


def test_a_time_without_quotes_is_a_time_and_any_zone_becomes_utc(tmp_path: Path) -> None:
    write(tmp_path)
    text = yaml.safe_dump(DESCRIPTION).replace("'2024-01-01T00:00:00Z'", "2024-01-01T00:00:00Z")
    (tmp_path / "dataset.yaml").write_text(text)
    path = tmp_path / "events.parquet"
    berlin = pl.col("at").dt.convert_time_zone("Europe/Berlin").dt.cast_time_unit("ms")
    pl.read_parquet(path).with_columns(berlin).write_parquet(path)
    data = open_data_set(tmp_path)
    assert data.default_now == datetime(2024, 1, 1, tzinfo=UTC)
    assert data.events.collect_schema()["time"] == pl.Datetime("us", "UTC")


def test_numbers_may_be_categories_and_ids_of_any_width(tmp_path: Path) -> None:
    write(tmp_path, tables(users={"age": {"role": "categorical"}}) | {"id_kind": "integer"}, "")
    for table, ids in {"items": ["sku"], "users": ["who"], "events": ["who", "sku"]}.items():
        path = tmp_path / f"{table}.parquet"
        narrow = pl.lit(7, pl.Int16 if table == "events" else pl.Int32)
        frame = pl.read_parquet(path).with_columns(narrow.alias(name) for name in ids)
        frame = frame.with_columns(age=pl.lit(44)) if table == "users" else frame
        frame.write_parquet(path)
    data = open_data_set(tmp_path)
    assert data.users.collect_schema()["age"] == pl.String
    assert data.users.collect_schema()["user_id"] == pl.Int64
    assert data.events.collect_schema()["item_id"] == pl.Int64


def smallest(**keys: object) -> dict:
    """Nothing optional: no users, no basket, no quantity, no value, no now."""
    mine = tables()
    del mine["tables"]["users"], mine["default_now"]
    for column in ("cart", "n", "paid"):
        del mine["tables"]["events"][column]
    return mine | keys


def test_what_is_optional_has_its_default(tmp_path: Path) -> None:
    data = open_data_set(write(tmp_path, smallest()))
    assert data.users.collect()["user_id"].to_list() == ["x"]
    row = data.events.collect().row(0, named=True)
    assert (row["group"], row["quantity"], row["value"]) == (date(2024, 1, 1), 1.0, None)


def test_without_a_now_it_is_two_horizons_before_the_end_of_the_last_day(tmp_path: Path) -> None:
    data = open_data_set(write(tmp_path, smallest(horizon_days=7)))
    assert data.default_now == datetime(2023, 12, 19, tzinfo=UTC)
    path = tmp_path / "events.parquet"
    pl.read_parquet(path).clear().write_parquet(path)
    with pytest.raises(DataSetError, match="holds no event with a time"):
        open_data_set(tmp_path)


def test_values_are_brought_to_one_currency(tmp_path: Path) -> None:
    description = tables(events={"money": {"role": "currency"}})
    write(tmp_path, description | {"currencies": {"x": 1.5, "EUR": 2.0}})
    assert open_data_set(tmp_path).events.collect()["value"].to_list() == [1.5]
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(description | {"currencies": {"y": 2}}))
    assert open_data_set(tmp_path).events.collect()["value"].to_list() == [None]


def test_offers_their_items_and_queries_are_named_by_role(tmp_path: Path) -> None:
    more = {
        "offers": {
            "code": {"role": "id"},
            "where": {"role": "surface"},
            "from": {"role": "start"},
            "to": {"role": "end"},
        },
        "offer_targets": {"code": {"role": "offer"}, "sku": {"role": "item"}},
        "queries": {"who": {"role": "user"}, "said": {"role": "text"}, "when": {"role": "time"}},
    }
    description = DESCRIPTION | {"tables": DESCRIPTION["tables"] | more}
    write(tmp_path, description)
    at = pl.lit(datetime(2024, 1, 1, tzinfo=UTC))
    for table, columns in {"offers": ("from", "to"), "queries": ("when",)}.items():
        path = tmp_path / f"{table}.parquet"
        pl.read_parquet(path).with_columns(at.alias(c) for c in columns).write_parquet(path)
    data = open_data_set(tmp_path)
    assert data.offers is not None
    assert data.offer_targets is not None
    assert data.queries is not None
    offer = data.offers.collect().row(0, named=True)
    assert (offer["offer_id"], offer["title"], offer["weight"]) == ("x", None, 1.0)
    assert data.offer_targets.collect().row(0) == ("x", "x")
    assert data.queries.collect().columns == ["user_id", "text", "time", "item_id"]
