"""How many pods a Deployment may add and take, and how many evictions a budget allows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Bound = int | str  # a number of pods, or a share of them as `25%`


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one generation of pods, without those that are ending."""

    ready: int
    unready: int

    @property
    def total(self) -> int:
        return self.ready + self.unready


@dataclass(frozen=True, slots=True)
class Step:
    add: int  # of the new generation
    take_old: int
    take_new: int


def resolved(bound: Bound, replicas: int, *, up: bool) -> int:
    """Of shares, surges and budgets are rounded up, the unavailable of an update down."""
    if isinstance(bound, int):
        return bound
    share = int(bound.removesuffix("%")) * replicas / 100
    return math.ceil(share) if up else math.floor(share)


def step(replicas: int, old: Counts, new: Counts, surge: Bound, unavailable: Bound) -> Step:
    """What the Deployment controller does next, towards `replicas` of the new generation and none old."""
    most = replicas + resolved(surge, replicas, up=True)
    least = replicas - resolved(unavailable, replicas, up=False)
    if new.total > replicas:
        return Step(0, 0, new.total - replicas)
    add = max(min(replicas - new.total, most - old.total - new.total), 0)
    spare = max(old.total + new.total - least - new.unready, 0)
    broken = min(old.unready, spare)  # those that aren't ready go first: nobody misses them
    healthy = min(old.ready, max(old.ready + new.ready - least, 0), spare - broken)
    return Step(add, broken + healthy, 0)


def allowed_evictions(expected: int, ready: int, budget: Mapping[str, Any]) -> int:
    """Of a PodDisruptionBudget's spec, which has one of two bounds."""
    if "maxUnavailable" in budget:
        needed = expected - resolved(budget["maxUnavailable"], expected, up=True)
    else:
        needed = resolved(budget["minAvailable"], expected, up=True)
    return max(ready - max(needed, 0), 0)
