"""Writes what a batch of events made of the rows, and how far it reached, at once or not at all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serving.errors import LayoutMismatch
from serving.features.overlay import START, position_of, stream_id
from serving.features.redis_keys import applied_key, layouts_key, overlay_key, poison_stream
from serving.types import Position

if TYPE_CHECKING:
    from serving.clients.connections import Client

# Of one partition. KEYS: applied, poison stream, registered layouts, then the rows, then the overlays. ARGV:
# the position that the batch began at and the one it ends at, the number of rows, of each row its view, the
# head that it was read with and what replaces it, then of the poison events where each stood, what it is and
# what is wrong with it. Answers 1; or nothing is changed: 0, the batch is done already or a row was replaced
# meanwhile; or the view of which another layout is registered.
COMMIT = """
if (redis.call('GET', KEYS[1]) or '0-0') ~= ARGV[1] then return 0 end
local rows = tonumber(ARGV[3])
for n = 1, rows do
  local view, packed = ARGV[1 + 3 * n], ARGV[3 + 3 * n]
  local registered = redis.call('HGET', KEYS[3], view)
  if registered and registered ~= string.sub(packed, 1, 8) then return view end
  if redis.call('GETRANGE', KEYS[3 + n], 0, 15) ~= ARGV[2 + 3 * n] then return 0 end
end
for n = 1, rows do
  redis.call('SET', KEYS[3 + n], ARGV[3 + 3 * n])
end
local dash = string.find(ARGV[2], '-', 1, true)
local last_ms, last = tonumber(string.sub(ARGV[2], 1, dash - 1)), tonumber(string.sub(ARGV[2], dash + 1))
for n = 4 + rows, #KEYS do
  while true do
    local head = redis.call('LINDEX', KEYS[n], 0)
    if not head then break end
    local ms, number = struct.unpack('<i8i8', head)
    if ms > last_ms or (ms == last_ms and number > last) then break end
    redis.call('LPOP', KEYS[n])
  end
end
for n = 4 + 3 * rows, #ARGV, 3 do
  redis.call('XADD', KEYS[2], '*', 'position', ARGV[n], 'entry', ARGV[n + 1], 'error', ARGV[n + 2])
end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row, under its Redis key, and the first bytes of what it was made from."""

    key: bytes
    head: bytes  # fingerprint and event time; empty where there was no row
    packed: bytes

    @property
    def view(self) -> bytes:
        return self.key.rpartition(b":")[2]


@dataclass(frozen=True, slots=True)
class Poison:
    """An entry of the stream that is no event."""

    position: Position
    entry: bytes
    error: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be written of one partition."""

    partition: int
    start: Position  # the last that was applied before
    end: Position
    rows: Sequence[NewRow]
    users: Sequence[int]  # whose overlays are cut
    poison: Sequence[Poison]


def commit(client: "Client", project: str, batch: Batch) -> bool:
    """False if nothing was written because another did so meanwhile: read it all anew.

    Raises:
        LayoutMismatch: another layout of a view is registered, and nothing was written.
    """
    keys: list[str | bytes] = [
        applied_key(project, batch.partition),
        poison_stream(project, batch.partition),
        layouts_key(project, "user_id", batch.partition),
        *(row.key for row in batch.rows),
        *(overlay_key(project, user) for user in batch.users),
    ]
    arguments: list[Any] = [stream_id(batch.start), stream_id(batch.end), len(batch.rows)]
    for row in batch.rows:
        arguments += [row.view, row.head, row.packed]
    for one in batch.poison:
        arguments += [stream_id(one.position), one.entry, one.error]
    done = client.execute_command("EVAL", COMMIT, len(keys), *keys, *arguments)
    if isinstance(done, bytes):
        raise LayoutMismatch(
            f"{done.decode()} is registered with another layout than this worker's bundle has; serve a "
            "bundle of that layout: until then events wait in their stream"
        )
    return bool(done)


def applied(client: "Client", project: str, partitions: Iterable[int]) -> dict[int, Position]:
    """How far each partition's events are in the rows, as COMMIT left it."""
    asked = tuple(partitions)
    with client.pipeline(transaction=False) as pipe:
        for partition in asked:
            pipe.get(applied_key(project, partition))
        stored: list[bytes | None] = pipe.execute()
    return {p: position_of(one) if one else START for p, one in zip(asked, stored, strict=True)}
