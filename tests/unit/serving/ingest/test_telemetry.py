from http import HTTPStatus

import pytest

from serving.ingest.apply import Counts
from serving.ingest.telemetry import STUCK_S, Rounds, ingest_pages
from tests.fakes.time import FakeTicks


@pytest.fixture
def ticks() -> FakeTicks:
    return FakeTicks()


async def statuses(rounds: Rounds) -> tuple[HTTPStatus, HTTPStatus]:
    """Of /livez and /readyz."""
    pages = ingest_pages(Counts(), lambda: 1.5, rounds)
    return (await pages["/livez"]()).status, (await pages["/readyz"]()).status


OK, NO = HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE


async def test_a_worker_is_ready_once_a_round_did_what_it_should(ticks: FakeTicks):
    rounds = Rounds(ticks)
    assert await statuses(rounds) == (OK, NO)
    rounds.ended(good=True)
    assert await statuses(rounds) == (OK, OK)


async def test_rounds_that_fail_make_it_unready_and_leave_it_alive(ticks: FakeTicks):
    rounds = Rounds(ticks)
    for _ in range(10):
        ticks.seconds += STUCK_S / 2
        rounds.ended(good=False)
    assert await statuses(rounds) == (OK, NO)


async def test_a_round_that_does_not_end_is_no_life(ticks: FakeTicks):
    rounds = Rounds(ticks)
    rounds.ended(good=True)
    ticks.seconds += STUCK_S + 1
    assert (await statuses(rounds))[0] == NO


async def test_figures_tell_what_became_of_events_and_the_lag(ticks: FakeTicks):
    counts = Counts()
    counts.add("applied", 3)
    page = await ingest_pages(counts, lambda: 1.5, Rounds(ticks))["/metrics"]()
    assert b'recserve_ingest_events_total{outcome="applied"} 3.0' in page.body
    assert b"recserve_ingest_lag_seconds 1.5" in page.body
