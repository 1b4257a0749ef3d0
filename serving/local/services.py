"""Brings one local process into the wanted state: started if needed, restarted if out of date."""

import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Protocol

from serving.errors import RecserveError
from serving.local.errors import StartFailed
from serving.local.ports import Port, require_free
from serving.local.processes import Process, identify, read_record, write_record
from serving.triton.server_log import decisive_line

POLL_S = 0.1
Say = Callable[[str], None]


class Service(Protocol):
    """A process that the stack runs."""

    name: str  # of its files in run/
    label: str  # in sentences
    grace_s: float  # between SIGTERM and SIGKILL
    where: str  # it listens
    ports: tuple[Port, ...]
    fingerprint: str  # of all that it is started from

    def start(self, log: Path) -> Popen[bytes]: ...

    def healthy(self) -> bool: ...


def record_of(run: Path, name: str) -> Path:
    return run / f"{name}.json"


def log_of(run: Path, name: str) -> Path:
    return run / f"{name}.log"


def ensure(service: Service, run: Path, timeout_s: float, say: Say) -> None:
    """Starts it unless it runs as wanted.

    Raises:
        PortTaken: another program listens where it should.
        StartFailed: it ended, or wasn't ready in time; what was started is stopped again.
    """
    reason = why_start(service, read_record(record_of(run, service.name)))
    if reason is None:
        return
    end(service.name, run, service.grace_s)
    require_free(service.ports)
    say(f"{service.label} starts: {reason}")
    log = rotated(log_of(run, service.name))
    popen = service.start(log)
    process = identify(popen.pid, service.fingerprint)
    if process is not None:
        write_record(record_of(run, service.name), process)
    try:
        _wait_healthy(service, popen, log, timeout_s)
    except (RecserveError, KeyboardInterrupt):
        end(service.name, run, service.grace_s)
        raise


def why_start(service: Service, process: Process | None) -> str | None:
    """None if it runs as wanted."""
    if process is None:
        return "not running"
    if not process.alive:
        return "it had ended by itself"
    if process.fingerprint != service.fingerprint:
        return "its bundle, settings or code changed"
    if not service.healthy():
        return "it did not answer"
    return None


def end(name: str, run: Path, grace_s: float) -> str:
    """Stops it if it runs; says what happened. The record goes last: an interrupt leaves it to be found."""
    path = record_of(run, name)
    process = read_record(path)
    outcome = "not running" if process is None else _stopped(process, grace_s)
    path.unlink(missing_ok=True)
    return outcome


def _stopped(process: Process, grace_s: float) -> str:
    if not process.alive:
        process.stop(0)
        return "had ended by itself"
    return "stopped" if process.stop(grace_s) else f"killed, it did not stop within {grace_s:.0f} s"


def rotated(log: Path) -> Path:
    """The log's path, free for a new run; the last run's becomes <name>.log.1."""
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))
    return log


def _wait_healthy(service: Service, popen: Popen[bytes], log: Path, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not service.healthy():
        if popen.poll() is not None:
            raise StartFailed(f"{service.label} did not start: {decisive_line(log)} (see {log})")
        if time.monotonic() > deadline:
            raise StartFailed(
                f"{service.label} is not ready after {timeout_s:.0f} s: {decisive_line(log)} (see {log})"
            )
        time.sleep(POLL_S)
