"""Writes the streams into the event log, and cuts off them what is both there and in the rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from serving.features.overlay import START, position_of, stream_id
from serving.features.redis_keys import events_stream
from serving.ingest.commit import applied
from serving.ingest.entries import Entry, entries_after, read_entries
from serving.ingest.event_log import EventLog
from serving.types import Position

if TYPE_CHECKING:
    from serving.clients.connections import Client

MOST_ENTRIES = 2_000  # of a partition in one file


class Drain:
    """Of some partitions."""

    def __init__(
        self,
        client: "Client",
        project: str,
        id_kind: str,
        partitions: Sequence[int],
        log: EventLog,
    ) -> None:
        self._client, self._project, self._id_kind = client, project, id_kind
        self._log = log
        found = log.reached()
        self.more = False  # whether the last step left something behind
        self._reached = {partition: found.get(partition, START) for partition in partitions}

    def step(self, now_us: int) -> int:
        """Writes one file of what there is; returns how many events that were."""
        entries, reached = self._new()
        if reached != self._reached:
            self._log.write(entries, reached, now_us)
            self._reached = reached
        self._trim()
        return len(entries)

    def _new(self) -> tuple[list[tuple[int, Entry]], dict[int, Position]]:
        """Poison is no event: it is set aside where events are added to rows."""
        found = entries_after(self._client, self._project, self._reached, MOST_ENTRIES)
        reached, events = dict(self._reached), []
        for partition, raw in found.items():
            entries, _ = read_entries(raw, self._id_kind)
            events += [(partition, entry) for entry in entries]
            reached[partition] = position_of(raw[-1][0])
        self.more = any(len(raw) == MOST_ENTRIES for raw in found.values())
        return events, reached

    def _trim(self) -> None:
        in_rows = applied(self._client, self._project, self._reached)
        with self._client.pipeline(transaction=False) as pipe:
            for partition, logged in self._reached.items():
                ms, number = min(logged, in_rows[partition])
                stream = events_stream(self._project, partition)
                if (ms, number) > START:
                    pipe.xtrim(stream, minid=stream_id((ms, number + 1)), approximate=False)
            pipe.execute()
