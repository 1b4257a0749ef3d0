"""Whom and what the calls are about."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import yaml
from recserve.client import Event, Surface

from training.prepare.contract import read_description


@dataclass(frozen=True, slots=True)
class People:
    surface: Surface
    users: Sequence[str]
    items: Sequence[str]
    queries: Sequence[str]
    kind: str  # of the events
    now: datetime

    @classmethod
    def of(cls, state: Path) -> "People":
        """The prepared data's."""
        told = yaml.safe_load((state / "prepared/features.yaml").read_text())
        catalogue = pl.read_parquet(state / "prepared/catalogue.parquet")
        users = pl.read_parquet(state / "prepared/targets.parquet")["user_id"].unique().sort()
        titles = next((c for c in ("title", "category") if c in catalogue.columns), "item_id")
        return cls(
            surface=Surface(told["surface"]),
            users=[str(user) for user in users],
            items=catalogue["item_id"].cast(pl.String).to_list(),
            queries=catalogue[titles].drop_nulls().cast(pl.String).to_list(),
            kind=read_description(state / "dataset")["target_kinds"][0],
            now=datetime.fromisoformat(str(told["now"])),
        )

    def event(self) -> Event:
        """A new one, a moment after the data's own now."""
        return Event(
            user_id=random.choice(self.users),
            item_id=random.choice(self.items),
            kind=self.kind,
            event_time=self.now + timedelta(seconds=1),
        )
