"""One way to stream events through either client, and what came of it."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from recserve.client import AsyncClient, Client, Consent, Event, Outcome, RecserveError

from tests.unit.client.asking import PATIENT_S

LOGGED = Consent(logging=True)


@dataclass
class Told:
    """All that a stream said, up to the error that ended it."""

    outcomes: list[Outcome]
    error: RecserveError | None = None

    @property
    def recorded(self) -> list[int]:
        """The numbers of the batches that were taken, as they were told."""
        return [one.number for one in self.outcomes if one.recorded]


async def streamed(kind: type[Any], endpoint: str, events: Any, **options: Any) -> Told:
    options = {"consent": LOGGED, "batch_size": 1, "timeout_s": PATIENT_S} | options
    if kind is Client:
        return await asyncio.to_thread(_blocking, endpoint, events, options)
    told = Told([])
    async with AsyncClient(endpoint) as client:
        try:
            async for outcome in client.record_stream(events, **options):
                told.outcomes.append(outcome)
        except RecserveError as error:
            told.error = error
    return told


def _blocking(endpoint: str, events: Any, options: dict[str, Any]) -> Told:
    told = Told([])
    with Client(endpoint) as client:
        try:
            for outcome in client.record_stream(events, **options):
                told.outcomes.append(outcome)
        except RecserveError as error:
            told.error = error
    return told


def click(number: int) -> Event:
    return Event(
        user_id="u",
        item_id="i",
        kind="click",
        event_time=datetime(2026, 3, 1, tzinfo=UTC),
        event_id=f"e{number}",
    )


def clicks(count: int) -> list[Event]:
    return [click(number) for number in range(count)]
