"""Measures search and its peers: `python -m training.search --state FOLDER`.

Prints how many queries there are and of what, and every figure; merges the figures into
`build/report/metrics.json`.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from serving.errors import ArtefactError
from training.datasets.errors import DataSetError
from training.errors import TrainingError
from training.evaluation.measurements import Measurement, Subject, merge
from training.search.engines import WORDS, our_engines
from training.search.index import FOLDER
from training.search.judged import measure_judged
from training.search.judgements import read_judgements
from training.search.peers import BASELINE, search_peers
from training.search.queries import PER_HOUSEHOLD, SEED, QuerySet, query_set
from training.search.relevance import measure
from training.settings import read_settings

NEEDED = ("models/ranker.ckpt", f"{FOLDER}/current", "encoders/current", "vectors/current")
ROOT = Path(__file__).parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.search")
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "full")
    parser.add_argument("--report", type=Path, default=ROOT / "build" / "report")
    parser.add_argument(
        "--per-household", type=int, default=PER_HOUSEHOLD, help="queries; default: %(default)s"
    )
    given = parser.parse_args()
    console = Console()
    try:
        found = run(given.state, given.per_household, console)
    except (TrainingError, DataSetError, ArtefactError) as error:
        console.print(f"[red]search:[/red] {escape(str(error))}")
        return 1
    merge(given.report / "metrics.json", map(asdict, found))
    return 0


def run(state: Path, per_household: int, console: Console) -> list[Measurement]:
    """Asks all peers everything, and prints what comes of it.

    Raises:
        TrainingError, DataSetError: the state folder is incomplete, or must not be measured.
    """
    queries = query_set(state, per_household=per_household)
    console.print(_queries_table(queries))
    catalogue = pl.read_parquet(state / "prepared" / "catalogue.parquet")
    subject = Subject(queries.dataset, SEED, catalogue.height)
    engines = search_peers(state, queries)
    lacking = [name for name in NEEDED if not (state / name).exists()]
    if lacking:
        console.print(f"{state} has no {', '.join(lacking)}: peers alone are asked")
    else:
        engines |= our_engines(read_settings(state), queries)
    found = measure(engines, queries, subject, BASELINE, WORDS)
    judgements = read_judgements()
    if judgements.dataset == queries.dataset:
        found += measure_judged(engines, judgements, catalogue, subject)
    console.print(_figures_table(found))
    return found


def _queries_table(queries: QuerySet) -> Table:
    title = (
        f"{queries.dataset} from {queries.cutoff:%Y-%m-%d}: {len(queries.user_ids):,} households took "
        f"{queries.purchases:,} different items, {queries.nameless:,} of them with one-word labels alone"
    )
    table = Table(
        *("variant", "queries", "texts", "relevant", "queries with new", "new relevant"),
        *("matching, median", "relevant, mean"),
        title=title,
    )
    for variant, of in queries.variants.items():
        table.add_row(
            variant,
            f"{len(of.asked):,}",
            f"{len({asked.text for asked in of.asked}):,}",
            f"{of.relevant.lengths.sum():,}",
            f"{np.count_nonzero(of.new.lengths):,}",
            f"{of.new.lengths.sum():,}",
            f"{np.median(of.matching):,.0f}",
            f"{of.relevant.lengths.mean():.2f}",
        )
    return table


def _figures_table(found: list[Measurement]) -> Table:
    table = Table("task", "engine", "metric", "value", "low", "high")
    for row in found:
        bounds = ("" if bound is None else f"{bound:.4f}" for bound in (row.low, row.high))
        table.add_row(row.task, row.model, row.metric, f"{row.value:.4f}", *bounds)
    return table


if __name__ == "__main__":
    sys.exit(main())
