"""Events, and batches of them, as batches."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence

from recserve.client.requests import Event

Events = Event | Sequence[Event]  # one, or a batch as it is to be sent


class Gathering:
    """An event is put together with those after it, up to `size`; a batch stays one."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._gathered: list[Event] = []

    def add(self, given: Events) -> Iterator[Sequence[Event]]:
        """The batches that are now whole."""
        if not isinstance(given, Event):
            yield from self.rest()
            yield given
            return
        self._gathered.append(given)
        if len(self._gathered) >= self._size:
            yield from self.rest()

    def rest(self) -> Iterator[Sequence[Event]]:
        if self._gathered:
            whole, self._gathered = self._gathered, []
            yield whole


def batches(events: Iterable[Events], size: int) -> Iterator[Sequence[Event]]:
    gathering = Gathering(size)
    for given in events:
        yield from gathering.add(given)
    yield from gathering.rest()


async def batches_async(
    events: AsyncIterable[Events] | Iterable[Events], size: int
) -> AsyncIterator[Sequence[Event]]:
    gathering = Gathering(size)
    if isinstance(events, AsyncIterable):
        async for given in events:
            for batch in gathering.add(given):
                yield batch
    else:
        for given in events:
            for batch in gathering.add(given):
                yield batch
    for batch in gathering.rest():
        yield batch
