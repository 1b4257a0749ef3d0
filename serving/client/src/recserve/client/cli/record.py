"""The command that tells what people did: one event by options, or many by lines of JSON."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Any

import click
from recserve.client.cli import event_lines, options
from recserve.client.cli.connection import Connection, connected
from recserve.client.cli.event_lines import Line
from recserve.client.cli.recording import Total, by_line, fate, span
from recserve.client.cli.streaming import Streaming
from recserve.client.cli.texts import shown
from recserve.client.clients import Client
from recserve.client.errors import RecserveError
from recserve.client.requests import Consent, Event

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
@click.option(
    "--personalize",
    is_flag=True,
    help="They consent to their history being kept and read; without it no features change.",
)
@click.option("--stream", is_flag=True, help="Of a FILE: send lines as they are read.")
@click.option(
    "--batch-size",
    type=click.IntRange(1, 500),
    default=500,
    show_default=True,
    help="Of a FILE: how many events go together.",
)
@options.output
@connected
def record(
    *,
    connection: Connection,
    file: IO[str] | None,
    allow_logging: bool,
    personalize: bool,
    stream: bool,
    batch_size: int,
    output: str,
    **given: Any,
) -> None:
    """Tell what people did: by options, or by a FILE of JSON objects, one a line (- for standard input).

    A line has user_id, item_id, kind and event_time, and may have event_id, group_id, quantity,
    value, request_token and slot. Nothing is sent unless every line can be read; with --stream each
    batch goes as soon as it is read, and what is wrong is told while the rest goes on. Give event ids
    to be able to send a file again: an event counts once an id, for a day.
    """
    one = {ONE[name]: value for name, value in given.items() if value is not None}
    if file and one:
        raise click.UsageError("Give the options of one event or a file, not both.")
    consent = Consent(personalization=personalize, logging=allow_logging)
    total = Total(output)
    if stream:
        _stream(connection, file, consent, batch_size, total)
        return
    lines = _from_file(file) if file else None
    with connection.client() as client:
        if lines is None:
            event = _from_options(client, one)
            total.add([Line(1, event)], client.record([event], consent=consent))
        else:
            _send(client, lines, consent, batch_size, total)
    total.show()


def _stream(
    connection: Connection, file: IO[str] | None, consent: Consent, batch_size: int, total: Total
) -> None:
    if file is None:
        raise click.UsageError("--stream needs a FILE, or - for standard input.")
    streaming = Streaming(total, connection.endpoint)
    with connection.client() as client:
        try:
            streaming.send(client, file, consent, batch_size)
        finally:
            total.show()
    if streaming.worst:
        raise click.exceptions.Exit(streaming.worst)


def _from_file(file: IO[str]) -> list[Line]:
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
    client: Client, lines: Sequence[Line], consent: Consent, batch_size: int, total: Total
) -> None:
    for start in range(0, len(lines), batch_size):
        batch = lines[start : start + batch_size]
        with _placed(batch, sent=start):
            total.add(batch, client.record([line.event for line in batch], consent=consent))


@contextmanager
def _placed(batch: Sequence[Line], *, sent: int) -> Iterator[None]:
    """Says of a failure what was sent before it, and of a violation which line it is in."""
    try:
        yield
    except RecserveError as error:
        before = f"Before them {sent} events were taken; after them nothing was sent."
        click.echo(f"{span(batch)}: {fate(error)}. {before}", err=True)
        raise by_line(error, batch) from error


def _shown_lines(lines: Sequence[str]) -> str:
    return "\n".join(shown(line) for line in lines)
