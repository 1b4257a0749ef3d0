import io

from rich.console import Console

from training.evaluation.held_out import TASKS
from training.evaluation.intervals import Interval
from training.evaluation.measurements import Measurement
from training.evaluation.score_table import SHOWN, print_scores

MODELS = ("served", "offline", "popularity", "personal_decay")


def test_no_word_of_the_table_is_cut_on_a_narrow_terminal() -> None:
    page = io.StringIO()
    print_scores(
        _measurements(),
        _differences(),
        MODELS,
        dict.fromkeys(TASKS, 1_670),
        Console(file=page, width=80),
    )
    text = page.getvalue()
    assert "…" not in text
    for word in ("served", "offline", "popularity", "personal", "decay", "difference"):
        assert word in text
    assert "+0.012 [+0.007, +0.016]" in text


def _measurements() -> list[Measurement]:
    return [
        Measurement("shop", task, model, metric, 0.25, 0.2, 0.3, (7,))
        for task in TASKS
        for model in MODELS
        for metric in SHOWN
    ]


def _differences() -> dict[tuple[str, str], Interval]:
    return {(task, metric): Interval(0.012, 0.007, 0.016) for task in TASKS for metric in SHOWN}
