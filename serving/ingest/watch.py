"""What a worker tells of Redis, beside the events: who watches the workers then watches Redis too."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from serving.clients.connections import FOREIGN, describe
from serving.features.redis_keys import materialized_at_key, poison_stream
from serving.types import Ticks

if TYPE_CHECKING:
    from serving.clients.connections import Client

APART_S = 15.0  # between two looks: as often as Prometheus asks
File = Literal["append_only", "rewrite", "snapshot"]

log = logging.getLogger("serving.ingest")


@dataclass(frozen=True, slots=True)
class Node:
    """A Redis server, as it describes itself."""

    used_bytes: int
    limit_bytes: int | None  # None: it has none of its own
    files: Mapping[File, bool]  # whether what was written last of each was written well


@dataclass(frozen=True, slots=True)
class Seen:
    """At the last look; None: not known."""

    nodes: Mapping[str, Node] = field(default_factory=dict)  # by host and port, "" where it is one
    poison: int | None = None  # entries set aside, of the worker's partitions
    materialized_at_us: int | None = None


class Watch:
    """Looks now and then."""

    def __init__(
        self,
        client: "Client",
        project: str,
        partitions: Sequence[int],
        ticks: Ticks = time.monotonic,
    ) -> None:
        self._client, self._project, self._partitions = client, project, partitions
        self._ticks, self._next, self._told = ticks, ticks(), False
        self.seen = Seen()

    def look(self) -> None:
        """Unless it was done a moment ago; events don't wait for an answer that doesn't come."""
        if self._ticks() < self._next:
            return
        try:
            self.seen, self._told = self._look(), False
        except FOREIGN as error:
            self.seen = Seen()
            if not self._told:
                log.warning("nothing is known of Redis itself: %s", error)
            self._told = True
        self._next = self._ticks() + APART_S

    def _look(self) -> Seen:
        nodes = {name: node_of(told) for name, told in describe(self._client).items()}
        with self._client.pipeline(transaction=False) as pipe:
            for partition in self._partitions:
                pipe.xlen(poison_stream(self._project, partition))
            poison = sum(pipe.execute())
        at = self._client.get(materialized_at_key(self._project))
        return Seen(nodes, poison, None if at is None else int(at))


def node_of(told: Mapping[str, Any]) -> Node:
    """Of the answer to INFO; some services leave out the files."""
    files: dict[File, bool] = {}
    if "aof_enabled" in told:
        files["append_only"] = told["aof_enabled"] == 1 and told["aof_last_write_status"] == "ok"
        files["rewrite"] = told["aof_last_bgrewrite_status"] == "ok"
    if "rdb_last_bgsave_status" in told:
        files["snapshot"] = told["rdb_last_bgsave_status"] == "ok"
    return Node(told["used_memory"], told["maxmemory"] or None, files)
