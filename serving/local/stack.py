"""Runs the servers of one state folder on this machine: up, down, status, logs."""

import fcntl
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from serving.errors import RecserveError
from serving.local.bundles import Deployed, clock_file, clock_starts_at, deployed, write_clock
from serving.local.gateway import Gateway
from serving.local.ingest import Ingest
from serving.local.processes import read_record
from serving.local.redis import Redis
from serving.local.services import Service, end, ensure, log_of, record_of
from serving.local.settings import StackSettings, read_settings
from serving.local.status import Row, row_of, table
from serving.local.triton import Triton
from serving.triton.existing import require_models
from serving.triton.launcher import models_of

USAGE = "usage: python -m serving.local.stack up | up redis | down | status | logs"
NAMES = {  # in the order in which they stop, and how long each may take
    "gateway": Gateway.grace_s,
    "ingest": Ingest.grace_s,
    "triton": Triton.grace_s,
    "redis": Redis.grace_s,
}
LOG_LINES = 40
NOT_ALL_UP = 3


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def up(settings: StackSettings) -> int:
    """Starts what doesn't run, restarts what is out of date; returns when all of it is ready."""
    found = deployed(settings.state)
    with locked(settings.run):
        if settings.triton_url:
            use_existing_triton(settings, found)
        set_clock(settings.run, found)
        for service in services(settings, found):
            ensure(service, settings.run, settings.start_timeout_s, say)
    say(
        f"Redis, Triton, the ingest worker and the gateway are up; gRPC at 127.0.0.1:{settings.gateway_port}"
    )
    return 0


def set_clock(run: Path, found: Deployed) -> None:
    """Starts the data's time anew, unless a process that goes by it is running."""
    records = [read_record(record_of(run, name)) for name in (Gateway.name, Ingest.name)]
    running = any(record is not None and record.alive for record in records)
    if not (running and clock_starts_at(clock_file(run), found.now)):
        write_clock(clock_file(run), found.now)


def use_existing_triton(settings: StackSettings, found: Deployed) -> None:
    """Raises Unavailable unless it has the bundle's models; only then the embedded one is stopped."""
    models = models_of(*found.repositories)
    require_models(settings.triton_url, models)
    if end("triton", settings.run, Triton.grace_s) != "not running":
        require_models(settings.triton_url, models)  # the embedded one may have been meant


def up_redis(settings: StackSettings) -> int:
    with locked(settings.run):
        ensure(Redis(settings), settings.run, settings.start_timeout_s, say)
    return 0


def down(settings: StackSettings) -> int:
    """Stops everything, the gateway first so that it can drain; what is stored stays."""
    if not settings.run.is_dir():
        return 0
    with locked(settings.run):
        for name, grace_s in NAMES.items():
            outcome = end(name, settings.run, grace_s)
            if outcome != "not running":
                say(f"{name}: {outcome}")
    return 0


def status(settings: StackSettings) -> int:
    """Prints the table; 3 unless everything is up and healthy."""
    try:
        found = deployed(settings.state)
    except RecserveError as error:
        say(str(error))
        rows = [row_of(Redis(settings), settings.run)]
        say(table(rows))
        return NOT_ALL_UP
    rows = [row_of(service, settings.run) for service in services(settings, found)]
    if settings.triton_url:
        rows.insert(1, existing_triton(settings.triton_url, found))
    say(table(rows))
    say(f"bundle    {found.bundle.name}\nsnapshot  {found.snapshot.name}\nnow       {found.now}")
    return 0 if all(row.healthy for row in rows) else NOT_ALL_UP


def existing_triton(endpoint: str, found: Deployed) -> Row:
    try:
        require_models(endpoint, models_of(*found.repositories))
    except RecserveError as error:
        return Row("triton", "-", endpoint, "-", str(error))
    return Row("triton", "-", endpoint, "-", "healthy")


def logs(settings: StackSettings) -> int:
    """Prints the end of each log."""
    paths = [log_of(settings.run, name) for name in reversed(NAMES)]
    found = [path for path in paths if path.is_file()]
    if not found:
        say(f"Nothing has run in {settings.state} yet, so there are no logs; make start starts it")
    for path in found:
        lines = path.read_text(errors="replace").splitlines()[-LOG_LINES:]
        say("\n".join([f"==> {path} <==", *lines, ""]))
    return 0


def services(settings: StackSettings, found: Deployed) -> Sequence[Service]:
    """In the order in which they start."""
    redis, triton = Redis(settings), () if settings.triton_url else (Triton(settings, found),)
    return (redis, *triton, Ingest(settings, found), Gateway(settings, found))


@contextmanager
def locked(run: Path) -> Iterator[None]:
    """One command at a time works on a state folder; the others wait their turn."""
    run.mkdir(parents=True, exist_ok=True)
    with (run / "stack.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"Another command works on {run.parent}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


COMMANDS = {
    ("up",): up,
    ("up", "redis"): up_redis,
    ("down",): down,
    ("status",): status,
    ("logs",): logs,
}


def main(arguments: Sequence[str]) -> int:
    command = COMMANDS.get(tuple(arguments))
    if command is None:
        sys.stderr.write(USAGE + "\n")
        return 2
    try:
        return command(read_settings())
    except RecserveError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
