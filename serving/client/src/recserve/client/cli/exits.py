"""How a command ends: what it says on standard error, and its exit code."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import click
from recserve.client.cli.texts import shown
from recserve.client.errors import (
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    NotServed,
    Overloaded,
    RecserveError,
    ServerFault,
    Unavailable,
)

EXITS: Mapping[type[RecserveError], int] = {
    InvalidRequest: 2,  # as click ends when an option is wrong
    NotFound: 3,
    NotServed: 3,
    Overloaded: 4,
    DeadlineExceeded: 4,
    Unavailable: 4,
    ServerFault: 5,
}


@contextmanager
def failing_clearly(endpoint: str) -> Iterator[None]:
    """Ends the command with a sentence a field and the error's exit code."""
    try:
        yield
    except RecserveError as error:
        for sentence in sentences(error, endpoint):
            click.echo(shown(sentence), err=True)
        raise click.exceptions.Exit(EXITS[type(error)]) from error
    except ValueError as error:
        raise click.UsageError(shown(str(error))) from error


def sentences(error: RecserveError, endpoint: str) -> list[str]:
    request = f" (request {error.request_id})" if error.request_id else ""
    if isinstance(error, InvalidRequest) and error.violations:
        return [f"{v.field}: {v.description}{request}" for v in error.violations]
    return [f"{endpoint}: {error.code.name}: {error.told.message}{request}"]
