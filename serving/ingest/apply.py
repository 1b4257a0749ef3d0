"""Adds the events of the streams to their people's rows in the online store."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from serving.errors import LayoutMismatch
from serving.features.fold import with_events
from serving.features.layout import HEAD
from serving.features.overlay import position_of, records
from serving.features.read_plan import ReadPlan, ViewPlan
from serving.features.redis_keys import entities_key, row_key
from serving.ingest.commit import Batch, NewRow, applied, commit
from serving.ingest.entries import Entry, RawEntry, entries_after, read_entries
from serving.types import Keys, Mask, Position

if TYPE_CHECKING:
    from serving.clients.connections import Client

MOST_ENTRIES = 500  # of a partition at a time
LATE_US = 3_600_000_000  # an event that took longer to arrive is counted as late
USER = "user_id"
Outcome = Literal[
    "applied",
    "unknown_item",
    "without_effect",
    "poison",
    "logged",
    "late",
    "future",
    "out_of_order",
    "conflict",
]


@dataclass(slots=True)
class Counts:
    """Events by what became of them, from 0; an event may count as several."""

    of: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(get_args(Outcome), 0))

    def add(self, outcome: Outcome, count: int = 1) -> None:
        self.of[outcome] += count


class Applier:
    """Of some partitions. `known` tells which item keys are in the catalogue."""

    def __init__(
        self,
        client: "Client",
        plan: ReadPlan,
        partitions: Sequence[int],
        known: Callable[[Keys], Mask],
        now_us: Callable[[], int],
        counts: Counts,
    ) -> None:
        self._client, self._plan = client, plan
        self._partitions = partitions
        self._views = tuple(view for view in plan.views_of("user") if view.updates)
        self._known, self._now_us, self.counts = known, now_us, counts
        self.oldest_waiting_ms: int | None = (
            None  # when the first event came in that the last step found
        )
        self.worked = 0  # how many partitions the last step could work off

    def step(self) -> int:
        """Works off what there is, up to MOST_ENTRIES a partition; returns how many entries that were.

        Raises:
            LayoutMismatch: a row can't be added to; its partition's events wait.
        """
        worked = 0
        try:
            done, problems = self._step()
            worked = len(self._partitions) - len(problems)
        finally:
            self.worked = worked
        if problems:
            raise problems[0]
        return done

    def _step(self) -> tuple[int, list[LayoutMismatch]]:
        at = applied(self._client, self._plan.project, self._partitions)
        done = 0
        problems: list[LayoutMismatch] = []
        for partition, raw in self._entries(at).items():
            try:
                done += self._apply(partition, at[partition], raw)
            except LayoutMismatch as problem:  # the other partitions go on
                problems.append(problem)
        return done, problems

    def _entries(self, at: Mapping[int, Position]) -> dict[int, list[RawEntry]]:
        waiting = entries_after(self._client, self._plan.project, at, MOST_ENTRIES)
        arrived = [position_of(raw[0][0])[0] for raw in waiting.values()]
        self.oldest_waiting_ms = min(arrived, default=None)
        return waiting

    def _apply(self, partition: int, start: Position, raw: Sequence[RawEntry]) -> int:
        entries, poison = read_entries(raw, self._plan.id_kind)
        end = position_of(raw[-1][0])
        changing = [entry for entry in entries if entry.user_key is not None and entry.record]
        by_user = self._of_catalogue(changing)
        rows = self._new_rows(by_user)
        users = sorted({entry.user_key for entry in changing if entry.user_key is not None})
        if rows:  # before: an entity that is listed without a row does no harm
            self._client.sadd(entities_key(self._plan.project, USER), *by_user)
        if not commit(
            self._client, self._plan.project, Batch(partition, start, end, rows, users, poison)
        ):
            self.counts.add("conflict")
            return 0
        self._count(entries, changing, by_user, len(poison))
        return len(raw)

    def _of_catalogue(self, entries: Iterable[Entry]) -> dict[int, NDArray[np.void]]:
        """By user, in the order of the stream."""
        packed: dict[int, list[bytes]] = defaultdict(list)
        for entry in entries:
            if entry.user_key is not None:
                packed[entry.user_key].append(entry.record)
        found = {user: records(listed) for user, listed in packed.items()}
        kept = {user: events[self._known(events["item"])] for user, events in found.items()}
        return {user: events for user, events in kept.items() if len(events)}

    def _new_rows(self, by_user: Mapping[int, NDArray[np.void]]) -> list[NewRow]:
        wanted = [(user, view) for user in by_user for view in self._views]
        keys = [row_key(self._plan.project, USER, user, view.name) for user, view in wanted]
        with self._client.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.get(key)
            stored: list[bytes | None] = pipe.execute()
        now_us = self._now_us()
        made = (
            self._new_row(key, view, packed, by_user[user], now_us)
            for (user, view), key, packed in zip(wanted, keys, stored, strict=True)
        )
        return [row for row in made if row]

    def _new_row(
        self,
        key: bytes,
        view: ViewPlan,
        packed: bytes | None,
        events: NDArray[np.void],
        now_us: int,
    ) -> NewRow | None:
        """None if the events change nothing in the row."""
        assert view.updates
        try:
            row = view.layout.read(packed) if packed is not None else None
        except LayoutMismatch as error:
            raise LayoutMismatch(
                f"{view.name}: {error}; materialise it again: until then events wait in their stream"
            ) from error
        made = with_events(row, view.layout, view.updates, events, now_us)
        if made is None:
            return None
        return NewRow(key, (packed or b"")[: HEAD.itemsize], made.tobytes())

    def _count(
        self,
        entries: Sequence[Entry],
        changing: Sequence[Entry],
        by_user: Mapping[int, NDArray[np.void]],
        poison: int,
    ) -> None:
        self.counts.add("applied", sum(map(len, by_user.values())))
        self.counts.add("unknown_item", len(changing) - sum(map(len, by_user.values())))
        self.counts.add("without_effect", len(entries) - len(changing))
        self.counts.add("poison", poison)
        newest: dict[int | None, int] = {}
        for entry in entries:
            time_us = entry.logged.event.event_time.ToMicroseconds()
            arrived_us = entry.logged.received_at_us
            self.counts.add("late", arrived_us - time_us > LATE_US)
            self.counts.add("future", time_us > arrived_us)
            self.counts.add("out_of_order", time_us < newest.get(entry.user_key, time_us))
            newest[entry.user_key] = max(time_us, newest.get(entry.user_key, time_us))
