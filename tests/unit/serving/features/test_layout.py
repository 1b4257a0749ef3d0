import numpy as np
import pytest

from serving.errors import ArtefactError, LayoutMismatch
from serving.features.fields import DTYPES, view_layout
from serving.features.layout import Layout, layout_of

FIELDS = [
    {"name": "score", "dtype": "float32"},
    {"name": "shelf", "dtype": "string"},
    {"name": "owned", "dtype": "int64_list", "max_length": 3},
    {"name": "shares", "dtype": "float32_list", "max_length": 2},
]


@pytest.fixture
def layout() -> Layout:
    return view_layout("history", FIELDS)


def test_integers_come_first_and_lengths_and_nulls_last(layout: Layout) -> None:
    assert list(layout.dtype.names or ()) == [
        "fingerprint",
        "event_time_us",
        "shelf",
        "owned",
        "score",
        "shares",
        "owned__length",
        "shares__length",
        "__nulls",
    ]
    assert layout.dtype.itemsize == 8 + 8 + 8 + 3 * 8 + 4 + 2 * 4 + 2 + 2 + 1


def test_the_fingerprint_never_changes_for_the_same_columns(layout: Layout) -> None:
    assert f"{layout.fingerprint:016x}" == "badecb2f6edde9b4"


@pytest.mark.parametrize(
    "changed",
    [
        FIELDS[::-1],
        FIELDS[:-1],
        [{"name": "points", "dtype": "float32"}, *FIELDS[1:]],
        [{"name": "score", "dtype": "int64"}, *FIELDS[1:]],
        [*FIELDS[:3], {"name": "shares", "dtype": "float32_list", "max_length": 4}],
    ],
    ids=["order", "fewer", "name", "type", "length"],
)
def test_every_change_of_a_column_changes_the_fingerprint(
    layout: Layout, changed: list[dict[str, object]]
) -> None:
    assert view_layout("history", changed).fingerprint != layout.fingerprint


def test_the_read_plan_derives_the_same_layout(layout: Layout) -> None:
    columns = [{"name": c.name, "dtype": c.dtype, "length": c.length} for c in layout.columns]
    assert layout_of(columns).fingerprint == layout.fingerprint


def test_an_empty_row_is_null_everywhere(layout: Layout) -> None:
    row = layout.empty(1)[0]
    assert row["shelf"] == -1
    assert row["owned"].tolist() == [-1, -1, -1]
    assert np.isnan(row["score"])
    assert np.isnan(row["shares"]).all()
    assert row["owned__length"] == row["shares__length"] == 0


def test_a_row_of_another_layout_is_refused(layout: Layout) -> None:
    other = view_layout("history", [{"name": "points", "dtype": "float32"}, *FIELDS[1:]])
    with pytest.raises(LayoutMismatch, match=f"expected {layout.fingerprint:016x}"):
        layout.read(other.empty(1).tobytes())
    with pytest.raises(LayoutMismatch, match="a row of 3 bytes"):
        layout.read(b"abc")


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"name": "x", "dtype": "double"}, r"history\.x has dtype double"),
        ({"name": "x", "dtype": "int64_list"}, r"max_length 0; it must be 1 to 65535: a row"),
        ({"name": "x", "dtype": "float32_list", "max_length": 65536}, "max_length 65536"),
    ],
)
def test_a_field_that_no_row_can_hold_is_refused(field: dict[str, object], said: str) -> None:
    with pytest.raises(ArtefactError, match=said):
        view_layout("history", [field])


def test_columns_of_every_type_stand_at_multiples_of_their_width() -> None:
    every = view_layout("all", [{"name": d, "dtype": d, "max_length": 3} for d in DTYPES[::-1]])
    fields = every.dtype.fields or {}
    for column in every.columns:
        assert fields[column.name][1] % np.dtype(column.stored).itemsize == 0
    assert every.read(every.empty(1).tobytes())["bool_list"].tolist() == [False] * 3
    assert every.nulls(every.empty(2)).all()


def test_what_is_written_is_said_to_be_present(layout: Layout) -> None:
    rows = layout.empty(2)
    layout.set_present(rows, ["owned", "score"])
    assert layout.nulls(rows).tolist() == [[False, True, False, True]] * 2


def test_a_name_that_every_row_has_is_refused() -> None:
    fields = [{"name": "a", "dtype": "int64_list", "max_length": 1}]
    with pytest.raises(ArtefactError, match="called a__length, which every row has"):
        view_layout("view", [*fields, {"name": "a__length", "dtype": "int64"}])
