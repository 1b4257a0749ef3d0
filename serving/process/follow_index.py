"""Keeps the words of the items up to date: what changes is found by what it is now, a moment later."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from pathlib import Path
from typing import Protocol

import numpy as np

from serving.clients.item_changes import ItemChangesDoor
from serving.errors import ArtefactError, LayoutMismatch, OutsideError
from serving.features.item_changes import ITEM
from serving.features.item_texts import VIEW, ItemTexts, read_texts
from serving.features.live_items import LiveItems
from serving.features.read_plan import ReadPlan
from serving.features.redis_keys import row_key
from serving.search.differences import Differences
from serving.search.engine import Engine, LiveSearch
from serving.search.index import open_index
from serving.search.live_index import ItemChange, LiveIndex
from serving.types import Keys, RowsDoor, SearchOutcome, Ticks

APART_S = 1.0  # between commits, at least
START_S = 10.0  # for what changed before the first answer
PAUSE_S = 30.0  # before an index that failed is opened anew
READ_S = 5.0  # for the texts of a part
PART = 256  # items compared at a time: requests go on in between

log = logging.getLogger(__name__)


class IndexRecorder(Protocol):
    """telemetry.Metrics, or a fake."""

    def search_changes(self, outcome: SearchOutcome, count: int) -> None: ...
    def search_commit(self, seconds: float) -> None: ...
    def overlaid_items(self, count: int) -> None: ...


class IndexFollower:
    """Has the index of the moment take over how items are now, as `LiveItems` and their texts say.

    What is announced is compared first. Where index or snapshot is another one, all items are: whatever came
    after the index was built, or was missed, is found by that.
    """

    def __init__(
        self,
        rows: RowsDoor,
        door: ItemChangesDoor,
        plan: ReadPlan,
        items: Callable[[], LiveItems],
        recorder: IndexRecorder,
        ticks: Ticks,
    ) -> None:
        self.live = LiveSearch()
        self._rows, self._door, self._plan, self._items = rows, door, plan, items
        self._recorder, self._ticks = recorder, ticks
        self._current: _Followed | None = None
        self._coming: _Followed | None = None
        self._taking = asyncio.Lock()
        self._turn = asyncio.Lock()  # to change the current one
        self._told = False  # that some texts can't be read

    def changed(self, keys: Keys) -> None:
        """These items may be otherwise than they were."""
        for followed in (self._current, self._coming):
            if followed is not None:
                followed.announced.update(keys.tolist())

    async def take(self, folder: Path) -> None:
        """Serves the index from now on, with all that came since it was built.

        The very first one serves whatever comes; what isn't there in time follows.

        Raises:
            ArtefactError: it can't be used; the one before serves on.
            OutsideError: Redis doesn't answer; likewise.
        """
        async with self._taking:
            newer = await asyncio.to_thread(_opened, folder, self._plan)
            if self._current is None:
                await self._begin(newer)
            else:
                await self._replace(newer)

    async def follow(self, apart_s: float = APART_S, pause_s: float = PAUSE_S) -> None:
        """For ever; an outage is said once and outlived."""
        away = False
        while True:
            await asyncio.sleep(apart_s)
            followed = self._current
            if followed is None:
                continue
            try:
                async with self._turn:
                    if followed is self._current:
                        await self._bring(followed, APART_S)
            except OutsideError as error:
                if not away:
                    log.warning("texts of items can't be read at the moment: %s", error)
                away = True
            except ArtefactError as error:
                log.error("%s; it will be opened anew", error)  # noqa: TRY400
                await self._mend(followed, pause_s)
            else:
                if away:
                    log.info("texts of items are read again")
                away = False

    async def _begin(self, first: "_Followed") -> None:
        self._current = first
        self._serve(first)
        try:
            async with self._turn:
                await self._bring(first, START_S)
        except (OutsideError, ArtefactError) as error:
            log.warning("searches are by what index %s has for now: %s", first.folder.name, error)

    async def _replace(self, newer: "_Followed") -> None:
        """As of the announcements that come until it serves, nothing is left out either."""
        self._coming = newer
        try:
            await self._bring(newer, inf)
            async with self._turn:
                await self._bring(newer, inf)
                before, self._current = self._current, newer
                self._serve(newer)
        finally:
            self._coming = None
        if before is not None:
            await asyncio.to_thread(before.index.close)

    async def _mend(self, broken: "_Followed", pause_s: float) -> None:
        """Until another one serves; so long the answers are by what was committed last."""
        while broken is self._current:
            await asyncio.sleep(pause_s)
            try:
                async with self._taking:
                    if broken is self._current:
                        newer = await asyncio.to_thread(_opened, broken.folder, self._plan)
                        await self._replace(newer)
            except (OutsideError, ArtefactError) as error:
                log.warning("the search index can't be opened anew yet: %s", error)

    async def _bring(self, followed: "_Followed", within_s: float) -> None:
        """Takes over what there is, a part at least and as much as there is time for, and commits it.

        Raises:
            OutsideError: Redis doesn't answer; nothing is forgotten.
            ArtefactError: the index is of no more use.
        """
        until = self._ticks() + within_s
        items = self._items()
        if items is not followed.items:
            followed.items, indexed = items, followed.index.base.keys
            followed.rest = await asyncio.to_thread(np.union1d, items.keys(), indexed)
        while followed.announced or len(followed.rest):
            await self._part(followed)
            if self._ticks() >= until:
                break
        began = self._ticks()
        if await asyncio.to_thread(followed.index.commit, followed.facet_texts):
            followed.facet_texts = {}
            followed.engine = followed.engine.changed(followed.index.current)
            self._recorder.search_commit(self._ticks() - began)
            if followed is self._current:
                self._serve(followed)

    def _serve(self, followed: "_Followed") -> None:
        self.live.engine = followed.engine
        self._recorder.overlaid_items(followed.index.changed)

    async def _part(self, followed: "_Followed") -> None:
        keys, done = followed.next(), False
        try:
            texts = await self._texts(keys)
            index = followed.index
            found = followed.differences(keys, self._items(), texts, index.touched(keys))
            followed.facet_texts |= await self._facets(found.changes, index)
            written = await asyncio.to_thread(index.write, found.changes, found.gone)
            done = True
        finally:
            if not done:
                followed.announced.update(keys.tolist())
        self._recorder.search_changes("indexed", written.indexed)
        self._recorder.search_changes("removed", written.removed)
        self._recorder.search_changes("wordless", written.wordless)

    async def _texts(self, keys: Keys) -> list[ItemTexts | None]:
        """What lies beside the items' rows; None where there is nothing, or nothing that can be read."""
        names = [row_key(self._plan.project, ITEM, key, VIEW) for key in keys.tolist()]
        packed = await self._rows.read(names, READ_S)
        pairs = zip(keys.tolist(), packed, strict=True)
        return [None if one is None else self._read(key, one) for key, one in pairs]

    def _read(self, key: int, packed: bytes) -> ItemTexts | None:
        try:
            return read_texts(packed)
        except LayoutMismatch as error:
            self._recorder.search_changes("unreadable", 1)
            if not self._told:
                self._told = True
                log.warning(
                    "texts of item %d, and maybe others, can't be read, the index keeps its own: %s",
                    key,
                    error,
                )
            return None

    async def _facets(self, changes: list[ItemChange], index: LiveIndex) -> dict[int, str]:
        """The texts of facets that the index hasn't met."""
        met = index.current.texts
        unmet = {key for one in changes for key in one.facets.values() if key not in met}
        return await self._door.texts(sorted(unmet), READ_S)


@dataclass(slots=True)
class _Followed:
    """An index and what it has yet to be compared with."""

    folder: Path
    index: LiveIndex
    engine: Engine
    differences: Differences
    announced: set[int] = field(default_factory=set)
    items: LiveItems | None = None  # with all of which it is compared
    rest: Keys = field(default_factory=lambda: np.empty(0, dtype=np.int64))  # of those
    facet_texts: dict[int, str] = field(default_factory=dict)  # for the next commit

    def next(self) -> Keys:
        """At most PART, which are looked at now."""
        if self.announced:
            some = list(islice(self.announced, PART))
            self.announced.difference_update(some)
            return np.array(some, dtype=np.int64)
        part, self.rest = self.rest[:PART], self.rest[PART:]
        return part


def _opened(folder: Path, plan: ReadPlan) -> _Followed:
    index = open_index(folder)
    differences = Differences(plan, index.fields, index.built_us)
    return _Followed(folder, LiveIndex(index), Engine(index), differences)
