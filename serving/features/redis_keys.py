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


def layouts_key(project: str, join_key: str, partition: int) -> str:
    """The hash from views to the fingerprints that the partition's rows are written with."""
    return f"recserve:{_tag(project, join_key, partition)}:layouts"


def events_stream(project: str, partition: int) -> str:
    """What the people of the partition did, in the order in which it was acknowledged."""
    return f"recserve:{_tag(project, 'user_id', partition)}:events"


def event_ids_key(project: str, partition: int) -> str:
    """The sorted set of the partition's latest events, by which one that is sent again is recognised."""
    return f"recserve:{_tag(project, 'user_id', partition)}:event_ids"


def applied_key(project: str, partition: int) -> str:
    """The position up to which the partition's events are in the rows."""
    return f"recserve:{_tag(project, 'user_id', partition)}:applied"


def poison_stream(project: str, partition: int) -> str:
    """Entries of the events' stream that can't be read, set aside."""
    return f"recserve:{_tag(project, 'user_id', partition)}:poison"


def overlay_key(project: str, user_key: int) -> str:
    """The list of a person's events that are not in the rows yet."""
    return row_key(project, "user_id", user_key, "overlay").decode()


def request_log_stream(project: str) -> str:
    return f"recserve:{{{project}}}:request_log"


def strings_key(project: str) -> str:
    """The hash from keys to texts."""
    return f"recserve:{project}:strings"


def materialized_key(project: str) -> str:
    """The now of the preparation that was materialised last, microseconds since 1970 UTC."""
    return f"recserve:{project}:materialized_us"


def materialized_at_key(project: str) -> str:
    """When that was done, microseconds since 1970 UTC of the wall clock."""
    return f"recserve:{project}:materialized_at_us"


def entities_key(project: str, join_key: str) -> str:
    """The set of the entities that have a row."""
    return f"recserve:{{{project}:entities}}:{join_key}"


def item_changes_stream(project: str) -> str:
    """Which items' rows were written or removed, in the order in which that was announced."""
    return f"recserve:{{{project}:items}}:changes"


def _tag(project: str, join_key: str, partition: int) -> str:
    return f"{{{project}:{join_key}={partition}}}"
