"""The names of all that is kept in Redis (docs/contracts.md).

Braces are Redis's hash tag: what has the same lies in one slot, so that one script can change all of
it. Entities are spread over `PARTITIONS` tags by their key.
"""

PARTITIONS = 64  # fixed: another number is another place for every row and event


def partition_of(key: int) -> int:
    return key % PARTITIONS


def row_key(project: str, join_key: str, key: int, view: str) -> bytes:
    """Of an entity's row of a view."""
    return f"recserve:{_tag(project, join_key, partition_of(key))}:{key}:{view}".encode()


def events_stream(project: str, partition: int) -> str:
    """What the people of the partition did, in the order in which it was acknowledged."""
    return f"recserve:{_tag(project, 'user_id', partition)}:events"


def request_log_stream(project: str) -> str:
    return f"recserve:{{{project}}}:request_log"


def strings_key(project: str) -> str:
    """The hash from keys to texts."""
    return f"recserve:{project}:strings"


def entities_key(project: str, join_key: str) -> str:
    """The set of the entities that have a row."""
    return f"recserve:{{{project}:entities}}:{join_key}"


def _tag(project: str, join_key: str, partition: int) -> str:
    return f"{{{project}:{join_key}={partition}}}"
