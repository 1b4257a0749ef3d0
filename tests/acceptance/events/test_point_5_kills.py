"""Processes are killed at random points while callers record without end."""

import re
from collections.abc import Callable

from tests.e2e.system import run_make


def test_point_5_no_acknowledged_event_is_lost_or_counted_twice(
    measured: Callable[[str], None],
) -> None:
    output = run_make("chaos", "CHAOS_KILLS=30", "CHAOS_SEED=7").stdout
    told = re.search(r"\d+ events, .*", output)
    assert told
    measured(told[0])
