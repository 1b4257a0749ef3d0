import io

from rich.console import Console

from training.evaluation.held_out import TASKS
from training.evaluation.intervals import Interval
from training.evaluation.measurements import Measurement
from training.evaluation.score_table import SHOWN, print_reach, print_scores

MODELS = ("served", "offline", "oracle", "popularity", "personal_decay")


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
    for word in ("served", "offline", "oracle", "popularity", "personal", "decay", "difference"):
        assert word in text
    assert "+0.012 [+0.007, +0.016]" in text


def test_how_much_of_what_could_be_known_is_served_is_told_where_the_truth_is() -> None:
    page = io.StringIO()
    figures = [
        Measurement("shop", task, model, "ndcg@10", value, None, None, (7,))
        for task, model, value in (
            ("any", "served", 0.3),
            ("any", "oracle", 0.4),
            ("new", "served", 0.1),
        )
    ]
    print_reach(figures, Console(file=page, width=80))
    assert page.getvalue() == "Of the oracle's ndcg@10, the served answers reach: any 75%\n"
    print_reach(figures[:1], Console(file=page, width=80))
    assert page.getvalue().count("\n") == 1


def _measurements() -> list[Measurement]:
    return [
        Measurement("shop", task, model, metric, 0.25, 0.2, 0.3, (7,))
        for task in TASKS
        for model in MODELS
        for metric in SHOWN
    ]


def _differences() -> dict[tuple[str, str], Interval]:
    return {(task, metric): Interval(0.012, 0.007, 0.016) for task in TASKS for metric in SHOWN}
