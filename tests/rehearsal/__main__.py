"""Rehearses an overlay with local processes: `python -m tests.rehearsal --state FOLDER --overlay NAME`."""

import argparse
import asyncio
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from serving.errors import RecserveError
from serving.local.bundles import deployed
from tests.meta.k8s.manifests import of_kind
from tests.meta.k8s.rendering import ROOT
from tests.rehearsal import dns, images, proxy, report, scenarios
from tests.rehearsal.callers import CONNECTIONS, GROUPS, TIMEOUT_S, Load, calling
from tests.rehearsal.cluster import Cluster
from tests.rehearsal.controller import Controllers
from tests.rehearsal.expected import Expected
from tests.rehearsal.overlay import Overlay
from tests.rehearsal.people import People
from tests.rehearsal.places import Notes, Site
from tests.rehearsal.pods import NotRehearsed
from tests.rehearsal.stage import Stage
from tests.rehearsal.traffic import Traffic

GATEWAY = scenarios.GATEWAY
START = Expected(restarts=None, called=False)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.rehearsal")
    parser.add_argument("--state", type=Path, required=True, help="made by make start")
    parser.add_argument("--overlay", default="production")
    parser.add_argument("--out", type=Path, default=ROOT / "build/rehearsal")
    parser.add_argument(
        "--only", default=",".join(scenarios.NAMES), help="some of " + ",".join(scenarios.NAMES)
    )
    given = parser.parse_args()
    return told(rehearse(given.state.resolve(), given.overlay, given.out, given.only.split(",")))


def told(rehearsal: Coroutine[Any, Any, int]) -> int:
    """Its exit status; what it can't go on with is said, also where a group of tasks wraps it."""
    status = 130
    try:
        status = asyncio.run(rehearsal)
    except* asyncio.CancelledError:
        pass
    except* (RecserveError, NotRehearsed) as found:
        for error in leaves(found):
            sys.stderr.write(f"rehearsal: {error}\n")
        status = 1
    return status


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from leaves(one)
        else:
            yield one


async def rehearse(state: Path, name: str, out: Path, chosen: Sequence[str]) -> int:
    """The exit status: 1 if a call failed or anything went otherwise than it should."""
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    shutil.rmtree(out, ignore_errors=True)
    found = deployed(state)
    _claim(state, out)
    notes = Notes()
    overlay = Overlay(name, found.bundle.name, found.now, out / "rendered")
    cluster = Cluster(overlay.render(), images.assemble(out / "images", notes))
    controllers = Controllers(cluster)
    load = Load(People.of(state))
    stage = Stage(overlay, controllers, load.outcomes, Traffic(cluster), _say)
    async with _network(stage, state, out, notes) as endpoints, _at_work(stage):
        await stage.play("start", _start(controllers), START)
        if stage.reports[-1].passed:
            stage.traffic.begin()
            async with calling(load, endpoints) as leave:
                await scenarios.play(stage, chosen)
                await scenarios.end(stage, leave)
        else:
            _say(f"it did not start, so nothing was played; {out / 'logs'} says why")
    calls = len(load.outcomes.all)
    report.show(stage.reports, calls)
    report.write(
        out / "report.json",
        stage.reports,
        calls,
        overlay=name,
        callers=[asdict(group) for group in GROUPS],
        deadline_s=TIMEOUT_S,
        methods=Counter(o.method for o in load.outcomes.all),
        put_otherwise=sorted(notes.seen),
        probes=_probes(cluster),
        messages=Counter(
            f"{o.method}: {o.message}" for o in load.outcomes.all if o.message
        ).most_common(50),
        ready_after_s={p.name: p.ready_after_s and round(p.ready_after_s, 1) for p in cluster.pods},
    )
    return 0 if report.passed(stage.reports, calls) else 1


async def _start(controllers: Controllers) -> None:
    scenarios.begin(controllers)


@asynccontextmanager
async def _network(stage: Stage, state: Path, out: Path, notes: Notes) -> AsyncIterator[list[str]]:
    """DNS, and the gateways' Service at an address for each caller."""
    cluster = stage.controllers.cluster
    responder, address = await dns.serve(cluster.look_up)
    services = frozenset(s["metadata"]["name"] for s in of_kind(cluster.objects, "Service"))
    cluster.site = Site(state, out, services, address, cluster.first_address, notes)
    port = cluster.service(GATEWAY)["spec"]["ports"][0]

    def ready() -> list[tuple[str, int]]:
        there = cluster.endpoints(GATEWAY)
        pods = [p for p in cluster.pods if p.address in there]
        return [(p.address, p.containers[0].spec.port(port["targetPort"])) for p in pods]

    hosts = [f"127.0.200.{n + 1}" for n in range(CONNECTIONS)]
    async with AsyncExitStack() as stack:
        stack.callback(responder.close)
        for host in hosts:
            await stack.enter_async_context(proxy.serving(host, port["port"], ready, stage.opened))
        yield [f"{host}:{port['port']}" for host in hosts]


@asynccontextmanager
async def _at_work(stage: Stage) -> AsyncIterator[None]:
    """Controllers and watch; at the end every process ends."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(stage.controllers.control()),
            group.create_task(stage.traffic.watch()),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for pod in stage.controllers.cluster.pods:
                await pod.kill()


def _claim(state: Path, out: Path) -> None:
    """A copy of what make start materialised into Redis."""
    claim = out / "claims/data-redis-0"
    claim.mkdir(parents=True)
    shutil.copyfile(state / "redis/appendonly.aof", claim / "appendonly.aof")


def _probes(cluster: Cluster) -> dict[str, Counter[str]]:
    """By container, over all pods."""
    found: dict[str, Counter[str]] = {}
    for pod in cluster.pods:
        for one in pod.containers:
            found.setdefault(one.spec.name, Counter()).update(one.probed)
    return found


def _say(text: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
