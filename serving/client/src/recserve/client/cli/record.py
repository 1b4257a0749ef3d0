"""The command that tells what people did: one event by options, or many by lines of JSON."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, Any

import click
from recserve.client.cli import event_lines, options
from recserve.client.cli.connection import Connection, connected
from recserve.client.cli.event_lines import Line
from recserve.client.cli.printing import whole
from recserve.client.cli.texts import shown
from recserve.client.clients import Client
from recserve.client.errors import DeadlineExceeded, FieldViolation, RecserveError, Unavailable
from recserve.client.requests import Consent, Event
from recserve.client.results import Recorded

BATCH = 500  # the most that RecordEvents takes
OF_EVENT = re.compile(r"events\[(\d+)\]\.?(.*)")
# The options of one event, and its fields.
ONE: Mapping[str, str] = {
    "user": "user_id",
    "item": "item_id",
    "kind": "kind",
    "time": "event_time",
    "event_id": "event_id",
    "group": "group_id",
    "quantity": "quantity",
    "value": "value",
    "request_token": "request_token",
    "slot": "slot",
}


class _Time(click.ParamType):  # type: ignore[type-arg] # generic only in late versions
    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        try:
            return event_lines.time(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.command()
@click.argument("file", required=False, type=click.File(encoding="utf-8-sig"))
@click.option("--user", metavar="ID", help="Who did it.")
@click.option("--item", metavar="ID", help="What it was about.")
@click.option("--kind", metavar="WORD", help="What was done: purchase, click, impression, ...")
@click.option("--time", type=_Time(), help="When; default: now by the server's clock.")
@click.option("--event-id", metavar="ID", help="Your own; default: a new one.")
@click.option("--group", metavar="ID", help="Basket or session.")
@click.option("--quantity", type=float, help="How many.")
@click.option("--value", type=float, help="The amount paid.")
@click.option("--request-token", metavar="TOKEN", help="Of the slate that caused it.")
@click.option("--slot", type=click.IntRange(0, 999), help="The position in that slate.")
@click.option(
    "--allow-logging", is_flag=True, help="The people consent; without it nothing is kept."
)
@options.output
@connected
def record(
    *,
    connection: Connection,
    file: IO[str] | None,
    allow_logging: bool,
    output: str,
    **given: Any,
) -> None:
    """Tell what people did: by options, or by a FILE of JSON objects, one a line (- for standard input).

    A line has user_id, item_id, kind and event_time, and may have event_id, group_id, quantity,
    value, request_token and slot. Nothing is sent unless every line can be read. Give event ids to
    be able to send a file again: an event counts once an id.
    """
    one = {ONE[name]: value for name, value in given.items() if value is not None}
    lines = _from_file(file, one) if file else None
    with connection.client() as client:
        lines = lines if lines is not None else [Line(1, _from_options(client, one))]
        done = _send(client, lines, Consent(logging=allow_logging), by_line=file is not None)
    _show(done, output)


def _from_file(file: IO[str], one: Mapping[str, Any]) -> list[Line]:
    if one:
        raise click.UsageError("Give the options of one event or a file, not both.")
    try:
        lines, problems = event_lines.read(file)
    except UnicodeDecodeError as error:
        raise click.UsageError(f"The file is not UTF-8: {error}") from error
    if problems:
        raise click.UsageError(_shown_lines([*problems, "Nothing was sent."]))
    return lines


def _from_options(client: Client, one: dict[str, Any]) -> Event:
    missing = [name for name in ("user", "item", "kind") if ONE[name] not in one]
    if missing:
        names = ", ".join(f"--{name}" for name in missing)
        raise click.UsageError(f"Missing {names}; or give a FILE, or - for standard input.")
    if "event_time" not in one:
        one["event_time"] = client.status().server_time or datetime.now(UTC)
    return Event(**one)


def _send(
    client: Client, lines: Sequence[Line], consent: Consent, *, by_line: bool
) -> list[Recorded]:
    done: list[Recorded] = []
    for start in range(0, len(lines), BATCH):
        batch = lines[start : start + BATCH]
        with _placed(batch, sent=start, by_line=by_line):
            done.append(client.record([line.event for line in batch], consent=consent))
    return done


@contextmanager
def _placed(batch: Sequence[Line], *, sent: int, by_line: bool) -> Iterator[None]:
    """Says of a failure what was sent before it, and of a violation which line it is in."""
    try:
        yield
    except RecserveError as error:
        if not by_line:
            raise
        click.echo(_progress(error, batch, sent), err=True)
        violations = tuple(_of_line(violation, batch) for violation in error.told.violations)
        raise type(error)(replace(error.told, violations=violations)) from error


def _progress(error: RecserveError, batch: Sequence[Line], sent: int) -> str:
    uncertain = isinstance(error, Unavailable | DeadlineExceeded)
    fate = "whether they were taken is not known" if uncertain else "none was taken"
    return (
        f"Lines {batch[0].number} to {batch[-1].number}: {fate}."
        f" Before them {sent} events were taken; after them nothing was sent."
    )


def _of_line(violation: FieldViolation, batch: Sequence[Line]) -> FieldViolation:
    found = OF_EVENT.fullmatch(violation.field)
    if not found or int(found[1]) >= len(batch):
        return violation
    return replace(violation, field=f"line {batch[int(found[1])].number}: {found[2]}")


def _show(done: Sequence[Recorded], output: str) -> None:
    recorded = sum(one.recorded_count for one in done)
    discarded = sum(one.discarded_count for one in done)
    if output != "table":
        whole({"recorded_count": recorded, "discarded_count": discarded}, output)
        return
    click.echo(f"recorded {recorded}")
    if discarded:
        click.echo(f"discarded {discarded} for want of consent to logging (--allow-logging)")


def _shown_lines(lines: Sequence[str]) -> str:
    return "\n".join(shown(line) for line in lines)
