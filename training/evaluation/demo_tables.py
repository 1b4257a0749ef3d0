"""The demo's tables, readable from 80 columns on."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import zip_longest

import polars as pl
from recserve.v1 import recommendation_service_pb2 as pb
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.datasets.check.shown import shown
from training.evaluation.gateway_client import degradation

FEW = 5
WIDEST = 120  # characters of a name that are shown
WIDE = 110  # columns from which a name and all sources of an item fit on a line
NARROW = len("item-to-item,")


class Titles:
    """Names of the catalogue's items."""

    def __init__(self, catalogue: pl.DataFrame) -> None:
        ids = catalogue["item_id"].to_list()
        self._by_id = dict(zip(ids, catalogue["title"].to_list(), strict=True))
        self._ids = dict(zip(catalogue["item_key"].to_list(), ids, strict=True))

    def item_id(self, key: int) -> str:
        return str(self._ids[key])

    def title(self, item_id: str) -> str:
        """Its id where there is no name."""
        return _printable(self._by_id.get(item_id) or item_id)


def print_person(
    user: str,
    now: datetime,
    recent: pl.DataFrame,
    response: pb.RecommendResponse,
    titles: Titles,
    console: Console,
) -> None:
    """What the person took last beside what is recommended; long names go on below."""
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"User {_printable(user)}, {now:%d %B %Y}",
        expand=True,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("Last taken", ratio=1)
    table.add_column("When", no_wrap=True)
    table.add_column("#", justify="right", style="dim", no_wrap=True, min_width=3)
    table.add_column("Recommended", ratio=1, style="bold")
    table.add_column("Chance", justify="right", no_wrap=True)
    table.add_column("Found by", max_width=None if console.width >= WIDE else NARROW)
    taken = [
        (titles.title(titles.item_id(key)), f"{time:%d %b}")
        for key, time in recent.select("item_key", "time").iter_rows()
    ]
    offered = [
        (str(place), titles.title(item.item_id), chance(item), sources(item))
        for place, item in enumerate(response.items, 1)
    ]
    for left, right in zip_longest(taken, offered):
        table.add_row(*(left or ("", "")), *(right or ("", "", "", "")))
    if not taken:
        table.caption = "Nothing is known of this person: a cold start."
    console.print(table)


def print_answer(answer: pb.Answer, services: Mapping[str, str], console: Console) -> None:
    """How the answer was made; `services` gives each feature service's fingerprint."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    stages = ", ".join(f"{t.stage} {t.duration_ms:.1f}" for t in answer.timings)
    counts = ", ".join(f"{_source(c.source)} {c.count}" for c in answer.candidate_counts)
    table.add_row("Milliseconds", stages)
    table.add_row("Candidates", counts)
    table.add_row("Bundle", escape(answer.bundle_id))
    listed = "".join(f", service {name} {mark}" for name, mark in services.items())
    table.add_row("Features", f"snapshot {escape(answer.snapshot_version)}{escape(listed)}")
    table.add_row("Oldest feature", age(answer))
    table.add_row("Done less well", degradations(answer))
    console.print(table)


def print_new(response: pb.RecommendResponse, titles: Titles, console: Console) -> None:
    """What the person never took."""
    _print_few("Never taken by this user", response.items, titles, console)


def print_stranger(response: pb.RecommendResponse, titles: Titles, console: Console) -> None:
    """What somebody unknown sees."""
    kind = "a cold start" if response.answer.cold_start else "not marked as a cold start"
    _print_few(f"Somebody unknown sees ({kind})", response.items, titles, console)


def print_similar(
    item_id: str, response: pb.SimilarItemsResponse, titles: Titles, console: Console
) -> None:
    """The nearest items to one."""
    _print_few(f"Nearest to {titles.title(item_id)}", response.items, titles, console)


def chance(item: pb.ScoredItem) -> str:
    return f"{item.score:.1%}" if item.HasField("score") else "unscored"


def sources(item: pb.ScoredItem) -> str:
    return ", ".join(_source(source) for source in item.sources)


def age(answer: pb.Answer) -> str:
    """The oldest feature's age in the largest unit that it fills."""
    if not answer.HasField("oldest_feature_age_s"):
        return "no feature was used"
    seconds = answer.oldest_feature_age_s
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if abs(seconds) >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} seconds"


def degradations(answer: pb.Answer) -> str:
    return "; ".join(degradation(one) for one in answer.degradations) or "nothing"


def _print_few(
    heading: str, items: Sequence[pb.ScoredItem], titles: Titles, console: Console
) -> None:
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True, max_width=console.width - len("  unscored  "))
    table.add_column(justify="right", no_wrap=True)
    for item in items[:FEW]:
        similar = pb.CANDIDATE_SOURCE_SIMILAR in item.sources
        score = f"{item.score:.2f}" if similar else chance(item)
        table.add_row(titles.title(item.item_id), score)
    console.print(f"\n[bold]{heading}[/bold]", highlight=False)
    console.print(table)


def _printable(name: str) -> str:
    return escape(shown(" ".join(name.split()), WIDEST))


def _source(source: pb.CandidateSource) -> str:
    name = pb.CandidateSource.Name(source).removeprefix("CANDIDATE_SOURCE_")
    return name.lower().replace("_", "-")
