"""Callers with our own Python client, each over a connection of its own, at a steady rate."""

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from recserve.client import AsyncClient, Consent, Event, RecserveError

from tests.rehearsal.outcomes import Outcome, Outcomes
from tests.rehearsal.people import People

CONSENT = Consent(personalization=True, logging=True)
TIMEOUT_S = 5.0  # the machine is shared by all pods: what is slow is reported, not failed
AGAIN = ("UNAVAILABLE", "CANCELLED")  # after the client's own retries
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0  # before asking again; doubled each time
RANKED = 20  # items of a call of Rank
STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Group:
    """Callers of one kind; `mix` holds methods of the client, those asked more often twice."""

    connections: int
    every_s: float  # from one call of a connection to its next
    mix: tuple[str, ...]


GROUPS = (
    Group(4, 0.8, ("recommend", "recommend", "search", "rank", "similar", "record")),
    Group(
        12, 0.2, ("status", "suggest", "status", "suggest", "record")
    ),  # cheap ones, for their number
    Group(2, 0.5, (STREAM,)),  # batches over a call of StreamEvents that stays open
)
CONNECTIONS = sum(group.connections for group in GROUPS)


@dataclass
class Load:
    people: People
    outcomes: Outcomes = field(default_factory=Outcomes)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self, endpoint: str, group: Group) -> None:
        """One caller, until it is told to stop and its last call has ended."""
        async with AsyncClient(endpoint, plaintext=True, timeout_s=TIMEOUT_S) as client:
            if group.mix == (STREAM,):
                await self._stream(client, group.every_s)
                return
            calls: set[asyncio.Task[None]] = set()
            while not await self._stops_within(group.every_s * random.uniform(0.8, 1.2)):
                method = random.choice(group.mix)
                task = asyncio.create_task(self._call(client, method))
                self.outcomes.call(task, method)
                calls.add(task)
                task.add_done_callback(calls.discard)
            if calls:
                await asyncio.wait(calls)

    async def _call(self, client: AsyncClient, method: str) -> None:
        """One call with one deadline, asked again after what the client's own retries could not mend."""
        began, again = time.monotonic(), list[str]()
        status, degraded, message = "", tuple[str, ...](), ""
        while (left_s := began + TIMEOUT_S - time.monotonic()) > 0:
            try:
                degraded, status = await self._ask(client, method, left_s), "OK"
                break
            except RecserveError as error:
                status, message = error.code.name, str(error)
            pause_s = min(FIRST_PAUSE_S * 2 ** len(again), LONGEST_PAUSE_S)
            if status not in AGAIN or time.monotonic() + pause_s > began + TIMEOUT_S:
                break
            again.append(status)
            await asyncio.sleep(pause_s)
        seconds = time.monotonic() - began
        told = Outcome(began, method, status, seconds, tuple(again), degraded, message)
        self.outcomes.all.append(told)

    async def _ask(self, client: AsyncClient, method: str, left_s: float) -> tuple[str, ...]:
        """How the answer was degraded."""
        people = self.people
        one: dict[str, Any] = {
            "user_id": random.choice(people.users), "consent": CONSENT, "timeout_s": left_s
        }  # fmt: skip
        match method:
            case "status":
                await client.status(timeout_s=left_s)
                return ()
            case "suggest":
                await client.suggest(random.choice(people.queries)[:3], timeout_s=left_s)
                return ()
            case "record":
                await client.record([people.event()], consent=CONSENT, timeout_s=left_s)
                return ()
            case "similar":
                slate = await client.similar(random.choice(people.items), timeout_s=left_s)
            case "rank":
                items = random.sample(people.items, min(RANKED, len(people.items)))
                slate = await client.rank(people.surface, items, **one)
            case "search":
                slate = (await client.search(random.choice(people.queries), **one)).slate
            case "recommend":
                slate = await client.recommend(people.surface, **one)
            case _:
                raise AssertionError(method)
        return tuple(f"{d.stage}: {d.reason}" for d in slate.answer.degradations)

    async def _stream(self, client: AsyncClient, every_s: float) -> None:
        """The client itself sends again what was not answered; a batch has one outcome."""
        waiting: dict[int, tuple[float, asyncio.Future[None]]] = {}

        async def batches() -> AsyncIterator[Sequence[Event]]:
            for number in itertools.count():
                if await self._stops_within(every_s):
                    return
                done = asyncio.get_running_loop().create_future()
                self.outcomes.under_way.add(done)
                waiting[number] = time.monotonic(), done
                yield [self.people.event()]

        def decided(number: int, status: str, message: str) -> None:
            began, done = waiting.pop(number)
            seconds = time.monotonic() - began
            self.outcomes.all.append(Outcome(began, STREAM, status, seconds, message=message))
            self.outcomes.under_way.discard(done)
            done.set_result(None)

        try:
            async for one in client.record_stream(batches(), consent=CONSENT, timeout_s=TIMEOUT_S):
                status = one.error.code.name if one.error else "OK"
                decided(one.number, status, str(one.error or ""))
        finally:
            for number in list(waiting):
                decided(number, "UNDECIDED", "the stream ended")

    async def _stops_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self.stopping.wait()
        except TimeoutError:
            return False


@asynccontextmanager
async def calling(
    load: Load, endpoints: Sequence[str]
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Yields how to let the callers end: an endpoint each, in the order of GROUPS."""
    groups = [group for group in GROUPS for _ in range(group.connections)]
    tasks = [
        asyncio.create_task(load.work(endpoint, group))
        for endpoint, group in zip(endpoints, groups, strict=True)
    ]
    for task in tasks:
        load.outcomes.watch(task, "caller")

    async def leave() -> None:
        load.stopping.set()
        await asyncio.wait(tasks)

    try:
        yield leave
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)  # each was watched
