"""Processes that outlive the command that started them: who they are, and how they end.

A process is known by its pid, its start time and the machine's boot, so that a pid that was given
to another program meanwhile is never taken for ours, let alone killed.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

PROC = Path("/proc")
POLL_S = 0.05
STATE, GROUP, THREADS, START = 0, 2, 17, 19  # fields of /proc/<pid>/stat after the command's name
ENDED = ("Z", "X")  # but not yet collected by the parent


@dataclass(frozen=True, slots=True)
class Process:
    """A started process, as recorded in run/<name>.json."""

    pid: int  # also its process group and session
    start_ticks: int  # since boot
    boot_id: str
    started_at_s: float  # wall clock, seconds since 1970
    fingerprint: str  # of all that it was started from

    @property
    def alive(self) -> bool:
        """Whether this very process runs, not another that was given its pid."""
        found = stat(self.pid)
        return (
            self.boot_id == boot_id()
            and found is not None
            and int(found[START]) == self.start_ticks
            and not over(found)
        )

    @property
    def leftovers(self) -> list[int]:
        """Pids of what it started and left behind; the group's number is free only once they end."""
        if self.boot_id != boot_id() or (stat(self.pid) is not None and not self._ended):
            return []
        return [
            pid for pid, found in every_stat() if int(found[GROUP]) == self.pid and not over(found)
        ]

    @property
    def _ended(self) -> bool:
        found = stat(self.pid)
        return found is not None and int(found[START]) == self.start_ticks and over(found)

    def stop(self, grace_s: float) -> bool:
        """Ends it and what it started; False if it had to be killed after `grace_s`."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
        graceful = self._ends_within(grace_s)
        if not graceful and self.alive:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._ends_within(grace_s)
        while left := self.leftovers:
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(POLL_S)
        return graceful

    def _ends_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True


def identify(pid: int, fingerprint: str) -> Process | None:
    """The process that has the pid now; None if it ended already."""
    found = stat(pid)
    if found is None:
        return None
    return Process(pid, int(found[START]), boot_id(), time.time(), fingerprint)


def write_record(path: Path, process: Process) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps({"folder": _folder(path), **asdict(process)}) + "\n")
    new.replace(path)


def read_record(path: Path) -> Process | None:
    """What `write_record` wrote there; None if there is none that can be read.

    A copy of a state folder holds records of the original's processes, which are not the copy's.
    """
    try:
        document = json.loads(path.read_text())
        if document.pop("folder", _folder(path)) != _folder(path):
            return None
        return Process(**document)
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return None  # a record cut short names no process that could be trusted


def _folder(path: Path) -> str:
    return str(path.parent.resolve())


def stat(pid: int) -> list[str] | None:
    """The fields of /proc/<pid>/stat from the state on; None if there is no such process."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def over(found: list[str]) -> bool:
    """Whether all of it ended: the first thread can be gone while others still hold ports and files."""
    return found[STATE] in ENDED and int(found[THREADS]) <= 1


def every_stat() -> Iterator[tuple[int, list[str]]]:
    for folder in PROC.iterdir():
        if folder.name.isdecimal() and (found := stat(int(folder.name))) is not None:
            yield int(folder.name), found


def boot_id() -> str:
    return (PROC / "sys/kernel/random/boot_id").read_text().strip()
