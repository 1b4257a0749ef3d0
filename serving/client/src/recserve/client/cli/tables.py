"""Answers as a person reads them."""

from collections import Counter

from recserve.client.cli.texts import shown
from recserve.client.enums import QueryMatch
from recserve.client.results import Answer, Page, ScoredItem, Slate, Status
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_slate(slate: Slate) -> None:
    console = _console()
    if slate.items:
        console.print(_items(slate.items))
    else:
        console.print("No items.")
    for note in notes(slate):
        console.print(shown(note), soft_wrap=True)


def print_status(status: Status) -> None:
    rows = {
        "project": status.project,
        "bundle": status.bundle_id,
        "snapshot": status.snapshot_version,
        "items": str(status.item_count),
        "offers": str(status.offer_count),
        "surfaces": ", ".join(status.surfaces),
        "ids": status.id_kind,
        "filter fields": ", ".join(f"{f.name} ({f.kind})" for f in status.filter_fields),
        "models": ", ".join(status.models),
        "horizon": f"{status.horizon_days} days",
        "search index": status.index_version or "none",
        "vectors": status.vectors_version or "none",
        "server time": status.server_time.isoformat() if status.server_time else "",
    }
    table = Table(show_header=False, box=None)
    for name, value in rows.items():
        table.add_row(name, _cell(value))
    _console().print(table)


def notes(slate: Slate) -> list[str]:
    """What a reader of the table should know beside it."""
    answer = slate.answer
    lines = [f"degraded: {one}" for one in answer.degradations]
    if answer.cold_start:
        lines.append("cold start: the person is unknown, anonymous or without --personalize")
    if answer.removed:
        lines.append(
            "removed: " + ", ".join(f"{r.count} {_words(r.reason)}" for r in answer.removed)
        )
    if slate.unknown_item_ids:
        lines.append("not in the catalogue: " + ", ".join(slate.unknown_item_ids))
    return [*lines, _origin(answer)]


def page_notes(page: Page) -> list[str]:
    """How the query was understood, what was counted, and where it goes on."""
    lines = [] if page.total_size is None else [f"{page.total_size} items have the words"]
    if page.match is QueryMatch.SOME:
        lines.append("no item has every word: these have some of them")
    elif page.match is QueryMatch.MEANING:
        lines.append("no item has a word of it: these are near in meaning")
    elif page.match is QueryMatch.NONE:
        lines.append("nothing fits: these are popular")
    lines += [f"{one.written} was taken for {one.taken}" for one in page.corrections]
    if page.unknown_words:
        lines.append("no item has: " + ", ".join(page.unknown_words))
    lines += [
        f"{facet.field}: " + ", ".join(f"{one.value} ({one.count})" for one in facet.values)
        for facet in page.facets
    ]
    return [*lines, *([f"next page: {page.next_page_token}"] if page.next_page_token else [])]


def _origin(answer: Answer) -> str:
    parts = [f"bundle {answer.bundle_id}", f"snapshot {answer.snapshot_version}"]
    if answer.oldest_feature_age_s is not None:
        parts.append(f"oldest feature {answer.oldest_feature_age_s / 3600:.1f} h")
    taken = Counter[str]()
    for timing in answer.timings:
        taken[timing.stage] += timing.duration_ms  # type: ignore[assignment]
    parts += [f"{stage} {milliseconds:.1f} ms" for stage, milliseconds in taken.items()]
    return ", ".join([*parts, f"request {answer.request_id}"])


def _items(items: tuple[ScoredItem, ...]) -> Table:
    """Columns that would be empty are left out."""
    offers = any(item.target_item_ids for item in items)
    explained = any(item.explanation for item in items)
    table = Table(box=None, pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("item", overflow="fold")
    table.add_column("score", justify="right")
    table.add_column("sources", overflow="fold")
    if offers:
        table.add_column("for", overflow="fold")
    if explained:
        table.add_column("why (log-odds)", overflow="fold")
    for place, item in enumerate(items, 1):
        cells = [str(place), item.item_id, _score(item.score), _words(", ".join(item.sources))]
        cells += [", ".join(item.target_item_ids)] if offers else []
        cells += [_why(item)] if explained else []
        table.add_row(*map(_cell, cells))
    return table


def _why(item: ScoredItem) -> str:
    parts = item.explanation.contributions if item.explanation else ()
    return ", ".join(f"{part.view} {part.log_odds:+.2f}" for part in parts)


def _score(score: float | None) -> str:
    return "" if score is None else f"{score:.4f}"


def _words(text: str) -> str:
    return text.replace("_", " ")


def _cell(text: str) -> Text:
    """Not read as rich's markup."""
    return Text(shown(text))


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)
