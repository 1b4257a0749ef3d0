"""Options that several commands share. Those that make one value are handed to the command as that value."""

import functools
from collections.abc import Callable, Sequence
from enum import StrEnum
from inspect import signature
from typing import Any

import click
from recserve.client.cli.filters import parsed
from recserve.client.enums import Device, Surface
from recserve.client.requests import Consent, Context, Filter

Command = Callable[..., Any]


def folded(
    name: str, make: Callable[..., object], *options: Callable[[Command], Command]
) -> Callable[[Command], Command]:
    """The options, whose values go to `make` by its parameters' names; the command gets what it returns."""

    def add(command: Command) -> Command:
        @functools.wraps(command)
        def with_value(**values: Any) -> Any:
            own = {key: values.pop(key) for key in signature(make).parameters}
            return command(**values, **{name: make(**own)})

        wrapped: Command = with_value
        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped

    return add


def words(kind: type[StrEnum]) -> click.Choice[str]:
    return click.Choice([one.value for one in kind if one.name != "UNKNOWN"])


def _consent(*, personalize: bool, allow_logging: bool) -> Consent:
    return Consent(personalization=personalize, logging=allow_logging)


def _filters(where: Sequence[str], not_where: Sequence[str]) -> list[Filter]:
    return [parsed(text, exclude=False) for text in where] + [
        parsed(text, exclude=True) for text in not_where
    ]


def _context(
    session: str | None, placement: str | None, device: str | None, language: str | None
) -> Context | None:
    if not (session or placement or device or language):
        return None
    return Context(
        session_id=session,
        placement_id=placement,
        device=Device(device) if device else Device.UNKNOWN,
        language_code=language,
    )


surface = click.option(
    "--surface",
    type=words(Surface),
    required=True,
    callback=lambda _context, _option, word: Surface(word),
    help="Where the answer will be shown.",
)
user = click.option("--user", metavar="ID", help="The person; without it, an anonymous visitor.")
page_size = click.option(
    "-n",
    "--page-size",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    help="How many items.",
)
exclude = click.option("--exclude", multiple=True, metavar="ID", help="Never return this item.")
request_id = click.option("--request-id", metavar="ID", help="Your own, for tracing.")
event_token = click.option(
    "--event-token", metavar="TOKEN", help="That `record` printed: know at least those events."
)
explain = click.option("--explain", is_flag=True, help="Tell why each item got its score.")
consent = folded(
    "consent",
    _consent,
    click.option(
        "--personalize", is_flag=True, help="The person consents to their history being read."
    ),
    click.option(
        "--allow-logging",
        is_flag=True,
        help="The person consents to being tied to the logged answer.",
    ),
)
filters = folded(
    "filters",
    _filters,
    click.option(
        "--where",
        multiple=True,
        metavar="FILTER",
        help="Items must pass: department=GROCERY,DRUG or 'price_91d<=5' or '2<=price_91d<=5'.",
    ),
    click.option(
        "--not-where", multiple=True, metavar="FILTER", help="Items that match are left out."
    ),
)
context = folded(
    "context",
    _context,
    click.option("--session", metavar="ID", help="The session, for the log."),
    click.option("--placement", metavar="NAME", help="The place on the page, for the log."),
    click.option("--device", type=words(Device), help="For the log."),
    click.option("--language", metavar="TAG", help="Such as pt-BR, for the log."),
)
output = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json", "jsonl"]),
    default="table",
    show_default=True,
    help="jsonl: a line an item.",
)
