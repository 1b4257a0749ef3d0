"""How long each stage may take, how wide it may be, and what is done when it fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serving.errors import Failed, OutsideError, StreamFull, TimedOut, Unavailable
from serving.types import Action, Degraded, Reason, Ticks

LONGEST_BUDGET_S = 10.0  # whatever the caller's deadline: nobody waits longer for a slate
LONGEST_DETAIL = 200  # characters of an error that an answer repeats
# What no stage may take: the time to order, log and send the answer. When a system hangs, all who
# wait for it give up at the same moment and then stand in line for this, so it is not cut fine.
RESERVE, LEAST_RESERVE_S, MOST_RESERVE_S = 0.1, 0.003, 0.1  # the first: a part of the whole budget

# The part of what is left, after the reserve, that a stage may take. What it saves stays for the
# next, because the next takes its part of what is left by then.
SHARES: Mapping[str, float] = {
    "hydrate": 0.3,
    "items": 0.3,
    "retrieve": 0.5,
    "search": 0.5,
    "rank": 1.0,
    "similar": 1.0,
    "explain": 1.0,
    "record": 1.0,
}

# With less than so many seconds left to rank, no more than so many candidates are ranked,
WIDTHS: tuple[tuple[float, int], ...] = ((0.010, 64), (0.020, 128), (0.040, 256))
# and, once there are no fewer to rank, no more than so many members are asked, the first ones.
MEMBERS: tuple[tuple[float, int], ...] = ((0.005, 1), (0.010, 2))

# Failing open: what is done instead where a stage, or one of a kind, fails. What isn't here fails the call.
INSTEAD: Mapping[str, Action] = {
    "hydrate": Action.DEFAULT_FEATURES,
    "source": Action.DROPPED_SOURCE,  # of candidates, whose model is asked
    "seeds": Action.DROPPED_SOURCE,
    "search": Action.DROPPED_SOURCE,
    "items": Action.DROPPED_SOURCE,
    "member": Action.DROPPED_MEMBER,
    "rank": Action.UNRANKED,
    "explain": Action.UNEXPLAINED,
}
REASONS: Mapping[type[OutsideError], Reason] = {
    Unavailable: Reason.UNAVAILABLE,
    TimedOut: Reason.TIMEOUT,
    Failed: Reason.FAILED,
    StreamFull: Reason.FAILED,
}


@dataclass(frozen=True, slots=True)
class Budget:
    """The time until the caller stops waiting."""

    deadline: float  # in the seconds of `ticks`
    reserve: float  # seconds
    ticks: Ticks

    @classmethod
    def of(cls, seconds: float, ticks: Ticks) -> "Budget":
        whole = min(seconds, LONGEST_BUDGET_S)
        reserve = min(max(RESERVE * whole, LEAST_RESERVE_S), MOST_RESERVE_S)
        return cls(ticks() + whole, reserve, ticks)

    def left(self) -> float:
        """Seconds until the deadline, 0 once it has passed."""
        return max(0.0, self.deadline - self.ticks())

    def share(self, stage: str) -> float:
        """Seconds that `stage` may take, 0 if there is no time for it."""
        return max(0.0, self.left() - self.reserve) * SHARES[stage]


def width(seconds: float, candidates: int) -> int:
    """How many of the candidates can be ranked in so many seconds."""
    return _most(WIDTHS, seconds, candidates)


def members_asked(seconds: float, members: int) -> int:
    """How many of the members, from the first, are asked in so many seconds."""
    return _most(MEMBERS, seconds, members)


def _most(table: Sequence[tuple[float, int]], seconds: float, there: int) -> int:
    return min([there, *(allowed for limit, allowed in table if seconds < limit)])


def forgiven(stage: str, error: OutsideError, name: str = "") -> Degraded:
    """What is done instead of `stage`, or of that one of its kind which has a `name`.

    Raises:
        OutsideError: the given one; nothing can be done instead.
    """
    action = INSTEAD.get(stage)
    if action is None:
        raise error
    return Degraded(name or stage, REASONS[type(error)], action, str(error)[:LONGEST_DETAIL])
