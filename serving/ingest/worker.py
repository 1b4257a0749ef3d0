"""`python -m serving.ingest.worker`: adds recorded events to the feature rows, and keeps the event log.

Several share the partitions, each with a shard of its own. Wherever one ends, the next goes on exactly there:
rows and how far they reach are written at once, and the event log tells itself how far it reaches.
"""

import asyncio
import logging
import signal
import sys
import time
from contextlib import AsyncExitStack

from serving.bundle import open_bundle
from serving.clients.connections import FOREIGN, connect
from serving.clock import Clock, read_clock
from serving.environment import read
from serving.errors import ArtefactError, LayoutMismatch, RecserveError, SettingsError
from serving.ingest.apply import Applier, Counts
from serving.ingest.catalogue import Catalogue
from serving.ingest.drain import Drain
from serving.ingest.event_log import EventLog
from serving.ingest.settings import PREFIX, SECRET, IngestSettings
from serving.ingest.telemetry import Rounds, ingest_pages
from serving.ingest.watch import Seen, Watch
from serving.process.admin import http_server
from serving.process.logs import log_to_stderr

IDLE_S = 0.1  # between two rounds that find nothing; readers have the overlay meanwhile
PAUSE_S = 1.0  # after a round that failed
TIMEOUT_S = 30.0
# What a later round may do without.
PASSING: tuple[type[Exception], ...] = (*FOREIGN, LayoutMismatch, ArtefactError)

log = logging.getLogger("serving.ingest")


class Worker:
    """Rounds over the partitions of one shard."""

    def __init__(self, settings: IngestSettings) -> None:
        """Raises ArtefactError if bundle, snapshot, clock file or event log can't be used."""
        plan = open_bundle(settings.bundle).plan
        self._clock: Clock = read_clock(settings.clock_file)
        self._client = connect(settings.redis_url, TIMEOUT_S)
        self._catalogue = Catalogue(settings.snapshot, plan, self._client)
        self.counts = Counts()
        self._applier = Applier(
            self._client,
            plan,
            settings.partitions,
            self._catalogue.known,
            self._clock.now_us,
            self.counts,
        )
        self._log = EventLog(settings.event_log, settings.label)
        self._drain = Drain(
            self._client, plan.project, plan.id_kind, settings.partitions, self._log
        )
        self._interval_s, self._drained = settings.log_interval_s, 0.0
        self._watch = Watch(self._client, plan.project, settings.partitions)
        self.rounds = Rounds()

    def lag_s(self) -> float:
        waiting_ms = self._applier.oldest_waiting_ms
        return 0.0 if waiting_ms is None else max(0.0, time.time() - waiting_ms / 1e3)

    @property
    def worked(self) -> int:
        return 0 if self.rounds.stuck else self._applier.worked

    @property
    def seen(self) -> Seen:
        return self._watch.seen

    def round(self) -> int:
        """Events to rows, and now and then to the log; returns how many it found.

        Raises:
            RecserveError, or one of FOREIGN: the round is to be tried again.
        """
        self._watch.look()
        try:
            found = self._applier.step()
        finally:
            if self._drain.more or time.monotonic() - self._drained >= self._interval_s:
                self.counts.add("logged", self._drain.step(self._clock.now_us()))
                self._drained = time.monotonic()
        self._catalogue.follow()  # last: a snapshot that can't be used holds up no event
        return found

    def close(self) -> None:
        """The log keeps what was recorded up to now, if that can be read."""
        try:
            self.counts.add("logged", self._drain.step(self._clock.now_us()))
        except PASSING as error:
            log.warning("the event log is the next worker's to go on with: %s", error)
        finally:
            self._log.close()
            self._client.close()


async def work(settings: IngestSettings, stop: asyncio.Event) -> None:
    """Until `stop`.

    Raises:
        ArtefactError: bundle, snapshot, clock file or event log can't be used.
        SettingsError: the address is taken.
    """
    worker = await asyncio.to_thread(Worker, settings)
    pages = ingest_pages(worker)
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(http_server(settings.host, settings.http_port, pages))
        except OSError as error:
            where = f"{settings.host}:{settings.http_port}"
            raise SettingsError(
                f"{PREFIX}HTTP_PORT: can't listen on {where}: {error.strerror}"
            ) from error
        log.info("partitions %s are worked off", settings.shard)
        while not stop.is_set():
            pause_s = await asyncio.to_thread(_one_round, worker)
            if pause_s:
                await _wait(stop, pause_s)
        await asyncio.to_thread(worker.close)


def _one_round(worker: Worker) -> float:
    """How long to wait until the next."""
    try:
        found = worker.round()
    except PASSING as error:
        worker.rounds.ended()
        log.error("the round is tried again: %s", error)  # noqa: TRY400
        return PAUSE_S
    worker.rounds.ended()
    return 0.0 if found else IDLE_S


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


async def run() -> None:
    settings = read(IngestSettings, PREFIX, SECRET)
    log_to_stderr(settings.log_level)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await work(settings, stop)


def main() -> int:
    """The exit status: 0 after SIGTERM, 1 if the worker can't start."""
    try:
        asyncio.run(run())
    except RecserveError as error:
        print(f"ingest: {error}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
