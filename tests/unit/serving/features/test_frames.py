"""From parquet to rows, against values read one at a time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from serving.errors import ArtefactError, LayoutMismatch
from serving.features.fields import view_layout
from serving.features.frames import Source, latest, pack_frame
from serving.features.keys import composite_key, string_key
from serving.features.layout import Column

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
LAYOUT = view_layout(
    "view",
    [
        {"name": "shelf", "dtype": "string"},
        {"name": "price", "dtype": "float32"},
        {"name": "count", "dtype": "int64"},
        {"name": "items", "dtype": "int64_list", "max_length": 3},
        {"name": "shares", "dtype": "float32_list", "max_length": 2},
    ],
)


def frame(**changes: object) -> pl.DataFrame:
    columns: dict[str, object] = {
        "item_id": [1, 2, 3],
        "shelf": ["dairy", None, "dairy"],
        "price": [1.5, None, 0.0],
        "count": [4, None, 0],
        "items": [[1, None, 3], [], None],
        "shares": [[0.25], None, [None, 0.5]],
        "event_timestamp": [NOW, NOW - WEEK, NOW],
        "created_timestamp": [NOW, NOW, NOW],
    }
    return pl.DataFrame(columns | changes, strict=False)


def source(path: Path | str = "view.parquet") -> Source:
    return Source(path, "item_id", "event_timestamp", "created_timestamp")


def test_every_null_is_the_layouts_and_every_value_its_own() -> None:
    packed = pack_frame("view", LAYOUT, source(), frame())
    rows = packed.rows
    assert packed.keys.tolist() == [1, 2, 3]
    assert rows["shelf"].tolist() == [string_key("dairy"), -1, string_key("dairy")]
    np.testing.assert_array_equal(rows["price"], np.array([1.5, np.nan, 0.0], dtype=np.float32))
    assert rows["count"].tolist() == [4, -1, 0]
    assert rows["items"].tolist() == [[1, -1, 3], [-1, -1, -1], [-1, -1, -1]]
    assert rows["items__length"].tolist() == [3, 0, 0]
    np.testing.assert_array_equal(rows["shares"], [[0.25, np.nan], [np.nan, np.nan], [np.nan, 0.5]])
    assert rows["shares__length"].tolist() == [1, 0, 2]
    assert packed.texts == {string_key("dairy"): "dairy"}
    assert rows["event_time_us"].tolist() == [
        1_714_564_800_000_000,
        1_714_564_800_000_000 - 7 * 86_400_000_000,
        1_714_564_800_000_000,
    ]


def test_string_ids_become_keys_whose_texts_are_kept() -> None:
    packed = pack_frame("view", LAYOUT, source(), frame(item_id=["a", "b", "c"]))
    assert packed.keys.tolist() == [string_key(text) for text in "abc"]
    assert {packed.texts[key] for key in packed.keys.tolist()} == {"a", "b", "c"}


def test_a_column_without_any_value_is_null() -> None:
    packed = pack_frame(
        "view", LAYOUT, source(), frame(shelf=pl.Series([None] * 3, dtype=pl.String))
    )
    assert packed.rows["shelf"].tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"item_id": [1, None, 3]}, ArtefactError, r"view\.item_id has ids that are null"),
        ({"items": [[1, 2, 3, 4], [], []]}, LayoutMismatch, r"view\.items: a list of 4 elements"),
    ],
)
def test_what_no_row_can_hold_is_refused(
    changes: dict[str, object], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        pack_frame("view", LAYOUT, source(), frame(**changes))


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ArtefactError, match=r"lacks price, which view view needs"):
        pack_frame("view", LAYOUT, source(), frame().drop("price"))


def test_the_latest_row_of_the_window_is_taken_and_both_ends_count(tmp_path: Path) -> None:
    path = tmp_path / "view.parquet"
    rows = [
        # id, price, weeks before now, hours after which it was created
        (1, 1.0, 2, 0),
        (1, 2.0, 0, 0),
        (1, 3.0, -1, 0),  # after now
        (2, 4.0, 2, 0),
        (2, 5.0, 3, 9),  # before the window
        (3, 6.0, 1, 5),
        (3, 7.0, 1, 8),  # of the same time, created later
        (3, 8.0, 1, 6),
        (4, 9.0, 3, 0),  # before the window
    ]
    pl.DataFrame(
        {
            "item_id": [r[0] for r in rows],
            "price": [r[1] for r in rows],
            "event_timestamp": [NOW - r[2] * WEEK for r in rows],
            "created_timestamp": [NOW + timedelta(hours=r[3]) for r in rows],
        }
    ).write_parquet(path)
    found = latest(source(path), NOW - 2 * WEEK, NOW).sort("item_id")
    assert found.select("item_id", "price").rows() == [(1, 2.0), (2, 4.0), (3, 7.0)]


def test_columns_may_be_called_otherwise_in_the_file_and_ids_may_be_several(tmp_path: Path) -> None:
    path = tmp_path / "view.parquet"
    pl.DataFrame(
        {"who": ["a", "a", "b"], "shop": [1, 2, 1], "event_timestamp": [NOW, NOW, NOW - WEEK]}
    ).write_parquet(path)
    ids = (Column("shop", "int64"), Column("user", "string"))
    wanted = Source(path, "shop,user", "event_timestamp", "", ids, {"who": "user"})
    found = latest(wanted, NOW - 2 * WEEK, NOW)
    packed = pack_frame("view", view_layout("view", []), wanted, found)
    assert sorted(packed.keys.tolist()) == sorted(
        composite_key([shop, string_key(user)]) for shop, user in ((1, "a"), (2, "a"), (1, "b"))
    )
    assert packed.texts == {}
