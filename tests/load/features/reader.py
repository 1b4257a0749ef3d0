"""Reads features exactly as a gateway's worker does: `python -m tests.load.features.reader SPEC`.

Hydrate and Gather are put together as serving/assembly.py does, timed by a Trail and counted by the real
Metrics; an entry of the request log is written for every read. One JSON line in, one JSON line out.
"""

import asyncio
import cProfile
import gc
import io
import json
import pstats
import sys
import time
from collections import defaultdict
from contextlib import AsyncExitStack
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import uvloop

from serving.clients.events import RedisEvents
from serving.clients.redis import RedisRows
from serving.clock import Clock
from serving.features.inputs import UserFiller
from serving.features.item_inputs import ItemFiller
from serving.features.item_values import ItemColumns
from serving.features.live_items import LiveItems
from serving.features.rows import NOTHING, UserRows, UserRowsReader
from serving.features.snapshot import open_snapshot
from serving.policy import Budget
from serving.process.request_log import open_request_log
from serving.rpc import wire
from serving.stages.gather import Gather, Gathered
from serving.stages.hydrate import Hydrate
from serving.telemetry import Metrics
from serving.trail import Trail
from serving.types import Answered, Consent, Person, Query, RequestLog, ServedItem
from tests.load.features.plan import read_plan

BUDGET_S = 0.5
SLATE = 20  # items of the answer that the request log keeps
CONSENT = Consent(personalization=True, logging=True)
KEY = bytes(32)


class Reader:
    """One person and some candidates at a time, ready as the ranker's input."""

    def __init__(self, snapshot: LiveItems, rows: RedisRows, log: RequestLog) -> None:
        plan, self._metrics, self._clock = read_plan(), Metrics(), Clock()
        ranker = plan.models["ranker"]
        self._hydrate = Hydrate(UserRowsReader(plan, rows, snapshot, self._metrics))
        self._gather = Gather(
            snapshot, UserFiller(ranker, plan), ItemFiller(ranker, plan, snapshot), self._metrics
        )
        self._snapshot, self._log, self._scribe = snapshot, log, wire.Scribe(KEY)
        self._slate = tuple(
            ServedItem(item, 0.5, ("popular",))
            for item in snapshot.names(snapshot.keys_at(snapshot.popular[:SLATE]))
        )

    async def read(self, user: int, keys: Any) -> tuple[Gathered, UserRows, Trail]:
        """As Pipeline does up to the call of Triton."""
        person = Person(str(user), user, CONSENT)
        budget = Budget.of(BUDGET_S, time.monotonic)
        trail, now_us = Trail(time.monotonic, self._metrics), self._clock.now_us()
        with trail.stage("hydrate"):
            work = self._hydrate(person, now_us, budget.share("hydrate"))
            rows = await trail.attempt("hydrate", work, NOTHING)
        trail.note(rows.degradations)
        with trail.stage("gather"):
            gathered = self._gather(rows, keys, now_us)
        trail.note(gathered.degradations)
        if trail.degradations:
            raise AssertionError(f"the read was degraded: {trail.degradations}")
        return gathered, rows, trail

    def log(self, user: int, rows: UserRows, trail: Trail) -> None:
        """An entry as that of an answer with a page of items."""
        at_us = self._clock.now_us()
        query = Query(
            Person(str(user), user, CONSENT), "SURFACE_PRODUCT", SLATE, False, frozenset()
        )
        answered = Answered(
            self._slate, "0" * 16, self._snapshot.version, trail.timings, rows=rows.versions
        )
        token = self._scribe.token(at_us, "request", answered.bundle_id)
        told = wire.answer(answered, "request", token)
        self._log.record(self._scribe.entry("Rank", at_us, answered, told, query))


class Measure:
    """What may be asked of this process."""

    def __init__(self, spec: dict[str, Any], reader: Reader) -> None:
        self._reader = reader
        self._candidates = dict(np.load(spec["candidates"]))
        self._users: dict[str, list[int]] = spec["users"]
        self._parts: dict[str, list[float]] = defaultdict(list)

    async def read(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """`until` is "tensors", or "logged": the entry of the request log is then in the time."""
        steps = [self._steps(wanted) for _ in range(wanted["readers"])]
        return {"seconds": list(chain.from_iterable(await asyncio.gather(*steps)))}

    async def values(self, wanted: dict[str, Any]) -> dict[str, Any]:
        keys = self._candidates[f"keys_{wanted['candidates']}"][0]
        gathered, _, _ = await self._reader.read(wanted["user"], keys)
        np.savez(wanted["to"], **gathered.tensors)
        return {}

    async def profile(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Where the time goes: the profiler's table, the functions that take most, and each stage's p50."""
        profile = cProfile.Profile()
        self._parts.clear()
        await self._steps(wanted)
        parts = {stage: 1e3 * median(seconds) for stage, seconds in self._parts.items()}
        profile.enable()
        await self._steps(wanted)
        profile.disable()
        text = io.StringIO()
        stats = pstats.Stats(profile, stream=text).strip_dirs()
        stats.sort_stats("tottime").print_stats(40)
        return {"text": text.getvalue(), "parts_ms": parts, "most": _most(profile)}

    async def _steps(self, wanted: dict[str, Any]) -> list[float]:
        sets = self._candidates[f"keys_{wanted['candidates']}"]
        users, logged, found = self._users[wanted["users"]], wanted["until"] == "logged", []
        for step in range(wanted["steps"]):
            user, keys = users[step % len(users)], sets[step % len(sets)]
            began = time.perf_counter()
            _, rows, trail = await self._reader.read(user, keys)
            ready = time.perf_counter()
            self._reader.log(user, rows, trail)
            for timing in trail.timings:
                self._parts[timing.stage].append(timing.seconds)
            found.append((time.perf_counter() if logged else ready) - began)
        return found


def _most(profile: cProfile.Profile, count: int = 6) -> dict[str, float]:
    """The functions in which most of the time was spent, and their share of it."""
    entries = {str(e.code): e.inlinetime for e in profile.getstats() if isinstance(e.code, str)}
    entries |= {
        e.code.co_qualname: e.inlinetime for e in profile.getstats() if not isinstance(e.code, str)
    }
    whole = sum(entries.values())
    largest = sorted(entries, key=lambda name: -entries[name])[:count]
    return {name: entries[name] / whole for name in largest}


async def serve(spec: dict[str, Any]) -> None:
    plan = read_plan()
    snapshot = LiveItems(open_snapshot(Path(spec["snapshot"]), plan), ItemColumns(plan))
    async with AsyncExitStack() as stack:
        rows = RedisRows.from_url(spec["redis_url"])
        stack.push_async_callback(rows.close)
        events = RedisEvents.from_url(spec["redis_url"])
        stack.push_async_callback(events.close)
        log = await stack.enter_async_context(
            open_request_log(events, plan.project, 100_000, lambda _: None, 2.0)
        )
        measure = Measure(spec, Reader(snapshot, rows, log))
        asked = {"read": measure.read, "values": measure.values, "profile": measure.profile}
        gc.freeze()
        await _answer_lines(asked)


async def _answer_lines(asked: Any) -> None:
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := await lines.readline():
        wanted = json.loads(line)
        answer = await asked[wanted["do"]](wanted) if wanted["do"] in asked else {}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(json.loads(Path(sys.argv[1]).read_text())))
