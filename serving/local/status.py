"""What runs of the local stack, as a table."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serving.local.processes import read_record
from serving.local.services import Service, record_of

HEADER = ("process", "pid", "listens on", "up for", "state")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    pid: str
    where: str
    up_for: str
    state: str  # "healthy" or what is wrong

    @property
    def healthy(self) -> bool:
        return self.state == "healthy"


def row_of(service: Service, run: Path) -> Row:
    process = read_record(record_of(run, service.name))
    if process is None:
        return Row(service.name, "-", service.where, "-", "not running")
    if not process.alive:
        return Row(service.name, "-", service.where, "-", "ended by itself")
    state = "healthy" if service.healthy() else "does not answer"
    if process.fingerprint != service.fingerprint:
        state = f"{state}, out of date: make up restarts it"
    up_for = duration(time.time() - process.started_at_s)
    return Row(service.name, str(process.pid), service.where, up_for, state)


def table(rows: Sequence[Row]) -> str:
    cells = [HEADER, *((r.name, r.pid, r.where, r.up_for, r.state) for r in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEADER))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def duration(seconds: float) -> str:
    """The two largest units: 3 d 4 h, 5 min 12 s."""
    left = int(seconds)
    parts: list[str] = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        if left >= size or parts or unit == "s":
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2])
