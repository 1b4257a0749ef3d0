"""Follows the item changes: what is pushed into the store is in the answers a moment later."""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

import numpy as np

from serving.clients.item_changes import ItemChangesDoor
from serving.errors import ArtefactError, OutsideError
from serving.features.item_changes import BEGINNING, Changes
from serving.features.item_texts import VIEW as TEXTS
from serving.features.item_values import ItemColumns, StoredItems
from serving.features.live_items import LiveItems
from serving.features.overlay import position_of, stream_id
from serving.features.snapshot_files import REBUILD
from serving.types import (
    Action,
    Degraded,
    FeatureState,
    Keys,
    Reason,
    RowsDoor,
    Ticks,
)

WAIT_S = 0.5  # for entries, in Redis
GATHER_S = 0.05  # after some: single pushes come together
PAUSE_S = 0.5  # after a failure
START_S = 30.0  # to catch up before the first answer
READ_S = 5.0  # for the rows of a part
ANNOUNCED_MS = 10_000  # after which a row that was written has been announced
PART = 256  # items read and applied at a time: requests go on in between
BEHIND_S = 2.0  # without certainty, after which answers say so
BEHIND = (Degraded("items", Reason.BEHIND, Action.SERVED_MARKED, "changes of items"),)

log = logging.getLogger(__name__)


class FollowRecorder(Protocol):
    """telemetry.Metrics, or a fake."""

    def feature(self, view: str, state: FeatureState, count: int) -> None: ...
    def items(self, lag_s: float, changed: int) -> None: ...


class ItemFollower:
    """Brings LiveItems to the present, and keeps them there."""

    def __init__(
        self,
        door: ItemChangesDoor,
        rows: RowsDoor,
        columns: ItemColumns,
        recorder: FollowRecorder,
        ticks: Ticks,
        changed: Callable[[Keys], None] = lambda _: None,
    ) -> None:
        """`changed` hears which items were looked at anew, also those whose texts alone are others."""
        self._door, self._rows, self._columns = door, rows, columns
        self._recorder, self._ticks, self._changed = recorder, ticks, changed
        self._views = {TEXTS, *(view.name for view in columns.views)}
        self._told: set[str] = set()  # views of which a foreign row was told
        self._stepping = asyncio.Lock()
        self._seen = False  # the stream, ever
        self._certain = ticks()  # when nothing was known to be missing

    async def start(self, items: LiveItems) -> None:
        """As `catch_up`; without Redis, or with changes missing, the answers are marked instead."""
        try:
            async with asyncio.timeout(START_S):
                await self.catch_up(items)
        except (TimeoutError, OutsideError, ArtefactError) as error:
            log.warning("answers are marked for now: %s", error)
        else:
            self._seen, self._certain = True, self._ticks()
        self._say(items)

    async def follow(self, current: Callable[[], LiveItems]) -> None:
        """For ever, whichever items are the current ones; an outage is said once and outlived."""
        away = False
        while True:
            try:
                async with self._stepping:
                    items = current()
                    found = await self.step(items, WAIT_S)
            except OutsideError as error:
                if not away:
                    log.warning("changes of items can't be followed at the moment: %s", error)
                away = True
                self._say(items)
                await asyncio.sleep(PAUSE_S)
                continue
            if away:
                log.info("changes of items are followed again")
            away = False
            if not found.more:
                self._seen = True
                if items.whole:
                    self._certain = self._ticks()
            self._say(items)
            if found.entries and not found.more:
                await asyncio.sleep(GATHER_S)

    async def catch_up(self, items: LiveItems) -> None:
        """Until the items are as they are now.

        Raises:
            ArtefactError: changes that came after the snapshot are no longer in the stream.
            OutsideError: Redis doesn't answer.
        """
        while (await self.step(items, 0)).more:
            pass
        if not items.whole:
            raise ArtefactError(
                f"snapshot {items.version} is older than the changes that are still in Redis; {REBUILD}"
            )

    async def succeed(
        self, newer: LiveItems, current: Callable[[], LiveItems], replace: Callable[[], None]
    ) -> None:
        """Replaces the current items by others, none of which is older than it was.

        What the current ones took over of late may have been written but not announced yet when the newer
        ones read it: they read it again, while the current ones stand still.

        Raises:
            ArtefactError, OutsideError: as `catch_up`; the current ones stay.
        """
        await self.catch_up(newer)
        async with self._stepping:
            ms, number = position_of(current().position)
            since = max(position_of(newer.base.stream_position), (ms - ANNOUNCED_MS, number))
            newer.position = stream_id(since)
            await self.catch_up(newer)
            replace()

    async def step(self, items: LiveItems, wait_s: float) -> Changes:
        """Applies what comes next; waits so long for it.

        Raises:
            OutsideError: Redis doesn't answer; what was applied stays, and is applied again.
        """
        found = await self._door.after(items.position, wait_s)
        if not found.continue_from(items.position):
            self._lose(items, found)
        keys = [entry.keys for entry in found.entries if entry.view in self._views]
        changed = np.unique(np.concatenate(keys)) if keys else np.empty(0, dtype=np.int64)
        for start in range(0, len(changed), PART):
            await self._renew(items, changed[start : start + PART])
            self._changed(changed[start : start + PART])
            items.degradations = self._degradations(items)
        if found.entries:
            items.position = found.entries[-1].position
        return found

    async def _renew(self, items: LiveItems, keys: Keys) -> None:
        """As the store has them now."""
        packed = await self._rows.read(self._columns.row_keys(keys), READ_S)
        stored = self._columns.stored(keys, packed)
        wanted = items.unnamed(keys[stored.values.known])
        texts = await self._door.texts(wanted.tolist(), READ_S)
        if len(texts) < len(wanted):
            nameless = [key for key in wanted.tolist() if key not in texts]
            log.warning("%d items have no id in the store and stay unknown", len(nameless))
            stored = stored.part(np.flatnonzero(~np.isin(keys, nameless)))
        self._tell_foreign(stored)
        items.apply(stored, texts)

    def _tell_foreign(self, stored: StoredItems) -> None:
        for view, count in zip(
            self._columns.views, stored.foreign.sum(axis=0).tolist(), strict=True
        ):
            if not count:
                continue
            self._recorder.feature(view.name, "layout", count)
            if view.name not in self._told:
                self._told.add(view.name)
                log.warning(
                    "rows of %s are pushed in another layout than this bundle reads; the earlier "
                    "values stay, and grow old",
                    view.name,
                )

    def _lose(self, items: LiveItems, found: Changes) -> None:
        """Goes on with what there is; the answers are marked until there is a newer snapshot."""
        if items.whole:
            log.error(
                "changes of items after %s are no longer in Redis; answers from snapshot %s are "
                "marked, %s",
                items.position,
                items.version,
                REBUILD,
            )
        items.whole = False
        if not found.entries:  # the stream has been emptied: it begins anew
            items.position = BEGINNING

    def _say(self, items: LiveItems) -> None:
        items.degradations = self._degradations(items)
        self._recorder.items(self._ticks() - self._certain, items.changed_count)

    def _degradations(self, items: LiveItems) -> tuple[Degraded, ...]:
        certain = self._seen and items.whole and self._ticks() - self._certain <= BEHIND_S
        return () if certain else BEHIND
