import io

import pytest
from rich.console import Console

from training.progress_bar import progress_bar, rate


@pytest.mark.parametrize(
    ("speed", "told"), [(1234.0, "1,234/s"), (1.0, "1/s"), (0.25, "4.0 s each")]
)
def test_a_rate_is_told_in_the_unit_that_can_be_read(speed: float, told: str) -> None:
    assert rate(speed) == told


def test_a_bar_tells_how_many_are_done_and_how_fast() -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True, color_system=None)
    with progress_bar(console, "Asking", 40) as advance:
        for _ in range(4):
            advance(10)
    text = console.file.getvalue()
    assert "Asking" in text
    assert "40/40" in text
    assert "/s" in text
