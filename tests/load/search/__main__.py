"""`make bench-search`: search by catalogue size, beside the engine alone, bm25s and a plain product."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from serving.search.analysis import Analysis
from serving.search.index import ENGINE, write_index
from tests.load.conditions import environment, machine
from tests.load.figures import Baseline, Figure, higher, lower, table, write_figures
from tests.load.peers import Peer, peer
from tests.load.search.catalogue import FIELDS, items_of, misspelt, queries_of
from tests.load.search.nearest import nearest
from tests.load.turns import Times, in_turns, times

BESIDE = {"engine": "tantivy_alone", "bm25s": "bm25s_search"}
LANGUAGE, THREADS = "en", 2
NEAREST = 50  # queries whose nearest are looked for, a round
ENGINE_TARGET = 0.5  # at most twice the engine's own time


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of one run."""

    items: tuple[int, ...]
    queries: int
    count: int  # items that a search gives, as the gateway asks for
    rounds: int


FULL = Sizes((10_000, 100_000, 1_000_000), queries=300, count=512, rounds=7)
SMALL = Sizes((500,), queries=10, count=20, rounds=2)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load.search", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the file of the figures")
    parser.add_argument("--small", action="store_true", help="a quick look: figures of no meaning")
    given = parser.parse_args()
    sizes, figures = SMALL if given.small else FULL, list[Figure]()
    for items in sizes.items:
        with tempfile.TemporaryDirectory(prefix="recserve-bench-") as name:
            figures += measured(Path(name), items, sizes)
        said = f"{items:,} different texts, {NEAREST} queries; {machine()}"
        figures += nearest(items, min(NEAREST, sizes.queries), sizes.rounds, said)
        say(f"{items:,} items are measured")
    write_figures(given.out, figures)
    say(table(figures))
    return 0


def measured(folder: Path, items: int, sizes: Sizes) -> list[Figure]:
    """Of one catalogue."""
    index = folder / "index"
    index.mkdir()
    began = time.perf_counter()
    write_index(items_of(items), FIELDS, LANGUAGE, index)
    indexing_s = time.perf_counter() - began
    spec = specified(folder, index, items, sizes)
    with ExitStack() as stack:
        ours = stack.enter_context(
            peer("ours", ["-m", "tests.load.search.searcher"], spec, folder, environment())
        )
        beside = {
            name: stack.enter_context(
                peer(name, [f"tests/load/baselines/{file}.py"], spec, folder, environment())
            )
            for name, file in BESIDE.items()
        }
        if ours.ask(do="found") != beside["engine"].ask(do="found"):
            raise SystemExit("the engine alone finds other items: the two can't be compared")
        asked = times(
            in_turns(
                {
                    "plain": lambda: ours.seconds(do="search", queries="plain"),
                    "misspelt": lambda: ours.seconds(do="search", queries="misspelt"),
                }
                | {name: _seconds(one) for name, one in beside.items()},
                sizes.rounds,
            )
        )
        rates = in_turns(
            {name: _rate(one, sizes) for name, one in ({"ours": ours} | beside).items()},
            sizes.rounds,
        )
        bm25s_s = beside["bm25s"].ask(do="indexed")["indexing_s"]
    said = f"{items:,} items, {sizes.queries} queries, {sizes.count} found; {machine()}"
    figures = latencies(items, asked, said)
    figures += throughput(items, {name: max(found) for name, found in rates.items()}, said)
    size = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
    return [
        *figures,
        lower(f"search.index.{items}", indexing_s, "s", Baseline("bm25s", bm25s_s), said),
        lower(f"search.index.{items}.bytes_an_item", size / items, "B", None, said),
    ]


def specified(folder: Path, index: Path, items: int, sizes: Sizes) -> dict[str, object]:
    """What all measure, in files: queries as they are written, and in the index's words."""
    analysis, plain = Analysis(LANGUAGE), queries_of(items, sizes.queries)
    terms = [[word.term for word in analysis.asked(query)] for query in plain]
    files = {
        "queries": json.dumps({"plain": plain, "misspelt": misspelt(plain)}),
        "terms": json.dumps(terms),
        "texts": "\n".join(
            " ".join(w.term for text in (item.title, *item.texts) for w in analysis.indexed(text))
            for item in items_of(items)
        ),
    }
    for name, content in files.items():
        (folder / name).write_text(content)
    paths = {name: str(folder / name) for name in files}
    return paths | {"index": str(index), "engine": str(index / ENGINE), "count": sizes.count}


def latencies(items: int, asked: Mapping[str, Times], said: str) -> list[Figure]:
    ours, engine, bm25s = (asked[name] for name in ("plain", "engine", "bm25s"))
    return [
        lower(
            f"search.lexical.{items}",
            ours.p50_ms,
            "ms",
            Baseline("engine alone", engine.p50_ms),
            said,
            ENGINE_TARGET,
        ),
        lower(
            f"search.lexical.{items}.vs_bm25s",
            ours.p50_ms,
            "ms",
            Baseline("bm25s", bm25s.p50_ms),
            said,
        ),
        lower(
            f"search.lexical.{items}.p99",
            ours.p99_ms,
            "ms",
            Baseline("engine alone", engine.p99_ms),
            said,
        ),
        lower(f"search.lexical.{items}.misspelt", asked["misspelt"].p50_ms, "ms", None, said),
    ]


def throughput(items: int, rates: Mapping[str, float], said: str) -> list[Figure]:
    beside = {
        "": Baseline("engine alone", rates["engine"]),
        ".vs_bm25s": Baseline("bm25s", rates["bm25s"]),
    }
    return [
        higher(f"search.rate.{items}{suffix}", rates["ours"], "1/s", baseline, said)
        for suffix, baseline in beside.items()
    ]


def _seconds(one: Peer) -> Callable[[], list[float]]:
    return lambda: one.seconds(do="search")


def _rate(one: Peer, sizes: Sizes) -> Callable[[], float]:
    return lambda: sizes.queries / one.ask(do="rate", threads=THREADS)["whole"]


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
