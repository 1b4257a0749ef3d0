"""Trains the rankers and their fusion: `python -m training.train_ranker --state FOLDER`.

Reads `models/retriever.ckpt`; writes `models/ranker.ckpt`, each member's learning curves as
`models/<member>_curves.json`, and `models/ranker.json` with what the step took.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape

from serving.stages.fuse import log_odds
from training.alone import alone
from training.atomic import replace_text
from training.candidates import sources_at
from training.data import Prepared, known_users, open_prepared
from training.errors import TrainingError
from training.evaluation.classification import Pairs, best_threshold
from training.known import known_at
from training.learning.calibration import log_loss
from training.learning.checkpoints import (
    Rankers,
    Searches,
    load_searches,
    save_rankers,
)
from training.learning.feature_config import check_same_inputs, described_rows, feature_config
from training.learning.fit import set_threads
from training.learning.fusing import fused
from training.learning.kept_examples import keep, kept
from training.learning.members import teach_all, weights_of
from training.learning.ranker_examples import (
    Examples,
    Sampling,
    examples,
    together,
)
from training.learning.schedule import schedule
from training.learning.side_by_side import processes_of, side_by_side
from training.models.item_to_item import ItemToItem
from training.models.ranker import Ranker
from training.models.ranker_config import RankerConfig
from training.models.retrievers import ITEM_TO_ITEM, TWO_TOWER
from training.models.two_tower import TwoTower
from training.progress_bar import progress_bar
from training.schema import RECENT, Schema, schema
from training.settings import TrainingSettings, read_settings
from training.step import step

RETRIEVERS = "retriever.ckpt"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.train_ranker")
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    console = Console()
    try:
        settings = read_settings(given.state)
        with alone(settings.state, "training.train_ranker", console.print):
            train(settings, console)
    except TrainingError as error:
        console.print(f"[red]train_ranker:[/red] {escape(str(error))}")
        return 1
    return 0


def train(settings: TrainingSettings, console: Console) -> None:
    """Writes the checkpoint and curves.

    Raises:
        TrainingError: the prepared data or the retriever is missing, or they don't fit together.
    """
    set_threads(settings.threads)
    prepared = open_prepared(settings.prepared)
    of = schema(prepared.features, "ranker")
    check_same_inputs(schema(prepared.features, "retriever"), of)
    searches = load_searches(settings.models / RETRIEVERS, feature_config(prepared, of))
    with step(settings.models, "ranker") as figures:
        new = {
            name: fresh(settings, prepared, of, searches, name) for name in settings.member_names
        }
        taught, judged = gathered(settings, prepared, next(iter(new.values())), console)
        console.print(
            f"rankers: {len(taught.item):,} examples, {len(judged.item):,} for validation, of which "
            f"{float(judged.bought.mean()):.2%} were taken"
        )
        figures.update(examples=len(taught.item), validation_examples=len(judged.item))
        members = teach_all(settings, new, taught, judged, progress=console.is_terminal)
        del taught
        for name, member in members.items():
            told = f"{member.curves[-1]['epoch']} epochs, {_told(member.figures)}"
            console.print(f"{name}: {told}")
            text = json.dumps(member.curves, indent=1) + "\n"
            replace_text(settings.models / f"{name}_curves.json", text)
        rankers, whole = fuse(new, {name: member.said for name, member in members.items()}, judged)
        console.print(f"fusion of {', '.join(rankers.members)}: {_told(whole)}")
        figures.update(whole)
        figures["members"] = {
            name: member.figures | ({"actions": member.others} if member.others else {})
            for name, member in members.items()
        }
        save_rankers(settings.models / "ranker.ckpt", rankers)


def fuse(
    members: Mapping[str, Ranker], said: Mapping[str, NDArray[np.float32]], judged: Examples
) -> tuple[Rankers, dict[str, float]]:
    """The members in the order of what each adds, their fusion, and what it is worth on validation."""
    bought = judged.bought.numpy().astype(np.float64)
    fusion = fused(said, bought)
    probability = fusion(said)
    pairs = Pairs(np.zeros(len(bought), dtype=np.int64), probability, bought > 0)
    return Rankers({name: members[name] for name in fusion.members}, fusion), {
        "log_loss_calibrated": log_loss(log_odds(probability), bought),
        "bought_share": float(bought.mean()),
        "threshold": best_threshold(pairs),  # on all pairs; that of policy.json
    }


def _told(figures: Mapping[str, float]) -> str:
    told = f"log loss {figures['log_loss_calibrated']:.4f}"
    if "threshold" in figures:
        return f"{told}; F1 is best from a probability of {figures['threshold']:.3f}"
    return f"{told} (before calibration {figures['log_loss']:.4f})"


def fresh(
    settings: TrainingSettings, prepared: Prepared, of: Schema, searches: Searches, network: str
) -> Ranker:
    """With the early retrievers inside, and else random weights."""
    torch.manual_seed(settings.seed)
    features = feature_config(prepared, of)
    tower, together = searches.early[TWO_TOWER], searches.early[ITEM_TO_ITEM]
    assert isinstance(tower, TwoTower)
    assert isinstance(together, ItemToItem)
    ranker = Ranker(
        RankerConfig(
            features,
            tower.config,
            together.config,
            network,
            dropout=settings.ranker_dropout,
            cross_layers=settings.ranker_cross_layers,
            length=of[RECENT].length,
            embedding_dropout=settings.embedding_dropout,
            trees=settings.trees,
            actions=() if network == "trees" else prepared.actions,
        )
    )
    ranker.tower.load_state_dict(tower.state_dict())
    if settings.ranker_item_to_item:
        ranker.item_to_item.load_state_dict(together.state_dict())
    if ranker.history is not None:
        cutoff = schedule(prepared.cutoffs, settings.ranker_cutoffs, prepared.horizon).validation
        ranker.history.described.copy_(described_rows(prepared, of, cutoff))
    return ranker.eval()


def gathered(
    settings: TrainingSettings,
    prepared: Prepared,
    ranker: Ranker,
    console: Console,
) -> tuple[Examples, Examples]:
    """Of the training cut-offs, by the early retrievers' candidates; of validation, by the served ones'."""
    plan = schedule(prepared.cutoffs, settings.ranker_cutoffs, prepared.horizon)
    thinned = Sampling(settings.ranker_negative_share, settings.unknown_share, settings.seed)
    wanted = [(cutoff, False, thinned) for cutoff in plan.ranker]
    wanted.append((plan.validation, True, Sampling()))
    processes = processes_of(settings.threads, len(prepared.item_keys))
    with (
        TemporaryDirectory(dir=settings.models) as folder,
        progress_bar(console, "Candidates and crosses", len(wanted)) as advance,
    ):
        shared = Path(folder)
        torch.save(ranker.state_dict(), weights_of(shared, ranker.config.network))
        given = [(settings, ranker.config, shared, *one) for one in wanted]
        found = [kept(path) for path in side_by_side(keep_examples, given, processes, advance)]
        return together(found[:-1]), found[-1]


def keep_examples(
    settings: TrainingSettings,
    config: RankerConfig,
    shared: Path,
    cutoff: datetime,
    served: bool,  # noqa: FBT001 (the last retrievers propose, not the early ones)
    sampling: Sampling,
) -> Path:
    """Writes those of a cut-off into the folder."""
    prepared = open_prepared(settings.prepared)
    of = schema(prepared.features, "ranker")
    searches = load_searches(settings.models / RETRIEVERS, config.features)
    ranker = Ranker(config).eval()
    ranker.load_state_dict(torch.load(weights_of(shared, config.network), weights_only=True))
    known = known_at(prepared, of, cutoff, known_users(prepared, cutoff))
    retrievers = searches.served if served else searches.early
    sources = sources_at(prepared, of, retrievers, searches.quotas, cutoff, settings.retrieved)
    path = shared / f"{cutoff:%Y-%m-%d}.pt"
    keep(path, examples(known, sources, ranker, sampling))
    return path


if __name__ == "__main__":
    sys.exit(main())
