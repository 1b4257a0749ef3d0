"""Snapshots from rows in a real Redis, read back and compared with what was written."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from serving.errors import ArtefactError, LayoutMismatch, OutsideError
from serving.features.keys import string_key
from serving.features.layout import Layout
from serving.features.packed_ids import PackedIds
from serving.features.read_plan import ReadPlan, parse_read_plan
from serving.features.snapshot import fitting, open_snapshot
from serving.features.snapshot_build import build
from serving.features.store import RowStore
from tests.fakes.read_plans import described_plan

TIME = 1_500_000_000_000_000
KEYS = np.array([40, 10, 30, 20], dtype=np.int64)
POPULARITY = [2.0, np.nan, 7.0, 2.0]


@pytest.fixture
def plan() -> ReadPlan:
    return parse_read_plan(described_plan(), "read_plan.json")


@pytest.fixture
def store(redis_url: str) -> Iterator[RowStore]:
    with RowStore(redis_url, "corner_shop") as store:
        yield store


def write_items(store: RowStore, plan: ReadPlan, keys: np.ndarray = KEYS) -> None:
    """Four items; the last one has no profile."""
    profile = plan.views["item_profile"].layout.empty(3)
    profile["event_time_us"] = TIME - 5
    profile["shelf"], profile["colour"] = [1, 2, -1], [11, 12, 13]
    store.write("item_profile", "item_id", keys[:3], profile)
    activity = plan.views["item_activity"].layout.empty(4)
    activity["event_time_us"] = TIME
    activity["popularity"], activity["price"] = POPULARITY, [4.0, 1.0, 3.0, np.nan]
    store.write("item_activity", "item_id", keys, activity)


def test_a_snapshot_holds_every_item_by_key_in_plan_order(
    store: RowStore, plan: ReadPlan, tmp_path: Path
) -> None:
    write_items(store, plan)
    built = build(plan, store, tmp_path)
    snapshot = open_snapshot(tmp_path / "current", plan)
    assert snapshot.version == built.name
    assert (snapshot.count, snapshot.item_key.tolist()) == (4, [10, 20, 30, 40])
    assert snapshot.int64.tolist() == [[12, 2], [-1, -1], [13, -1], [11, 1]]  # colour, shelf
    np.testing.assert_array_equal(snapshot.float32[:, 0], np.float32([1.0, np.nan, 3.0, 4.0]))
    assert snapshot.event_time_us.tolist() == [
        [TIME - 5, TIME],
        [-1, TIME],
        [TIME - 5, TIME],
        [TIME - 5, TIME],
    ]
    assert snapshot.oldest_event_time_us == TIME - 5


def test_popular_is_best_first_then_by_key_with_nulls_last(
    store: RowStore, plan: ReadPlan, tmp_path: Path
) -> None:
    write_items(store, plan)
    build(plan, store, tmp_path)
    snapshot = open_snapshot(tmp_path / "current", plan)
    assert snapshot.item_key[snapshot.popular].tolist() == [30, 20, 40, 10]


def test_positions_columns_and_ids_are_looked_up(
    store: RowStore, plan: ReadPlan, tmp_path: Path
) -> None:
    write_items(store, plan)
    build(plan, store, tmp_path)
    snapshot = open_snapshot(tmp_path / "current", plan)
    wanted = np.array([40, 11, -1, 10, 2**62], dtype=np.int64)
    assert snapshot.positions(wanted).tolist() == [3, -1, -1, 0, -1]
    assert snapshot.names(np.array([40, 10])) == ["40", "10"]
    assert snapshot.keys_at(np.array([3, 0])).tolist() == [40, 10]
    names = ["item_profile.shelf", "item_profile.colour"]
    assert snapshot.columns("int64", names).tolist() == [1, 0]


def test_string_ids_come_back_as_texts(store: RowStore, tmp_path: Path) -> None:
    plan = parse_read_plan(described_plan("string"), "read_plan.json")
    texts = {string_key(text): text for text in ("thé", "milk", "bread", "jam")}
    store.remember(texts)
    write_items(store, plan, np.array(list(texts), dtype=np.int64))
    build(plan, store, tmp_path)
    snapshot = open_snapshot(tmp_path / "current", plan)
    keys = np.array([string_key("jam"), string_key("thé")])
    assert snapshot.names(keys) == ["jam", "thé"]
    assert isinstance(snapshot.texts, PackedIds)
    for array in (snapshot.texts.text, snapshot.texts.end):  # shared by the workers of a host
        assert isinstance(array, np.memmap)
    (tmp_path / "current/item_id_end.npy").unlink()
    with pytest.raises(ArtefactError, match=r"item_id_end\.npy is missing"):
        open_snapshot(tmp_path / "current", plan)


def test_of_snapshots_of_two_plans_each_finds_the_latest_that_it_reads(
    store: RowStore, plan: ReadPlan, tmp_path: Path
) -> None:
    write_items(store, plan)
    described = described_plan()
    for model in described["models"].values():
        model["inputs"] = [i for i in model["inputs"] if i["name"] != "item_float"]
    fewer = parse_read_plan(described, "read_plan.json")
    assert fewer.item_columns("float32") != plan.item_columns("float32")
    before = build(plan, store, tmp_path)
    now = build(fewer, store, tmp_path)
    link = tmp_path / "current"
    assert fitting(link, plan) == before
    assert fitting(link, fewer) == now
    open_snapshot(fitting(link, plan), plan)
    shutil.rmtree(before)
    assert fitting(link, plan) == now
    with pytest.raises(ArtefactError, match="another read plan"):
        open_snapshot(fitting(link, plan), plan)
    assert fitting(tmp_path / "nowhere", plan) == tmp_path / "nowhere"


def test_the_maps_are_read_only(store: RowStore, plan: ReadPlan, tmp_path: Path) -> None:
    write_items(store, plan)
    build(plan, store, tmp_path)
    snapshot = open_snapshot(tmp_path / "current", plan)
    with pytest.raises(ValueError, match="read-only"):
        snapshot.float32[0, 0] = 9


def test_the_same_content_is_not_written_twice_and_three_versions_stay(
    store: RowStore, plan: ReadPlan, tmp_path: Path
) -> None:
    write_items(store, plan)
    first = build(plan, store, tmp_path)
    assert build(plan, store, tmp_path) == first
    later = [first]
    for hour in range(1, 5):
        row = plan.views["item_activity"].layout.empty(1)
        row["event_time_us"] = TIME + hour
        store.write("item_activity", "item_id", KEYS[:1], row)
        # Made in one second, these would differ by their content alone: date them apart.
        shutil.move(later[-1], tmp_path / f"2000010{hour}T000000Z-{later[-1].name[-8:]}")
        later.append(build(plan, store, tmp_path))
    names = sorted(p.name for p in tmp_path.iterdir() if p.name != ".lock")
    assert len(names) == 4
    assert names[-1] == "current"
    assert (tmp_path / "current").resolve() == later[-1]
    assert {name[:8] for name in names[:2]} == {"20000103", "20000104"}


def test_a_changed_file_is_refused(store: RowStore, plan: ReadPlan, tmp_path: Path) -> None:
    write_items(store, plan)
    built = build(plan, store, tmp_path)
    content = bytearray((built / "popular.npy").read_bytes())
    content[-1] ^= 1
    (built / "popular.npy").write_bytes(content)
    with pytest.raises(ArtefactError, match=r"popular\.npy was changed"):
        open_snapshot(built, plan)


def test_a_missing_file_is_refused(store: RowStore, plan: ReadPlan, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"manifest\.json is missing; build it anew"):
        open_snapshot(tmp_path / "current", plan)
    write_items(store, plan)
    built = build(plan, store, tmp_path)
    (built / "int64.npy").unlink()
    with pytest.raises(ArtefactError, match=r"int64\.npy is missing"):
        open_snapshot(built, plan)


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("", "is no JSON"),
        ('{"version": 1, "snap', "is no JSON"),
        ("\x80", "is no JSON"),
        ("[]", "is no JSON object"),
        ({"sha256": None}, "lacks sha256"),
        ({"snapshot_version": None, "oldest_event_time_us": "5"}, "lacks snapshot_version, oldest"),
        ({"sha256": {}}, r"item_key\.npy was changed"),
    ],
)
def test_a_manifest_that_is_not_whole_is_refused(
    store: RowStore, plan: ReadPlan, tmp_path: Path, manifest: str | dict[str, object], told: str
) -> None:
    write_items(store, plan)
    path = build(plan, store, tmp_path) / "manifest.json"
    if isinstance(manifest, dict):
        manifest = json.dumps(json.loads(path.read_text()) | manifest)
    path.write_text(manifest, encoding="latin-1")
    with pytest.raises(ArtefactError, match=told):
        open_snapshot(path.parent, plan)


def test_links_that_lead_in_a_circle_are_refused(plan: ReadPlan, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to("current")
    with pytest.raises(ArtefactError, match="is missing"):
        open_snapshot(tmp_path / "current", plan)


def test_another_version_of_the_format_is_refused(
    store: RowStore, plan: ReadPlan, tmp_path: Path
) -> None:
    write_items(store, plan)
    manifest = build(plan, store, tmp_path) / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": 1}))
    with pytest.raises(ArtefactError, match="is version 1, this program reads 2; build it anew"):
        open_snapshot(manifest.parent, plan)


def test_a_plan_with_other_columns_or_layouts_is_refused(
    store: RowStore, plan: ReadPlan, tmp_path: Path
) -> None:
    write_items(store, plan)
    build(plan, store, tmp_path)
    document = described_plan()
    document["models"]["ranker"]["inputs"][1]["columns"] = ["item_profile.shelf"]
    with pytest.raises(ArtefactError, match="another read plan: int64_columns differ"):
        open_snapshot(tmp_path / "current", parse_read_plan(document, "other"))


@pytest.mark.parametrize("same_size", [True, False])
def test_rows_of_another_layout_stop_the_build(
    store: RowStore, plan: ReadPlan, tmp_path: Path, *, same_size: bool
) -> None:
    write_items(store, plan)
    columns = plan.views["item_activity"].layout.columns
    row = Layout(columns[::-1] if same_size else columns[:1]).empty(1)
    row["event_time_us"] = TIME + 1
    store.delete("item_activity", "item_id", KEYS[:1])
    store.write("item_activity", "item_id", KEYS[:1], row)
    with pytest.raises(LayoutMismatch, match=r"rows of item_activity .* another layout"):
        build(plan, store, tmp_path)
    assert not (tmp_path / "current").exists()


def test_an_empty_store_makes_no_snapshot(store: RowStore, plan: ReadPlan, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="no items of project corner_shop; materialise first"):
        build(plan, store, tmp_path)


def test_an_unreachable_store_makes_no_snapshot(plan: ReadPlan, tmp_path: Path) -> None:
    store = RowStore(f"unix://{tmp_path}/none.sock", "corner_shop")
    with pytest.raises(OutsideError):
        build(plan, store, tmp_path / "snapshots")
