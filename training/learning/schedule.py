"""Which cut-off teaches what, so that no model's input has seen the labels it is taught or judged by.

The retriever is trained twice. The early one has seen purchases up to the ranker's first training
cut-off alone: it proposes the ranker's training candidates and lives inside the ranker as a feature. The
served one goes on to the validation cut-off, and proposes candidates there and at now.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from training.errors import PreparedError

FEWEST_CUTOFFS = 4  # early retriever, ranker, validation, now


@dataclass(frozen=True, slots=True)
class Schedule:
    """Cut-offs, ascending; each one's labels end before the next role's first cut-off begins."""

    early: tuple[datetime, ...]
    early_validation: datetime | None  # none if there are too few cut-offs to spare one
    ranker: tuple[datetime, ...]
    validation: datetime
    now: datetime

    @property
    def served(self) -> tuple[datetime, ...]:
        """What the served retriever is taught from, beyond `early`."""
        spare = () if self.early_validation is None else (self.early_validation,)
        return (*self.early, *spare, *self.ranker)


def schedule(cutoffs: Sequence[datetime], ranker_cutoffs: int, horizon: timedelta) -> Schedule:
    """Splits the cut-offs by time.

    Raises:
        PreparedError: too few cut-offs, or closer together than the horizon, so that labels overlap.
    """
    if len(cutoffs) < FEWEST_CUTOFFS:
        raise PreparedError(
            f"{len(cutoffs)} cut-offs are too few to train on without a leak; "
            f"prepare {FEWEST_CUTOFFS} or more"
        )
    close = [a for a, b in pairwise(cutoffs) if a + horizon > b]
    if close:
        raise PreparedError(
            f"the cut-off after {close[0].isoformat()} is nearer than the horizon of {horizon.days} days; "
            "prepare the data again"
        )
    *labelled, now = cutoffs
    *taught, validation = labelled
    count = min(ranker_cutoffs, len(taught) - 1)
    early, ranker = taught[:-count], taught[-count:]
    spare = early[-1] if len(early) > 1 else None
    return Schedule(tuple(early[:-1] if spare else early), spare, tuple(ranker), validation, now)
