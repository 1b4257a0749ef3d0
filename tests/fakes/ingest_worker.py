"""An ingest worker that does nothing, and knows all that there is to know."""

from dataclasses import dataclass, field

from serving.ingest.apply import Counts
from serving.ingest.telemetry import Rounds
from serving.ingest.watch import Node, Seen

KNOWN = Seen(
    {"": Node(1, 2, {"append_only": True, "rewrite": True, "snapshot": False})},
    poison=0,
    materialized_at_us=0,
)


@dataclass
class IdleWorker:
    """A Working."""

    rounds: Rounds = field(default_factory=Rounds)
    counts: Counts = field(default_factory=Counts)
    worked: int = 3
    seen: Seen = KNOWN

    def lag_s(self) -> float:
        return 1.5
