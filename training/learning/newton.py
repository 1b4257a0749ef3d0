"""Newton's method with steps that are halved until they help."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

STEPS = 50  # fewer than ten are needed
SHORTEST = 2.0**-20  # of a step; a shorter one changes nothing
CLOSE = 1e-9  # a step that moves no weight further is the last

Weights = NDArray[np.float64]


def minimised(
    start: Weights, loss: Callable[[Weights], float], step: Callable[[Weights], Weights]
) -> Weights:
    """The weights from which no step lowers the loss; `step` is what Newton's method takes off."""
    found = start
    for _ in range(STEPS):
        change, before = step(found), loss(found)
        length = 1.0
        # A whole step may overshoot; a short enough one can't.
        while length >= SHORTEST and loss(found - length * change) > before:
            length /= 2.0
        if length < SHORTEST:
            break
        found = found - length * change
        if np.abs(change).max() < CLOSE:
            break
    return found
