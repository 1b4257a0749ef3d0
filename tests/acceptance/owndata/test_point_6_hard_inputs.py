"""Hard inputs: the table in the tests, and a million items through check and preparation."""

import re
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import yaml

from tests.acceptance.made import PYTHON, run
from tests.e2e.system import ROOT
from tests.unit.datasets.test_hard_inputs import HARD, Refused

Measured = Callable[[str], None]
ITEMS, USERS, EVENTS = 1_000_000, 100_000, 3_000_000
MOST_GIB = 4.0
DESCRIPTION = {
    "version": 1,
    "name": "million",
    "id_kind": "string",
    "time_zone": "Asia/Tokyo",
    "catalogue": {"min_events": 1},
    "tables": {
        "items": {
            "sku": {"role": "id"},
            "name": {"role": "title"},
            "shelf": {"role": "category", "level": 1},
            "maker": {"role": "brand"},
            "price": {"role": "numeric"},
        },
        "events": {
            "who": {"role": "user"},
            "sku": {"role": "item"},
            "kind": {"role": "kind"},
            "at": {"role": "time"},
            "paid": {"role": "value"},
        },
    },
}


def write_million(folder: Path) -> Path:
    """Two CSV files; every item is bought before now, most of them once, in the first two months."""
    folder.mkdir()
    draw = np.random.default_rng(5)
    numbers = pl.int_range(ITEMS, eager=True)
    pl.select(
        sku=pl.format("sku-{}", numbers),
        name=pl.format("商品 {} 📦", numbers),
        shelf=pl.format("shelf {}", numbers % 40),
        maker=pl.format("maker {}", numbers % 5000),
        price=numbers % 997 / 10,
    ).write_csv(folder / "items.csv")
    popular = draw.zipf(1.3, EVENTS - ITEMS) % ITEMS
    minutes = np.r_[draw.integers(0, 60 * 1440, ITEMS), draw.integers(0, 120 * 1440, len(popular))]
    begin = pl.lit("2024-01-01").str.to_datetime()
    pl.select(
        who=pl.format("u{}", pl.Series(draw.integers(0, USERS, EVENTS))),
        sku=pl.format("sku-{}", pl.Series(np.r_[np.arange(ITEMS), popular])),
        kind=pl.lit("purchase"),
        at=(begin + pl.duration(minutes=pl.Series(minutes))).dt.strftime("%Y-%m-%d %H:%M"),
        paid=pl.Series(draw.uniform(1, 50, EVENTS).round(2)),
    ).write_csv(folder / "events.csv")
    (folder / "dataset.yaml").write_text(yaml.safe_dump(DESCRIPTION))
    return folder


def test_point_6a_each_hard_input_has_its_outcome(measured: Measured) -> None:
    module = ROOT / "tests/unit/datasets/test_hard_inputs.py"
    done = run(PYTHON, "-m", "pytest", "-v", "-p", "no:cacheprovider", module)
    passed = re.findall(r"has_a_useful_result_or_a_clear_error\[.*\] PASSED", done.stdout)
    assert len(passed) == len(HARD)
    refused = sum(isinstance(outcome, Refused) for _, outcome in HARD.values())
    measured(f"{len(HARD) - refused} with a useful result, {refused} with a clear error")


def test_point_6b_a_million_items_are_checked_and_prepared(
    measured: Measured, tmp_path: Path
) -> None:
    data, state = write_million(tmp_path / "brought"), tmp_path / "state"
    seconds = []
    for step in (
        ("training.datasets", "--data", data, "--out", state / "dataset"),
        ("training.prepare", "--state", state, "--cutoffs", "4"),
    ):
        began = time.monotonic()
        run(PYTHON, "-m", *step)
        seconds.append(time.monotonic() - began)
    # Of the largest child so far: a bound for these, and Linux counts in KiB.
    gib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    catalogue = pl.scan_parquet(state / "prepared/catalogue.parquet")
    assert catalogue.select(pl.len()).collect().item() == ITEMS
    assert (
        pl.scan_parquet(state / "dataset/events.parquet").select(pl.len()).collect().item()
        == EVENTS
    )
    measured(
        f"check {seconds[0]:.0f} s, preparation {seconds[1]:.0f} s, {gib:.1f} GiB of {MOST_GIB}"
    )
    assert gib < MOST_GIB
