"""Draws a world and writes it as a data set of the contract, with `ground_truth.parquet` beside it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import yaml
from rich.console import Console

from training.datasets.errors import DataSetError
from training.datasets.folder import replacing
from training.datasets.generated import happenings, offers, oracle, tables
from training.datasets.generated.actions import act
from training.datasets.generated.domain import START, Domain
from training.datasets.generated.offer_tables import offer_tables, placements
from training.datasets.generated.tables import Columns, Names
from training.datasets.generated.world import new_world

USERS, MOST_USERS = 3000, 100_000
SEED = 7
Tables = dict[str, tuple[pl.DataFrame, Columns]]


def generate(domain: Domain, out: Path, users: int, seed: int, console: Console) -> None:
    """Writes the data set; 0 users are the domain's 3,000.

    Raises:
        DataSetError: the number of users or the seed is out of range.
    """
    if not 0 <= users <= MOST_USERS:
        raise DataSetError(f"users is {users}; a generated data set has 1 to {MOST_USERS:,}, or 0")
    if seed < 0:
        raise DataSetError(f"seed is {seed}; give 0 or more")
    drawn, truth = draw(domain, users or USERS, seed)
    described = domain.description() | {
        "tables": {name: roles for name, (_, roles) in drawn.items()}
    }
    with replacing(out) as folder:
        for name, (frame, _) in drawn.items():
            frame.write_parquet(folder / f"{name}.parquet")
        truth.write_parquet(folder / "ground_truth.parquet")
        (folder / "dataset.yaml").write_text(
            yaml.safe_dump(described, sort_keys=False, allow_unicode=True), "utf-8"
        )
    console.print(f"{out}: {domain.title}, seed {seed}: {_counts(drawn)}")


def draw(domain: Domain, users: int, seed: int) -> tuple[Tables, pl.DataFrame]:
    """Every table with its roles, and what each person most probably takes after the default now."""
    world = new_world(domain, users, seed)
    names = Names(world)
    promotions, advertised = offers.promotions(world), offers.ads(world)
    done = act(world, promotions)
    announced, aimed = offer_tables(world, names, promotions, advertised)
    drawn = {
        "items": tables.items(world, names),
        "users": tables.users(world, names),
        "events": happenings.events(world, names, done, promotions, advertised),
        "placements": placements(world, names, promotions),
        "offers": announced,
        "offer_targets": aimed,
        "queries": happenings.queries(world, names, done),
    }
    now = domain.now_day
    best = oracle.best(world, done, promotions, float(now))
    truth = best.select(
        at=pl.lit(START).dt.cast_time_unit("us") + pl.duration(days=now),
        user_id=tables.chosen(names.users, best["user"].to_numpy()),
        item_id=tables.chosen(names.items, best["item"].to_numpy()),
        probability=pl.col("probability").cast(pl.Float32),
    )
    return drawn, truth


def _counts(drawn: Mapping[str, tuple[pl.DataFrame, Columns]]) -> str:
    kinds = drawn["events"][0]["kind"].value_counts().sort("kind")
    counted = ", ".join(f"{count:,} {kind}" for kind, count in kinds.iter_rows())
    people = int(np.int64(drawn["events"][0]["user_id"].n_unique()))
    return f"{people:,} people, {drawn['items'][0].height:,} items; events: {counted}"
