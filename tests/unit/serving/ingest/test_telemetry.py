from http import HTTPStatus

import pytest

from serving.ingest.telemetry import STUCK_S, Rounds, ingest_pages
from serving.ingest.watch import Seen
from tests.fakes.ingest_worker import IdleWorker
from tests.fakes.time import FakeTicks


@pytest.fixture
def ticks() -> FakeTicks:
    return FakeTicks()


async def statuses(rounds: Rounds) -> tuple[HTTPStatus, HTTPStatus]:
    """Of /livez and /readyz."""
    pages = ingest_pages(IdleWorker(rounds))
    return (await pages["/livez"]()).status, (await pages["/readyz"]()).status


OK, NO = HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE


async def test_a_worker_is_ready_once_a_round_has_ended(ticks: FakeTicks):
    rounds = Rounds(ticks)
    assert await statuses(rounds) == (OK, NO)
    rounds.ended()
    assert await statuses(rounds) == (OK, OK)


async def test_rounds_that_end_keep_it_alive_and_ready_however_long_redis_is_away(ticks: FakeTicks):
    rounds = Rounds(ticks)
    for _ in range(10):
        ticks.seconds += STUCK_S / 2
        rounds.ended()
    assert await statuses(rounds) == (OK, OK)


async def test_a_round_that_does_not_end_is_no_life_and_nothing_to_rely_on(ticks: FakeTicks):
    rounds = Rounds(ticks)
    rounds.ended()
    ticks.seconds += STUCK_S + 1
    assert await statuses(rounds) == (NO, NO)


async def figures(worker: IdleWorker) -> list[str]:
    page = await ingest_pages(worker)["/metrics"]()
    return [line for line in page.body.decode().splitlines() if not line.startswith("#")]


async def test_figures_tell_what_became_of_events_the_lag_and_how_many_partitions_are_worked_off():
    worker = IdleWorker()
    worker.counts.add("applied", 3)
    told = await figures(worker)
    assert 'recserve_ingest_events_total{outcome="applied"} 3.0' in told
    assert "recserve_ingest_lag_seconds 1.5" in told
    assert "recserve_ingest_partitions 3.0" in told


async def test_an_outcome_is_there_before_its_first_event():
    assert 'recserve_ingest_events_total{outcome="poison"} 0.0' in await figures(IdleWorker())


async def test_figures_tell_of_redis_what_is_known():
    told = await figures(IdleWorker())
    assert 'recserve_redis_memory_bytes{node=""} 1.0' in told
    assert 'recserve_redis_memory_limit_bytes{node=""} 2.0' in told
    assert 'recserve_redis_file_ok{file="append_only",node=""} 1.0' in told
    assert 'recserve_redis_file_ok{file="snapshot",node=""} 0.0' in told
    assert "recserve_ingest_poison_entries 0.0" in told


async def test_what_is_not_known_has_no_figure():
    told = await figures(IdleWorker(seen=Seen()))
    assert {line.partition("{")[0].partition(" ")[0] for line in told} == {
        "recserve_ingest_events_total",
        "recserve_ingest_lag_seconds",
        "recserve_ingest_partitions",
    }
