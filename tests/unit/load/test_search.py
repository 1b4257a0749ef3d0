"""The catalogue of `make bench-search`, and that the benchmark compares like with like."""

import json
import subprocess
import sys
from pathlib import Path

from tests.load.search.catalogue import items_of, misspelt, queries_of, words
from tests.meta.imports import ROOT


def test_it_is_the_same_each_time_and_its_words_are_few_and_often() -> None:
    first, again = (list(items_of(300)) for _ in range(2))
    assert first == again
    assert len({item.key for item in first}) == 300
    counts = [sum(word in item.title for item in first) for word in (words(300)[0], words(300)[-1])]
    assert counts[0] > 10 * counts[1]


def test_every_query_is_words_of_an_item() -> None:
    texts = [f"{item.title} {item.texts[0]}".replace(",", "").split() for item in items_of(300)]
    queries = queries_of(300, 20)
    assert queries == queries_of(300, 20)
    assert all(any(set(query.split()) <= set(text) for text in texts) for query in queries)


def test_two_letters_of_the_first_word_are_swapped() -> None:
    assert misspelt(["bafo kelu"]) == ["bfao kelu"]


def test_a_quick_look_measures_everything_once(tmp_path: Path) -> None:
    out = tmp_path / "search.json"
    command = [sys.executable, "-m", "tests.load.search", "--small", "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    figures = {one["name"]: one for one in json.loads(out.read_text())}
    assert set(figures) == {
        *(f"search.lexical.500{suffix}" for suffix in ("", ".vs_bm25s", ".p99", ".misspelt")),
        *(f"search.rate.500{suffix}" for suffix in ("", ".vs_bm25s")),
        *("search.index.500", "search.index.500.bytes_an_item"),
        *("search.nearest.500", "search.nearest.500.p99"),
        *(f"search.graph.500{suffix}" for suffix in ("", ".building", ".recall")),
    }
    assert figures["search.graph.500.recall"]["value"] > 0.9
    assert all(one["value"] > 0 for one in figures.values())
    assert figures["search.lexical.500"]["target"] == 0.5
