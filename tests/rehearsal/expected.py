"""What an event may do to its callers, and what they had to bear beyond that."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tests.rehearsal.outcomes import Outcome

OF_TIME = ("timeout", "no_time")  # the reasons that a busy machine accounts for


@dataclass(frozen=True, slots=True)
class Expected:
    """Of an event that is planned: no failed call, none asked again, no answer that lacks what is there.

    Attributes:
        restarts: of containers; None: any number.
        again: statuses after which callers may have to ask again.
        failing: of methods, the statuses with which their calls may fail.
        lacking: stages that may have nothing.
        felt: something of that must be seen, or the event did not take place.
        called: there are callers.
    """

    restarts: int | None = 0
    again: Collection[str] = ()
    failing: Mapping[str, Collection[str]] = field(default_factory=dict)
    lacking: Collection[str] = ()
    felt: bool = False
    called: bool = True

    def problems(self, outcomes: Sequence[Outcome], restarts: int) -> list[str]:
        """One sentence each."""
        found = []
        if self.restarts is not None and restarts != self.restarts:
            found.append(f"{restarts} restarts of containers, {self.restarts} expected")
        if self.called and not outcomes:
            found.append("nobody called")
        if failed := self._failed(outcomes):
            found.append(f"calls failed: {failed}")
        if again := self._again(outcomes):
            found.append(f"calls had to be asked again: {again}")
        if lost := self._lost(outcomes):
            found.append(f"answers lacked something that was there: {lost}")
        if self.felt and all(one.status == "OK" and not lacks(one) for one in outcomes):
            found.append("no caller felt anything of it")
        return found

    def _failed(self, outcomes: Sequence[Outcome]) -> dict[str, int]:
        return dict(
            Counter(
                f"{one.method}: {one.status}"
                for one in outcomes
                if one.status not in ("OK", *self.failing.get(one.method, ()))
            )
        )

    def _again(self, outcomes: Sequence[Outcome]) -> dict[str, int]:
        return dict(
            Counter(
                status
                for one in outcomes
                for status in one.again
                if status not in (*self.again, *self.failing.get(one.method, ()))
            )
        )

    def _lost(self, outcomes: Sequence[Outcome]) -> dict[str, int]:
        texts = Counter(text for one in outcomes for text in lacks(one))
        return {t: n for t, n in texts.items() if t.partition(":")[0] not in self.lacking}


def lacks(outcome: Outcome) -> set[str]:
    """Its degradations for other reasons than time."""
    return {text for text in outcome.degraded if not text.endswith(OF_TIME)}
