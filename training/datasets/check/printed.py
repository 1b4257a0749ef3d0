"""A report for people: what can be in a cell must not be able to break the table or hide in it."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from training.datasets.check.findings import Example, Finding, Report
from training.datasets.check.shown import WIDEST_NAME, shown
from training.datasets.check.whole import QUARANTINE, REPORT

STYLES = {"repaired": "green", "quarantined": "yellow", "refused": "bold red", "noted": "dim"}
ORDER = ("refused", "quarantined", "repaired", "noted")


def print_report(report: Report, kept: Path, console: Console) -> None:
    """All findings, the worst first, then the rows of each table and where the rest lies."""
    if report.findings:
        table = Table(title=_plain(f"Data check of {report.name}"), title_justify="left")
        for heading in ("table", "column", "rule"):
            table.add_column(heading, overflow="fold")
        table.add_column("rows", justify="right")
        table.add_column("examples (row: value)", overflow="fold")
        table.add_column("done", no_wrap=True)
        for finding in sorted(report.findings, key=lambda one: ORDER.index(one.done)):
            table.add_row(*_row(finding))
        console.print(table)
    for counted in report.tables:
        console.print(
            f"{counted.table}: {counted.read:,} rows read, {counted.accepted:,} accepted, "
            f"{counted.repeated:,} repeated, {counted.quarantined:,} quarantined",
            highlight=False,
        )
    _print_facts(report, console)
    if report.quarantined:
        console.print(
            Text(f"Quarantined rows, with their reasons: {kept / QUARANTINE}"), soft_wrap=True
        )
    console.print(Text(f"All of it for programs: {kept / REPORT}"), soft_wrap=True)
    count = len(report.refusals)
    told = f"Refused for {count} reason{'s'[: count != 1]}; see the table." if count else "Usable."
    console.print(Text(told, style="bold red" if count else "bold green"))


def _row(finding: Finding) -> tuple[Text, ...]:
    return (
        _plain(finding.table),
        _plain(shown(finding.column, WIDEST_NAME)),
        _plain(shown(finding.rule, 1000)),
        _plain(f"{finding.rows:,}" if finding.rows else ""),
        _plain("\n".join(_example(one) for one in finding.examples)),
        Text(finding.done, style=STYLES[finding.done]),
    )


def _example(example: Example) -> str:
    if example.value is None:
        return f"{example.row}: nothing"
    return f"{example.row}: {shown(example.value) or '(empty)'}"


def _plain(text: str) -> Text:
    """Not read as markup, whatever it holds."""
    return Text(text)


def _print_facts(report: Report, console: Console) -> None:
    facts = report.facts
    if facts:
        console.print(
            f"Taken: {facts['events_taken']:,} by {facts['users']:,} users, {facts['first_event'][:10]} to "
            f"{facts['last_event'][:10]}; now is {facts['now'][:10]}, the horizon {facts['horizon_days']} "
            f"days, the catalogue {facts['catalogue_items']:,} of {facts['items']:,} items",
            highlight=False,
        )
