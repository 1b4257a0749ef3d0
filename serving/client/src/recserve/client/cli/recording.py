"""What became of events that a command sent, by the lines that they stand in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import click
from recserve.client.cli.event_lines import Line
from recserve.client.cli.printing import whole
from recserve.client.errors import FieldViolation, RecserveError
from recserve.client.plain import plain
from recserve.client.results import Recorded

OF_EVENT = re.compile(r"events\[(\d+)\]\.?(.*)")


def span(batch: Sequence[Line]) -> str:
    return f"Lines {batch[0].number} to {batch[-1].number}"


def fate(error: RecserveError) -> str:
    return "whether they were taken is not known" if error.in_doubt else "none was taken"


def by_line(error: RecserveError, batch: Sequence[Line]) -> RecserveError:
    """The error with its violations told by the lines of the batch."""
    violations = tuple(_of_line(violation, batch) for violation in error.told.violations)
    return type(error)(replace(error.told, violations=violations))


def _of_line(violation: FieldViolation, batch: Sequence[Line]) -> FieldViolation:
    found = OF_EVENT.fullmatch(violation.field)
    if not found or int(found[1]) >= len(batch):
        return violation
    return replace(violation, field=f"line {batch[int(found[1])].number}: {found[2]}")


@dataclass(slots=True)
class Total:
    """Of all batches. `output` as the option says: jsonl tells each batch as it is decided."""

    output: str
    recorded: int = 0
    discarded: int = 0
    duplicates: int = 0
    tokens: list[str] = field(default_factory=list)

    def add(self, batch: Sequence[Line], recorded: Recorded) -> None:
        self.recorded += recorded.recorded_count
        self.discarded += recorded.discarded_count
        self.duplicates += recorded.duplicate_count
        self.tokens += [recorded.event_token] if recorded.event_token else []
        if self.output == "jsonl":
            lines = {"first_line": batch[0].number, "last_line": batch[-1].number}
            whole(lines | plain(recorded), self.output)

    def show(self) -> None:
        if self.output == "json":
            whole(self._told(), self.output)
        elif self.output == "table":
            self._show_words()

    def _told(self) -> dict[str, Any]:
        """A token stands for the events of one batch: of several none stands for all."""
        return {
            "recorded_count": self.recorded,
            "discarded_count": self.discarded,
            "duplicate_count": self.duplicates,
            "event_token": self.tokens[0] if len(self.tokens) == 1 else None,
        }

    def _show_words(self) -> None:
        known = f", {self.duplicates} of them known before" if self.duplicates else ""
        click.echo(f"recorded {self.recorded}{known}")
        if self.discarded:
            click.echo(
                f"discarded {self.discarded} for want of consent to logging (--allow-logging)"
            )
        if len(self.tokens) == 1:
            click.echo(f"event token {self.tokens[0]}")
