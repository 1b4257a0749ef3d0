"""Answers in the form that was asked for."""

import json
from typing import Any

import click
from recserve.client.cli.tables import notes, page_notes, print_slate, print_status
from recserve.client.cli.texts import shown
from recserve.client.results import Page, Slate, Status


def show_slate(slate: Slate, output: str) -> None:
    if output == "table":
        print_slate(slate)
    elif output == "json":
        whole(slate.to_dict(), output)
    else:
        _lines(slate)


def show_page(page: Page, output: str) -> None:
    if output == "json":
        whole(page.to_dict(), output)
        return
    show_slate(page.slate, output)
    for note in page_notes(page):
        click.echo(shown(note), err=output != "table")


def show_status(status: Status, output: str) -> None:
    if output == "table":
        print_status(status)
    else:
        whole(status.to_dict(), output)


def whole(value: dict[str, Any], output: str) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2 if output == "json" else None))


def _lines(slate: Slate) -> None:
    """Each item beside what an event about it needs; what concerns all goes to standard error."""
    token = slate.answer.request_token
    for slot, item in enumerate(slate.to_dict()["items"]):
        whole(item | {"slot": slot, "request_token": token}, "jsonl")
    for note in notes(slate):
        click.echo(shown(note), err=True)
