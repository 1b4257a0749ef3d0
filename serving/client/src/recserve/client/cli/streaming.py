"""`recserve record --stream`: lines are sent as they are read, and what is wrong with one stops no other."""

from collections.abc import Iterable, Iterator, Sequence

import click
from recserve.client.cli import event_lines
from recserve.client.cli.event_lines import Line
from recserve.client.cli.exits import EXITS, sentences
from recserve.client.cli.recording import Total, by_line, fate, span
from recserve.client.cli.texts import shown
from recserve.client.clients import Client
from recserve.client.errors import InvalidRequest, RecserveError
from recserve.client.requests import Consent, Event
from recserve.client.results import Outcome


class Streaming:
    """Of one file. Problems go to standard error as they are found."""

    def __init__(self, total: Total, endpoint: str) -> None:
        self._total, self._endpoint = total, endpoint
        self._under_way: dict[int, Sequence[Line]] = {}  # by the batch's number
        self._taken = 0
        self._told: RecserveError | None = None
        self.worst = 0  # exit code

    def send(self, client: Client, lines: Iterable[str], consent: Consent, batch_size: int) -> None:
        """Raises RecserveError: nothing more is tried; what was not decided has been told."""
        readable = event_lines.good(self._lines(lines), self._problem)
        batches = self._batches(readable, batch_size)
        for outcome in client.record_stream(batches, consent=consent):
            self._decided(outcome)

    def _lines(self, lines: Iterable[str]) -> Iterator[str]:
        try:
            yield from lines
        except UnicodeDecodeError as error:
            self._problem(f"The file is not UTF-8: {error}; it was read no further")

    def _batches(self, lines: Iterator[Line], size: int) -> Iterator[list[Event]]:
        batch: list[Line] = []
        for line in lines:
            batch.append(line)
            if len(batch) == size:
                yield self._take(batch)
                batch = []
        if batch:
            yield self._take(batch)

    def _take(self, batch: Sequence[Line]) -> list[Event]:
        self._under_way[self._taken] = batch
        self._taken += 1
        return [line.event for line in batch]

    def _decided(self, outcome: Outcome) -> None:
        batch = self._under_way.pop(outcome.number)
        if outcome.recorded:
            self._total.add(batch, outcome.recorded)
        elif outcome.error:
            self._refused(batch, outcome.error)

    def _refused(self, batch: Sequence[Line], error: RecserveError) -> None:
        self.worst = max(self.worst, EXITS[type(error)])
        click.echo(f"{span(batch)}: {fate(error)}.", err=True)
        if error is self._told:  # of all that is undecided where nothing more is tried
            return
        self._told = error
        for sentence in sentences(by_line(error, batch), self._endpoint):
            click.echo(shown(sentence), err=True)

    def _problem(self, sentence: str) -> None:
        self.worst = max(self.worst, EXITS[InvalidRequest])
        click.echo(shown(sentence), err=True)
