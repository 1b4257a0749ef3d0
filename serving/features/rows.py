"""Reads all that is stored of a user in one round trip: rows, and events that are not in them yet.

Says of each row whether it may be used, and adds the events to those that events update.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from serving.errors import LayoutMismatch, OutsideError
from serving.features.fold import with_events
from serving.features.layout import HEAD_BYTES, LENGTH, Layout
from serving.features.overlay import START, last_position, position_of, records
from serving.features.read_plan import ReadPlan, ViewPlan
from serving.features.redis_keys import (
    applied_key,
    events_stream,
    overlay_key,
    partition_of,
    row_key,
)
from serving.items import ItemSnapshot
from serving.types import (
    Action,
    Degraded,
    FeatureState,
    Keys,
    Position,
    Reason,
    Recorder,
    RowsDoor,
    RowVersion,
    StoredPerson,
)

STAGE = "hydrate"
REREAD_S = 0.02  # for a replica to catch up


@dataclass(frozen=True, slots=True)
class UserRow:
    """A row that may be used."""

    packed: bytes
    layout: Layout
    event_time_us: int

    @property
    def values(self) -> np.void:
        row: np.void = np.frombuffer(self.packed, dtype=self.layout.dtype)[0]
        return row

    def list_of(self, column: str) -> NDArray[np.generic]:
        """The list column without its padding."""
        row = self.values
        values: NDArray[np.generic] = row[column]
        return values[: int(row[column + LENGTH])]


@dataclass(frozen=True, slots=True)
class UserRows:
    """What is known of a person; a view that isn't in `rows` is null in all its columns."""

    rows: Mapping[str, UserRow]  # by view
    versions: tuple[RowVersion, ...] = ()
    degradations: tuple[Degraded, ...] = ()
    dropped: frozenset[str] = frozenset()  # views too old, so that what reads them is left out

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
    """Reads by the read plan; the age of every row is held against its view's maximum.

    Events count if they are of the snapshot's items, as those of the catalogue do in the preparation.
    """

    def __init__(
        self, plan: ReadPlan, door: RowsDoor, snapshot: ItemSnapshot, recorder: Recorder
    ) -> None:
        self._project = plan.project
        self._views = plan.views_of("user")
        self._door, self._snapshot, self._recorder = door, snapshot, recorder

    async def __call__(
        self, key: int, now_us: int, timeout_s: float, until: Position | None = None
    ) -> UserRows:
        """Knows the user's events up to the position `until`, or says that it doesn't.

        Raises:
            OutsideError: the rows can't be read in time.
        """
        stored, behind = await self._read(key, timeout_s, until or START)
        judged = [
            judge(v, packed, now_us) for v, packed in zip(self._views, stored.rows, strict=True)
        ]
        for one in judged:
            self._recorder.feature(one.view, one.state, 1)
        if stored.overlay:
            judged = self._with_events(judged, stored.overlay, now_us)
        return collected(judged, BEHIND if behind else ())

    async def _read(self, key: int, timeout_s: float, until: Position) -> tuple[StoredPerson, bool]:
        """Reads once more after a moment if the store is behind; and whether it still is.

        A second look that fails leaves the first.
        """
        began = asyncio.get_running_loop().time()
        part, overlay = partition_of(key), overlay_key(self._project, key)
        applied = applied_key(self._project, part)
        stream = events_stream(self._project, part) if until > START else None
        rows = [row_key(self._project, view.join_key, key, view.name) for view in self._views]
        stored = await self._door.read_person(applied, overlay, rows, timeout_s, stream)
        pause_s = min(REREAD_S, timeout_s / 2)
        if until <= reached(stored) or pause_s <= 0:
            return stored, until > reached(stored)
        await asyncio.sleep(pause_s)
        left_s = timeout_s - (asyncio.get_running_loop().time() - began)
        with suppress(OutsideError):
            stored = await self._door.read_person(applied, overlay, rows, left_s, stream)
        return stored, until > reached(stored)

    def _with_events(
        self, judged: Sequence["Judged"], overlay: Sequence[bytes], now_us: int
    ) -> list["Judged"]:
        events = records(overlay)
        events = events[self._snapshot.positions(events["item"]) >= 0]
        found = zip(self._views, judged, strict=True)
        return [_updated(view, one, events, now_us) for view, one in found]


def reached(stored: StoredPerson) -> Position:
    """How far the store knows the events of the person.

    The last event of the stream may be another's, or one that has no record: a token speaks of those too.
    """
    known = [position_of(one) for one in (stored.applied, stored.end) if one]
    return max(*known, last_position(records(stored.overlay[-1:])), START)


@dataclass(frozen=True, slots=True)
class Judged:
    """In which state a view's row was found; `row` is None unless it may be used."""

    view: str
    state: FeatureState
    row: UserRow | None = None
    degraded: Degraded | None = None
    version: RowVersion | None = None  # of the stored row, where events were added to it
    dropped: bool = False


def judge(view: ViewPlan, packed: bytes | None, now_us: int) -> Judged:
    """A row may be used if its layout is the plan's and, unless it is marked, it isn't too old."""
    if packed is None:
        return Judged(view.name, "missing")
    try:
        row = UserRow(packed, view.layout, view.layout.event_time_us(packed))
    except LayoutMismatch as error:
        detail = f"{view.name}: {error}"
        degraded = Degraded(STAGE, Reason.LAYOUT, Action.DEFAULT_FEATURES, detail)
        return Judged(view.name, "layout", None, degraded)
    if now_us - row.event_time_us <= view.max_age_s * 1_000_000:
        empty = packed[HEAD_BYTES:] == view.layout.nothing
        return Judged(view.name, "null" if empty else "present", row)
    action = stale_action(view)
    degraded = Degraded(STAGE, Reason.STALE, action, view.name)
    used = row if action is Action.SERVED_MARKED else None
    dropped = view.stale_action == "drop"
    return Judged(view.name, "stale", used, degraded, dropped=dropped)


BEHIND = (
    Degraded(STAGE, Reason.BEHIND, Action.SERVED_MARKED, "events of the request's event_token"),
)


def stale_action(view: ViewPlan) -> Action:
    """What is done with a row that is too old; `default` and `drop` both take it as missing.

    With `drop`, moreover, the candidate sources that read the view are left out.
    """
    if view.stale_action == "serve_marked":
        return Action.SERVED_MARKED
    return Action.DEFAULT_FEATURES


def _updated(view: ViewPlan, judged: Judged, events: NDArray[np.void], now_us: int) -> Judged:
    """With the events in its row; a row that may not be used stays out of use."""
    if view.updates is None or (judged.row is None and judged.state != "missing"):
        return judged
    values = judged.row.values if judged.row else None
    made = with_events(values, view.layout, view.updates, events, now_us)
    if made is None:
        return judged
    time_us = judged.row.event_time_us if judged.row else None
    version = RowVersion(view.name, time_us, len(events))
    row = UserRow(made.tobytes(), view.layout, int(made["event_time_us"][0]))
    return replace(judged, row=row, version=version)


def collected(judged: Sequence[Judged], beside: Sequence[Degraded] = ()) -> UserRows:
    return UserRows(
        {one.view: one.row for one in judged if one.row},
        tuple(
            one.version or RowVersion(one.view, one.row.event_time_us if one.row else None)
            for one in judged
        ),
        (*(one.degraded for one in judged if one.degraded), *beside),
        frozenset(one.view for one in judged if one.dropped),
    )
