"""Reads all of a user's rows in one round trip, and says of each whether it may be used."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from serving.errors import LayoutMismatch
from serving.features.layout import LENGTH
from serving.features.read_plan import ReadPlan, ViewPlan
from serving.features.redis_keys import row_key
from serving.types import (
    Action,
    Degraded,
    FeatureState,
    Keys,
    Reason,
    Recorder,
    RowsDoor,
    RowVersion,
)

STAGE = "hydrate"


@dataclass(frozen=True, slots=True)
class UserRow:
    """A row that may be used."""

    packed: bytes
    values: np.void

    @property
    def event_time_us(self) -> int:
        return int(self.values["event_time_us"])

    def list_of(self, column: str) -> NDArray[np.generic]:
        """The list column without its padding."""
        values: NDArray[np.generic] = self.values[column]
        return values[: int(self.values[column + LENGTH])]


@dataclass(frozen=True, slots=True)
class UserRows:
    """What is known of a person; a view that isn't in `rows` is null in all its columns."""

    rows: Mapping[str, UserRow]  # by view
    versions: tuple[RowVersion, ...] = ()
    degradations: tuple[Degraded, ...] = ()

    def items(self, column: str) -> Keys:
        """(n,) item keys of `<view>.<column>`, each once and in order; empty without the row."""
        view, _, name = column.partition(".")
        row = self.rows.get(view)
        if row is None:
            return np.empty(0, dtype=np.int64)
        keys = row.list_of(name).astype(np.int64, copy=False)
        _, first = np.unique(keys, return_index=True)
        once: Keys = keys[np.sort(first)]
        return once[once >= 0]

    @property
    def oldest_us(self) -> int | None:
        return min((row.event_time_us for row in self.rows.values()), default=None)


NOTHING = UserRows(MappingProxyType({}))


class UserRowsReader:
    """Reads by the read plan; the age of every row is held against its view's maximum."""

    def __init__(self, plan: ReadPlan, door: RowsDoor, recorder: Recorder) -> None:
        self._project = plan.project
        self._views = plan.views_of("user")
        self._door = door
        self._recorder = recorder

    async def __call__(self, key: int, now_us: int, timeout_s: float) -> UserRows:
        """Raises OutsideError if the rows can't be read in time."""
        keys = [row_key(self._project, view.join_key, key, view.name) for view in self._views]
        stored = await self._door.read(keys, timeout_s)
        judged = [judge(v, packed, now_us) for v, packed in zip(self._views, stored, strict=True)]
        for one in judged:
            self._recorder.feature(one.view, one.state, 1)
        return collected(judged)


@dataclass(frozen=True, slots=True)
class Judged:
    """In which state a view's row was found; `row` is None unless it may be used."""

    view: str
    state: FeatureState
    row: UserRow | None = None
    degraded: Degraded | None = None


def judge(view: ViewPlan, packed: bytes | None, now_us: int) -> Judged:
    """A row may be used if its layout is the plan's and, unless it is marked, it isn't too old."""
    if packed is None:
        return Judged(view.name, "missing")
    try:
        row = UserRow(packed, view.layout.read(packed))
    except LayoutMismatch as error:
        detail = f"{view.name}: {error}"
        degraded = Degraded(STAGE, Reason.LAYOUT, Action.DEFAULT_FEATURES, detail)
        return Judged(view.name, "layout", None, degraded)
    if now_us - row.event_time_us <= view.max_age_s * 1_000_000:
        return Judged(view.name, "present", row)
    action = stale_action(view)
    degraded = Degraded(STAGE, Reason.STALE, action, view.name)
    used = row if action is Action.SERVED_MARKED else None
    return Judged(view.name, "stale", used, degraded)


def stale_action(view: ViewPlan) -> Action:
    """What is done with a row that is too old; `default` and `drop` both take it as missing."""
    if view.stale_action == "serve_marked":
        return Action.SERVED_MARKED
    return Action.DEFAULT_FEATURES


def collected(judged: Sequence[Judged]) -> UserRows:
    return UserRows(
        {one.view: one.row for one in judged if one.row},
        tuple(RowVersion(one.view, one.row.event_time_us if one.row else None) for one in judged),
        tuple(one.degraded for one in judged if one.degraded),
    )
