"""Cuts the candidates to what may be ranked, and to what can be in the time left."""

from serving.policy import width
from serving.stages.filter import Removed
from serving.stages.merge import Merged
from serving.types import Removal


def narrowed(merged: Merged, seconds: float, most: int | None = None) -> tuple[Merged, Removed]:
    """As many of the candidates as may be and can be ranked in the seconds left; what that removed."""
    room = len(merged.keys) if most is None else min(most, len(merged.keys))
    allowed = width(seconds, room)
    over = len(merged.keys) - allowed
    if over <= 0:
        return merged, ()
    return (
        Merged(merged.keys[:allowed], merged.sources[:allowed]),
        ((Removal.OVER_CAPACITY, over),),
    )
