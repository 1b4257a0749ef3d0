"""How good search is on purchases that nobody saw, and on the queries judged by hand."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.made import Made
from training.search.judgements import read_judgements

Figures = dict[tuple[str, str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def figures(full: Made) -> Figures:
    """`make search-relevance` of a system made from nothing."""
    full.system.make("search-relevance")
    rows = json.loads((full.state / "report/metrics.json").read_text())
    return {(row["task"], row["model"], row["metric"]): row for row in rows}


def test_point_3a_the_persons_own_order_beats_the_words_alone(
    figures: Figures, measured: Callable[[str], None]
) -> None:
    found = figures["search", "personalised", "ndcg@10/lexical"]
    measured(f"{found['value']:.2f} times, {found['low']:.2f} to {found['high']:.2f}")
    assert found["value"] >= 1.2
    assert found["low"] > 1


def test_point_3b_every_engine_is_measured_in_every_way(
    figures: Figures, measured: Callable[[str], None]
) -> None:
    engines = ("lexical", "semantic", "merged", "personalised", "bm25s")
    tasks = ("search", "search_typo", "search_partial")
    for task in tasks:
        for engine in engines:
            for metric in ("ndcg@10", "recall@10", "zero_result_rate"):
                assert (task, engine, metric) in figures
            assert (f"{task}_new", engine, "ndcg@10") in figures
    ndcg = {one: round(figures["search", one, "ndcg@10"]["value"], 3) for one in engines}
    empty = {
        one: round(figures["search_typo", one, "zero_result_rate"]["value"], 3) for one in engines
    }
    measured(f"NDCG@10 {ndcg}; nothing found with a typo {empty}")


def test_point_3c_words_and_meaning_together_beat_either_on_what_was_judged_by_hand(
    figures: Figures, measured: Callable[[str], None]
) -> None:
    assert len(read_judgements().queries) == 50
    of = {
        engine: figures["search_judged", engine, "ndcg@10"]["value"]
        for engine in ("lexical", "semantic", "merged", "personalised", "bm25s")
    }
    measured(", ".join(f"{engine} {value:.3f}" for engine, value in of.items()))
    assert of["merged"] > max(of["lexical"], of["semantic"], of["bm25s"])
    assert of["personalised"] > of["bm25s"]
