"""Features as known at each cut-off, from outside: what happens later must not change them."""

import re
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import polars.selectors as cs
import yaml
from polars.testing import assert_frame_equal

from tests.acceptance.made import PYTHON, Made, run
from tests.e2e.system import ROOT

UNTOLD = "created_timestamp"  # when the row was computed


def prepared_without(made: Made, cut: datetime, folder: Path) -> Path:
    """The same data set with all events at or after `cut` taken away, prepared again."""
    shutil.copytree(made.state / "dataset", folder / "dataset")
    path = folder / "dataset" / "events.parquet"
    pl.read_parquet(path).filter(pl.col("event_time") < cut).write_parquet(path)
    count = len(described(made.state)["cutoffs"])
    run(PYTHON, "-m", "training.prepare", "--state", folder, "--cutoffs", str(count))
    return folder


def described(state: Path) -> dict:
    return yaml.safe_load((state / "prepared" / "features.yaml").read_text())


def differing_views(one: Path, other: Path) -> set[str]:
    """Sums are added in another order each time, so equals up to rounding may change places in a list."""
    found = set()
    for path in sorted((one / "prepared" / "views").glob("*.parquet")):
        frames = [
            pl.read_parquet(state / "prepared" / "views" / path.name)
            .drop(UNTOLD)
            .with_columns(cs.list().list.sort())
            for state in (one, other)
        ]
        try:
            assert_frame_equal(*frames, rel_tol=1e-4, abs_tol=1e-6)
        except AssertionError:
            found.add(path.stem)
    return found


def test_point_3a_preparation_does_not_see_the_future(
    quick: Made, measured: Callable[[str], None], tmp_path: Path
) -> None:
    now = datetime.fromisoformat(described(quick.state)["now"])
    past = prepared_without(quick, now, tmp_path / "past")
    assert differing_views(quick.state, past) == set()
    # The comparison itself must be able to see a difference: a planted one.
    less = prepared_without(quick, now - timedelta(days=1), tmp_path / "less")
    seen = differing_views(quick.state, less)
    assert {"user_activity", "user_history", "item_activity"} <= seen
    measured(f"0 of {len(described(quick.state)['views'])} views change without the future")


def test_point_3b_the_leakage_test_goes_red_on_a_planted_leak(
    measured: Callable[[str], None],
) -> None:
    tests = ROOT / "tests" / "unit" / "prepare" / "test_no_feature_sees_the_future.py"
    done = run(PYTHON, "-m", "pytest", "-v", tests)
    planted = re.findall(r"goes_red_on_a_planted_leak\[\w+\] PASSED", done.stdout)
    assert planted
    measured(f"{len(planted)} planted leaks found")


def test_point_3c_statistics_and_vocabularies_are_written(
    quick: Made, measured: Callable[[str], None]
) -> None:
    folder = quick.state / "prepared" / "vocabularies"
    sizes = {}
    for path in folder.glob("*.parquet"):
        frame = pl.read_parquet(path)
        # 0 is out of vocabulary and 1 is null.
        assert frame["row"].sort().to_list() == list(range(2, 2 + frame.height)), path
        sizes[path.stem] = frame.height
    measured(f"{len(sizes)} vocabularies, {sizes['item']} items")


def test_point_3d_preparation_has_no_row_loops(measured: Callable[[str], None]) -> None:
    found = [
        f"{path.name}:{number}"
        for path in sorted((ROOT / "training" / "prepare").glob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"iter_rows|map_elements|iterrows|to_dicts", line)
    ]
    assert found == []
    measured("none")
