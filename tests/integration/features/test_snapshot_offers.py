"""Offers beside the items of a snapshot."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from serving.errors import ArtefactError
from serving.features.offer_file import write_offers
from serving.features.read_plan import ReadPlan, parse_read_plan
from serving.features.snapshot import open_snapshot
from serving.features.snapshot_build import build
from serving.features.store import RowStore
from tests.fakes.read_plans import described_plan


@pytest.fixture
def plan() -> ReadPlan:
    return parse_read_plan(described_plan(), "read_plan.json")


@pytest.fixture
def store(redis_url: str, plan: ReadPlan) -> Iterator[RowStore]:
    """Items 10, 20 and 30."""
    with RowStore(redis_url, "corner_shop") as store:
        rows = plan.views["item_activity"].layout.empty(3)
        rows["event_time_us"], rows["popularity"] = 1_500_000_000_000_000, [1.0, 2.0, 3.0]
        store.write("item_activity", "item_id", np.array([10, 20, 30]), rows)
        yield store


def offers(path: Path, weight: float = 1.0) -> Path:
    """One offer, for item 20 and one that the shop no longer has."""
    running = np.array([[5, 9]], dtype=np.int64)
    targets = np.zeros(2, dtype=np.int64), np.array([99, 20], dtype=np.int64)
    write_offers(path, ["summer"], ["promotion"], running, np.array([weight]), *targets)
    return path


def test_a_snapshot_takes_the_offers_over(store: RowStore, plan: ReadPlan, tmp_path: Path) -> None:
    build(plan, store, tmp_path / "snapshots", offers(tmp_path / "offers.npz"))
    table = open_snapshot(tmp_path / "snapshots/current", plan).offers
    assert table is not None
    assert (table.offer_id, table.surface) == (("summer",), ("SURFACE_PROMOTION",))
    assert table.row.tolist() == [1]


@pytest.mark.parametrize("missing", [None, Path("nowhere/offers.npz")])
def test_a_shop_without_offers_has_a_snapshot_without(
    store: RowStore, plan: ReadPlan, tmp_path: Path, missing: Path | None
) -> None:
    build(plan, store, tmp_path / "snapshots", missing)
    assert open_snapshot(tmp_path / "snapshots/current", plan).offers is None


def test_changed_offers_make_a_new_version(store: RowStore, plan: ReadPlan, tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    first = build(plan, store, folder, offers(tmp_path / "offers.npz"))
    assert build(plan, store, folder, offers(tmp_path / "offers.npz")).name == first.name
    second = build(plan, store, folder, offers(tmp_path / "offers.npz", weight=2.0))
    assert second.name.split("-")[1] != first.name.split("-")[1]


def test_offers_that_can_not_be_read_stop_the_build_and_the_one_before_stays(
    store: RowStore, plan: ReadPlan, tmp_path: Path
) -> None:
    folder, path = tmp_path / "snapshots", offers(tmp_path / "offers.npz")
    first = build(plan, store, folder, path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ArtefactError, match=r"offers\.npz can't be read"):
        build(plan, store, folder, path)
    assert (folder / "current").resolve() == first
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == [".lock"]


def test_changed_offers_within_a_snapshot_are_noticed(
    store: RowStore, plan: ReadPlan, tmp_path: Path
) -> None:
    built = build(plan, store, tmp_path / "snapshots", offers(tmp_path / "offers.npz"))
    offers(built / "offers.npz", weight=9.0)
    with pytest.raises(ArtefactError, match="changed after it was built"):
        open_snapshot(built, plan)
