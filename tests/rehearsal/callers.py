"""Callers with our own Python client, at a steady rate; what became of every call is kept."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import yaml
from recserve.client import AsyncClient, Consent, Event, RecserveError, Surface

CONSENT = Consent(personalization=True, logging=True)
TIMEOUT_S = 5.0  # the machine is shared by all pods: what is slow is reported, not failed
EVERY_S = 0.8  # a caller's pause from one call to the next
AGAIN = ("UNAVAILABLE", "CANCELLED")  # as docs/operations.md tells callers
PAUSE_S = 0.1
MIX = ("recommend", "recommend", "recommend", "search", "record")


@dataclass(frozen=True, slots=True)
class People:
    """Whom and what the calls are about."""

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
        source = yaml.safe_load((state / "dataset/dataset.yaml").read_text())
        catalogue = pl.read_parquet(state / "prepared/catalogue.parquet")
        users = pl.read_parquet(state / "prepared/targets.parquet")["user_id"].unique().sort()
        titles = next((c for c in ("title", "category") if c in catalogue.columns), "item_id")
        return cls(
            surface=Surface(told["surface"]),
            users=[str(user) for user in users],
            items=catalogue["item_id"].cast(pl.String).to_list(),
            queries=catalogue[titles].drop_nulls().cast(pl.String).to_list(),
            kind=source["target_kinds"][0],
            now=datetime.fromisoformat(str(told["now"])),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    began: float  # monotonic seconds
    method: str
    status: str  # OK, or the last status that the client got
    seconds: float
    tries: int
    degraded: tuple[str, ...] = ()  # `stage: REASON`
    message: str = ""


@dataclass
class Load:
    people: People
    outcomes: list[Outcome] = field(default_factory=list)
    under_way: set[asyncio.Task[None]] = field(default_factory=set)

    def between(self, began: float, ended: float) -> list[Outcome]:
        return [one for one in self.outcomes if began <= one.began < ended]

    def ended(self, task: asyncio.Task[None]) -> None:
        """Of a call; what isn't an error of our client's is a failure as well."""
        self.under_way.discard(task)
        if not task.cancelled() and (fault := task.exception()):
            now = time.monotonic()
            self.outcomes.append(Outcome(now, "", type(fault).__name__, 0.0, 1, (), str(fault)))

    async def finished(self) -> None:
        """Until every call so far has its outcome."""
        if self.under_way:
            await asyncio.wait(set(self.under_way))

    async def call(self, client: AsyncClient, method: str) -> None:
        """One call with one deadline, asked again after what the client's own retries could not mend."""
        began, tries, degraded, status, message = time.monotonic(), 0, (), "", ""
        while status in ("", *AGAIN) and (left_s := began + TIMEOUT_S - time.monotonic()) > 0:
            await asyncio.sleep(PAUSE_S if tries else 0)
            tries += 1
            try:
                degraded = await self._ask(client, method, left_s)
                status = "OK"
            except RecserveError as error:
                status, message = error.code.name, str(error)
        seconds = time.monotonic() - began
        self.outcomes.append(Outcome(began, method, status, seconds, tries, degraded, message))

    async def _ask(self, client: AsyncClient, method: str, left_s: float) -> tuple[str, ...]:
        people = self.people
        user = random.choice(people.users)
        if method == "record":
            when = people.now + timedelta(seconds=1)
            event = Event(
                user_id=user, item_id=random.choice(people.items), kind=people.kind, event_time=when
            )
            await client.record([event], consent=CONSENT, timeout_s=left_s)
            return ()
        if method == "search":
            words = random.choice(people.queries)
            page = await client.search(words, user_id=user, consent=CONSENT, timeout_s=left_s)
            slate = page.slate
        else:
            slate = await client.recommend(
                people.surface, user_id=user, consent=CONSENT, timeout_s=left_s
            )
        return tuple(f"{d.stage}: {d.reason}" for d in slate.answer.degradations)


@asynccontextmanager
async def calling(load: Load, endpoints: Sequence[str]) -> AsyncIterator[None]:
    """A caller an endpoint while the block runs."""

    async def work(endpoint: str) -> None:
        async with AsyncClient(endpoint, plaintext=True, timeout_s=TIMEOUT_S) as client:
            try:
                while True:
                    task = asyncio.create_task(load.call(client, random.choice(MIX)))
                    load.under_way.add(task)
                    task.add_done_callback(load.ended)
                    await asyncio.sleep(EVERY_S * random.uniform(0.8, 1.2))
            finally:
                await load.finished()

    tasks = [asyncio.create_task(work(endpoint)) for endpoint in endpoints]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
