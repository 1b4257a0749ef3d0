"""Writes what items are found by: `python -m training.item_texts --state FOLDER [--redis-url URL] < LINES`.

A line is JSON, `{"item_id": "...", "title": "...", "texts": ["...", ...]}`: an item as it is from now on, by
the state folder's clock. Running gateways find it by these words a few seconds later; its features are pushed
through Feast. The texts of a whole data set are written by `training.materialize`.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.markup import escape

from serving.clock import read_clock
from serving.errors import RecserveError
from serving.features.item_texts import ItemTexts
from serving.features.keys import id_key
from serving.features.store import RowStore
from serving.local.addresses import redis_url
from serving.local.bundles import clock_file
from training.data import open_prepared
from training.errors import PreparedError, TextsError, TrainingError
from training.prepare.contract import open_data_set
from training.search.index import texts_of

FIELDS = {"item_id", "title", "texts"}
AT_ONCE = 1_000  # lines: of those before a bad one, whole parts are written


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.item_texts")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--redis-url", help="default: the state folder's own Redis")
    given = parser.parse_args()
    console = Console()
    try:
        count = describe(given.state.resolve(), given.redis_url, sys.stdin)
    except (RecserveError, TrainingError) as error:
        console.print(f"[red]item texts:[/red] {escape(str(error))}")
        return 1
    console.print(f"{count:,} items are found by these texts from now on", highlight=False)
    return 0


def describe(state: Path, url: str | None, lines: Iterable[str]) -> int:
    """How many lines were written.

    Raises:
        PreparedError: there is no prepared data.
        TextsError: a line can't be read; it is named.
        OutsideError: Redis did not answer.
    """
    described = state / "prepared" / "features.yaml"
    if not described.is_file():
        raise PreparedError(f"{described} is missing; run `python -m training.prepare` first")
    features = yaml.safe_load(described.read_text())
    clock = clock_file(state / "run")
    now_us = read_clock(clock if clock.is_file() else None).now_us()
    count = 0
    with RowStore(url or redis_url(state), features["project"]) as store:
        numbered = enumerate(lines, 1)
        while part := list(islice(numbered, AT_ONCE)):
            read = [_line(number, line, features["id_kind"], now_us) for number, line in part]
            store.write_texts(dict(read))
            count += len(read)
    return count


def data_set_texts(state: Path) -> Mapping[int, ItemTexts]:
    """Of the catalogue, as of the preparation's now; of a state folder without its data set, none.

    Raises:
        PreparedError, DataSetError: the folder is incomplete.
    """
    dataset = state / "dataset"
    if not (dataset / "dataset.yaml").is_file():
        return {}
    prepared = open_prepared(state / "prepared")
    now_us = round(prepared.now.timestamp() * 1_000_000)
    pairs = zip(*texts_of(open_data_set(dataset), prepared), strict=True)
    return {
        key: ItemTexts(now_us, title, tuple(others))
        for key, (title, others) in zip(prepared.item_keys.tolist(), pairs, strict=True)
    }


def _line(number: int, line: str, id_kind: str, now_us: int) -> tuple[int, ItemTexts]:
    try:
        given: Any = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise TextsError(f"line {number} is no JSON: {error}") from error
    if not isinstance(given, dict) or given.keys() != FIELDS:
        raise TextsError(f"line {number} has not exactly the fields {', '.join(sorted(FIELDS))}")
    key = id_key(str(given["item_id"]), id_kind)
    if key is None:
        raise TextsError(f"line {number}: item_id {given['item_id']!r} is no {id_kind}")
    title, texts = given["title"], given["texts"]
    if not isinstance(title, str) or not isinstance(texts, list):
        raise TextsError(f"line {number}: title is to be a text, texts a list of texts")
    if not all(isinstance(text, str) for text in texts):
        raise TextsError(f"line {number}: what is in texts is to be text")
    return key, ItemTexts(now_us, title, tuple(texts))


if __name__ == "__main__":
    sys.exit(main())
