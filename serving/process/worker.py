"""One worker of the gateway: opens everything, warms up, answers calls, drains. The supervisor starts it.

`python -m serving.process.worker FD`, where FD is the worker's end of its link.
"""

import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Protocol, TypeVar

from serving.api import EventServicer, RecommendationServicer, SearchServicer, StatusServicer
from serving.assembly import build_pipeline
from serving.bundle import open_bundle
from serving.clients.events import RedisEvents, RedisEventStreams
from serving.clients.item_changes import RedisItemChanges
from serving.clients.redis import RedisRows
from serving.clients.triton import TritonModels
from serving.clock import read_clock
from serving.errors import RecserveError, SettingsError
from serving.features.item_values import ItemColumns
from serving.features.live_items import LiveItems
from serving.features.snapshot import fitting, open_snapshot
from serving.pipeline import Pipeline
from serving.process.export_traces import export_traces
from serving.process.find_models import find_models
from serving.process.follow import ItemFollower
from serving.process.follow_index import IndexFollower
from serving.process.health import Health
from serving.process.link import Link
from serving.process.live import LivePipeline, first, follow_link
from serving.process.logs import log_to_stderr
from serving.process.request_log import open_request_log
from serving.process.server import Servicers, make_server
from serving.process.supervisor import KILL_AFTER_S, UNUSABLE
from serving.process.warm_up import warm_up
from serving.rpc.calls import ApiOptions, Calls
from serving.search.categories import open_categories
from serving.search.pipeline import Search
from serving.search.semantic import open_semantic
from serving.settings import PREFIX, GatewaySettings, read_settings
from serving.telemetry import Metrics
from serving.types import ArtefactKind

FLUSH_S = 2.0  # for the request log, after the last call has ended
TRACES_FLUSH_S = 1.0  # then for the traces; together they leave KILL_AFTER_S room

log = logging.getLogger("serving.process.worker")


class Closes(Protocol):
    async def close(self) -> None: ...


Door = TypeVar("Door", bound=Closes)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A snapshot in use."""

    pipeline: Pipeline
    items: LiveItems


def main() -> int:
    """The exit status; UNUSABLE tells the supervisor that another start won't help."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the supervisor, which tells us
    link = Link(int(sys.argv[1]))
    try:
        settings = read_settings()
        log_to_stderr(settings.log_level)
        with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
            runner.run(work(settings, link))
    except RecserveError as error:
        log.critical("this worker can't start: %s", error)
        return UNUSABLE
    return 0


async def work(settings: GatewaySettings, link: Link) -> None:
    """Until SIGTERM, or until the supervisor is gone; then finishes the calls under way.

    Raises:
        ArtefactError: the bundle, snapshot or clock file can't be used.
        Unavailable: Triton serves another bundle.
    """
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    link.watch(stop.set, settings.drain_s + KILL_AFTER_S)
    options = _options(settings)
    clock = read_clock(settings.clock_file)
    bundle = open_bundle(settings.bundle)
    opened = settings.snapshot.resolve()
    metrics = Metrics()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(export_traces(TRACES_FLUSH_S))
        rows = _closed(stack, RedisRows.from_url(settings.redis_url))
        models = _closed(stack, _triton(settings, metrics, bundle.plan.triton_versions))
        events = _closed(stack, RedisEvents.from_url(settings.redis_url))
        project = bundle.plan.project
        streams = _closed(
            stack, RedisEventStreams.from_url(settings.redis_url, project, settings.event_entries)
        )
        changes = _closed(stack, RedisItemChanges.from_url(settings.redis_url, project))
        columns = ItemColumns(bundle.plan)
        words = IndexFollower(
            rows, changes, bundle.plan, lambda: loaded.items, metrics, time.monotonic
        )
        follower = ItemFollower(changes, rows, columns, metrics, time.monotonic, words.changed)

        def load(folder: Path) -> Loaded:
            items = LiveItems(open_snapshot(folder, bundle.plan), columns)
            return Loaded(build_pipeline(bundle, items, rows, models, clock, metrics), items)

        loaded = load(fitting(opened, bundle.plan))
        live = LivePipeline(loaded.pipeline, Search(words.live))

        def replace(newer: Loaded) -> None:
            nonlocal loaded
            loaded = newer
            live.replace(newer.pipeline)
            metrics.artefact("snapshot", newer.items.version)
            log.info("snapshot %s serves", newer.items.version)

        async def take(folder: Path) -> None:
            """Opened in a thread, and brought to the present before it serves."""
            newer = await asyncio.to_thread(load, folder)
            await follower.succeed(newer.items, lambda: loaded.items, lambda: replace(newer))

        metrics.artefact("bundle", bundle.bundle_id)
        metrics.artefact("snapshot", loaded.items.version)
        await stack.enter_async_context(beside(link.beat()))
        await follower.start(loaded.items)
        searching = await _searching(settings, words, stack, metrics)
        watching = follow_link("snapshot", settings.snapshot, opened, take)
        await stack.enter_async_context(
            beside(follower.follow(lambda: loaded.items), watching, *searching)
        )
        request_log = await stack.enter_async_context(
            open_request_log(
                events,
                project,
                settings.request_log_entries,
                metrics.request_log_dropped,
                FLUSH_S,
            )
        )
        await find_models(models, bundle, stop)
        await warm_up(live)
        gc.freeze()  # what exists now stays: later collections need not look at it
        calls = Calls(clock, metrics, options)
        servicers = Servicers(
            RecommendationServicer(live, request_log, calls),
            EventServicer(live, streams, calls),
            SearchServicer(live, request_log, calls),
            StatusServicer(live, calls),
        )
        await _serve(servicers, calls, settings, metrics, link, stop)


async def _searching(
    settings: GatewaySettings, words: IndexFollower, stack: AsyncExitStack, metrics: Metrics
) -> tuple[Coroutine[None, None, None], ...]:
    """Opens index and vectors, if there are any; answers with what keeps them up to date.

    One that can't be used keeps nobody from starting: it is said, and tried again now and then.
    """
    live, encoder = words.live, settings.search_encoder
    live.has_index, live.has_encoder = settings.search_index is not None, encoder is not None
    # A door of its own: a Triton without the encoder is as good as any for all other models.
    models = _closed(stack, _triton(settings, metrics, {}))

    async def take_index(folder: Path) -> None:
        live.categories = await asyncio.to_thread(open_categories, folder)
        await words.take(folder)
        said("search index", folder.name)

    async def take_vectors(folder: Path) -> None:
        assert encoder is not None
        live.semantic = await asyncio.to_thread(open_semantic, encoder, folder, models)
        said("search vectors", live.semantic.version)

    def said(what: ArtefactKind, version: str) -> None:
        metrics.artefact(what, version)
        log.info("%s %s serves", what, version)

    links = (
        ("search index", settings.search_index, take_index),
        ("search vectors", settings.search_vectors, take_vectors),
    )
    following = []
    for what, link, take in links:
        if link is not None:
            opened = await first(what, link, take)
            following.append(follow_link(what, link, opened, take))
    return words.follow(), *following


def _closed(stack: AsyncExitStack, door: Door) -> Door:
    """The same door, which the stack closes."""
    stack.push_async_callback(door.close)
    return door


def _triton(
    settings: GatewaySettings, metrics: Metrics, versions: Mapping[str, str]
) -> TritonModels:
    ours = Random()  # noqa: S311
    return TritonModels(settings.triton_endpoints, ours, time.monotonic, metrics, versions)


def _options(settings: GatewaySettings) -> ApiOptions:
    if settings.user_hash_key_file is None:
        raise SettingsError(f"{PREFIX}USER_HASH_KEY_FILE is required; the supervisor makes one")
    key = settings.user_hash_key_file.read_bytes().strip()
    return ApiOptions(key, settings.default_deadline_ms / 1000)


async def _serve(
    servicers: Servicers,
    calls: Calls,
    settings: GatewaySettings,
    metrics: Metrics,
    link: Link,
    stop: asyncio.Event,
) -> None:
    health = Health()
    server = make_server(servicers, health, settings, metrics)
    await server.start()
    health.serve()
    link.say("serving")
    await stop.wait()
    link.say("draining")
    health.drain()
    calls.drain()
    await server.stop(settings.drain_s)


@asynccontextmanager
async def beside(*jobs: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs the jobs until the body ends; if one fails, so does the body.

    What keeps the body from going on comes as it is raised there, not in a group.
    """
    failed: RecserveError | None = None
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(job) for job in jobs]
        try:
            yield
        except RecserveError as error:
            failed = error
        finally:
            for task in tasks:
                task.cancel()
    if failed:
        raise failed


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """That of uvloop where it is installed; None: asyncio's own."""
    if find_spec("uvloop") is None:
        return None
    import uvloop  # noqa: PLC0415 - optional

    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
