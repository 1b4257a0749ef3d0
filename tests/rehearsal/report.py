"""What came of each event, as a file and as a table."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.rehearsal.outcomes import Outcome

COLUMNS = (
    "event",
    "s",
    "requests",
    "failed",
    "asked again",
    "degraded",
    "slowest",
    "Triton's traffic after",
    "restarts",
    "evictions refused",
    "",
)


@dataclass(frozen=True, slots=True)
class EventReport:
    event: str
    seconds: float
    requests: int
    failed: dict[str, int]  # by method and status, also those that were expected
    asked_again: dict[
        str, int
    ]  # by status; the client gave up, its caller did not, within the deadline
    degraded: int
    degradations: dict[str, int]  # by stage and reason
    slowest_s: float
    new_triton_traffic_s: list[float]  # from readiness to the first inference, of each new one
    restarts: int
    killed_late: int  # containers that outlived their grace
    refused_evictions: int
    problems: list[str]

    @property
    def passed(self) -> bool:
        return not self.problems


def summed(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The part of an event's report that its calls make."""
    return {
        "requests": len(outcomes),
        "failed": dict(
            Counter(f"{one.method}: {one.status}" for one in outcomes if one.status != "OK")
        ),
        "asked_again": dict(Counter(status for one in outcomes for status in one.again)),
        "degraded": sum(bool(one.degraded) for one in outcomes),
        "degradations": dict(Counter(text for one in outcomes for text in set(one.degraded))),
        "slowest_s": round(max((one.seconds for one in outcomes), default=0.0), 2),
    }


def write(path: Path, events: Sequence[EventReport], calls: int, **more: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"passed": passed(events, calls), "calls": calls, "events": [asdict(e) for e in events]}
    path.write_text(json.dumps(told | more, indent=2) + "\n")


def passed(events: Sequence[EventReport], calls: int) -> bool:
    """Each event, and every call that was made belongs to one of them."""
    return bool(events) and calls == counted(events) and all(event.passed for event in events)


def counted(events: Sequence[EventReport]) -> int:
    return sum(event.requests for event in events)


def show(events: Sequence[EventReport], calls: int) -> None:
    table = Table(title="Rehearsal")
    for column in COLUMNS:
        table.add_column(column, overflow="fold")
    for one in events:
        table.add_row(
            one.event,
            f"{one.seconds:.0f}",
            str(one.requests),
            listed(one.failed),
            listed(one.asked_again),
            str(one.degraded),
            f"{one.slowest_s:.2f} s",
            ", ".join(f"{seconds} s" for seconds in one.new_triton_traffic_s),
            str(one.restarts),
            str(one.refused_evictions),
            "PASS" if one.passed else "FAIL",
        )
    console = Console(width=150)
    console.print(table)
    for one in events:
        for problem in one.problems:
            console.print(f"{one.event}: {problem}", style="red")
    if calls != counted(events):
        console.print(f"{calls} calls were made, {counted(events)} counted", style="red")


def listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counts.items()) or "0"
