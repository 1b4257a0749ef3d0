"""Shows what the running gateway recommends: `python -m training.demo --state FOLDER --endpoint HOST:PORT`.

Without --user, a user with a lively history is taken, always the same one.
"""

import argparse
import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import polars as pl
from recserve.v1 import recommendation_service_pb2 as pb
from rich.console import Console
from rich.markup import escape

from serving.bundle import open_bundle
from serving.errors import RecserveError
from training.data import open_prepared
from training.datasets.errors import DataSetError
from training.errors import TrainingError
from training.evaluation import demo_tables as tables
from training.evaluation.gateway_client import DEADLINE_S, gateway, surface_of_items
from training.evaluation.held_out import histories, read_purchases

ITEMS = 10
LARGEST_ID = 2**63 - 1
LIVELY = timedelta(days=28)
RANK = 0.1  # the demo's user is livelier than nine in ten
CONSENT = pb.Consent(personalization=True)


@dataclass(frozen=True, slots=True)
class Asked:
    """On which surface, and for whom."""

    surface: pb.Surface
    user: str
    stranger: str

    def request(self, user: str, size: int, *, new: bool = False) -> pb.RecommendRequest:
        return pb.RecommendRequest(
            user_id=user,
            surface=self.surface,
            page_size=size,
            exclude_purchased=new,
            consent=CONSENT,
        )


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything that the demo asks for."""

    person: pb.RecommendResponse
    new: pb.RecommendResponse  # without what the person took before
    stranger: pb.RecommendResponse
    similar_to: str  # item id
    similar: pb.SimilarItemsResponse


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.demo")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--endpoint", required=True, help="host:port of the gateway")
    parser.add_argument("--user", help="a user id; default: a user with a lively history")
    given = parser.parse_args()
    console = Console()
    try:
        show(given.state, given.endpoint, given.user, console)
    except (TrainingError, DataSetError, RecserveError) as error:
        console.print(f"[red]demo:[/red] {escape(str(error))}")
        return 1
    return 0


def show(state: Path, endpoint: str, user: str | None, console: Console) -> None:
    """Asks and prints.

    Raises:
        GatewayError: the gateway isn't running or refuses the request.
        TrainingError, DataSetError, RecserveError: the state folder is incomplete.
    """
    prepared = open_prepared(state / "prepared")
    history = histories(read_purchases(state), prepared.now)
    catalogue = pl.read_parquet(prepared.folder / "catalogue.parquet")
    titles = tables.Titles(catalogue)
    user = lively_user(history, prepared.now) if user is None else user
    recent = recent_purchases(history, user)
    surface = surface_of_items(open_bundle(state / "bundles" / "current").policy.surfaces)
    people = Asked(surface, user, stranger(history))
    answers = asyncio.run(_ask(endpoint, people, recent, titles))
    tables.print_person(user, prepared.now, recent, answers.person, titles, console)
    tables.print_answer(
        answers.person.answer, _services(state, answers.person.answer.bundle_id), console
    )
    tables.print_new(answers.new, titles, console)
    tables.print_stranger(answers.stranger, titles, console)
    tables.print_similar(answers.similar_to, answers.similar, titles, console)


def lively_user(history: pl.DataFrame, now: datetime) -> str:
    """The id of a user with more purchases in the last four weeks than nine in ten have."""
    ranked = (
        history.filter(pl.col("time") >= now - LIVELY)
        .group_by("user_id")
        .len()
        .sort("len", "user_id", descending=[True, False])["user_id"]
    )
    if ranked.is_empty():
        ranked = history["user_id"].unique().sort()
    return str(ranked[int(len(ranked) * RANK)])


def recent_purchases(history: pl.DataFrame, user: str) -> pl.DataFrame:
    """`item_key` and `time` of what the user took last, each item once, newest first."""
    return (
        history.filter(pl.col("user_id").cast(pl.String) == user)
        .group_by("item_key")
        .agg(pl.col("time").max())
        .sort("time", "item_key", descending=[True, False])
        .head(ITEMS)
    )


def stranger(history: pl.DataFrame) -> str:
    """An id that nobody in the history has, and that the API takes however long theirs are."""
    ids = set(history["user_id"].to_list())
    if history.schema["user_id"] == pl.String:
        return next(name for n in count(1) if (name := f"stranger-{n}") not in ids)
    beyond = max(ids) + 1
    return str(beyond if beyond <= LARGEST_ID else next(n for n in count() if n not in ids))


async def _ask(
    endpoint: str, people: Asked, recent: pl.DataFrame, titles: tables.Titles
) -> Answers:
    mine = people.request(people.user, ITEMS)
    few = people.request(people.user, tables.FEW, new=True)
    theirs = people.request(people.stranger, tables.FEW)
    async with gateway(endpoint) as service:
        person = await service.Recommend(mine, timeout=DEADLINE_S)
        new = await service.Recommend(few, timeout=DEADLINE_S)
        nobody = await service.Recommend(theirs, timeout=DEADLINE_S)
        keys = recent["item_key"].to_list()
        item_id = titles.item_id(keys[0]) if keys else nobody.items[0].item_id
        request = pb.SimilarItemsRequest(item_id=item_id, page_size=tables.FEW)
        similar = await service.SimilarItems(request, timeout=DEADLINE_S)
    return Answers(person, new, nobody, item_id, similar)


def _services(state: Path, bundle_id: str) -> dict[str, str]:
    """Feature services and fingerprints of the bundle that answered; none if it isn't in the state."""
    path = state / "bundles" / bundle_id / "manifest.json"
    return dict(json.loads(path.read_text())["feature_services"]) if path.is_file() else {}


if __name__ == "__main__":
    sys.exit(main())
