"""What must hold of the served answers."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.errors import ScoreRefused
from training.evaluation.measurements import Measurement, value
from training.evaluation.served import Served

TASK, METRIC = "any", "ndcg@10"
TOLERANCE = 0.002  # served against offline
DEGRADED_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Check:
    """One demand, in a sentence with its figures; one that isn't judged can't fail the run."""

    name: str
    text: str
    passed: bool
    judged: bool = True


def require_whole(served: Served, bundle_id: str) -> None:
    """Refuses answers whose figures would not be those of this state folder's bundle.

    Raises:
        ScoreRefused: another bundle answered, or more than 1 % of the answers were degraded.
    """
    if served.bundles != (bundle_id,):
        raise ScoreRefused(
            f"the gateway answered with bundle {', '.join(served.bundles) or 'none'}, but the current "
            f"one is {bundle_id}; start it again with `make up`"
        )
    if served.degraded > DEGRADED_SHARE * served.answers:
        listed = "; ".join(f"{n} x {text}" for text, n in list(served.degradations.items())[:3])
        raise ScoreRefused(
            f"{served.degraded} of {served.answers} answers were degraded, more than "
            f"{DEGRADED_SHARE:.0%}, so their figures would not be the model's: {listed}"
        )


def checks(measurements: Sequence[Measurement], *, unjudged: str = "") -> list[Check]:
    """What is demanded; the bar of personal decay is not judged if `unjudged` says why not."""
    served = _figure(measurements, "served")
    offline = _figure(measurements, "offline")
    bar = _figure(measurements, "personal_decay")
    gap = abs(served - offline)
    name = f"{TASK} {METRIC}"
    return [
        Check(
            "served_equals_offline",
            f"served {name} {served:.4f} is within {TOLERANCE} of the offline {offline:.4f}: "
            f"{gap:.5f} apart",
            gap <= TOLERANCE,
        ),
        Check(
            "served_reaches_personal_decay",
            f"served {name} {served:.4f} is at least personal decay's {bar:.4f}"
            + (f"; {unjudged}" if unjudged else ""),
            served >= bar,
            judged=not unjudged,
        ),
    ]


def _figure(measurements: Sequence[Measurement], model: str) -> float:
    found = value(measurements, TASK, model, METRIC)
    if found is None:
        raise ScoreRefused(f"{TASK} {METRIC} of {model} was not measured")
    return found
