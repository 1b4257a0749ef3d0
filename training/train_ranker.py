"""Trains the rankers and their fusion: `python -m training.train_ranker --state FOLDER`.

Reads `models/retriever.ckpt`; writes `models/ranker.ckpt`, each member's learning curves as
`models/<member>_curves.json`, and `models/ranker.json` with what the step took.

Several machines that share the folder take it in parts: `--part examples`, then `--part member --index N` for
each member, as many at a time as there are machines, then `--part fusion`. What passes between them stands in
`models/members`; the result is the same, but that `ranker.json` tells what the last part took.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape

from serving.artefacts import digest
from serving.stages.fuse import log_odds
from training.alone import alone
from training.atomic import replace_text
from training.candidates import sources_at
from training.data import Prepared, known_users, open_prepared
from training.errors import CheckpointError, SettingsError, TrainingError
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
from training.learning.members import (
    JUDGED,
    TAUGHT,
    lay_out,
    taught_member,
    teach_all,
    teach_one,
)
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
from training.settings import TrainingSettings, read_settings, told_settings
from training.step import step

RETRIEVERS = "retriever.ckpt"
ASKED = "asked.txt"
AGAIN = "run training.train_ranker --part examples, then all members"
WEIGHTS = "ranker.pt"  # of the ranker whose early retrievers propose


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.train_ranker")
    parser.add_argument("--state", type=Path)
    parser.add_argument("--part", choices=("examples", "member", "fusion"), help="default: all")
    parser.add_argument("--index", type=int, help="of the member, from 0")
    given = parser.parse_args(arguments)
    if (given.part == "member") != (given.index is not None):
        parser.error("--part member and --index are given together")
    console = Console()
    try:
        settings = read_settings(given.state)
        several = given.part == "member"  # each writes a file of its own
        with alone(settings.state, "training.train_ranker", console.print, shared=several):
            if given.part is None:
                train(settings, console)
            else:
                train_part(settings, given.part, given.index, console)
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
    with (
        step(settings.models, "ranker") as figures,
        TemporaryDirectory(dir=settings.models) as folder,
    ):
        shared = Path(folder)
        begun(settings, shared, console)
        teach_all(settings, shared, progress=console.is_terminal)
        figures.update(concluded(settings, shared, console))


def train_part(settings: TrainingSettings, part: str, index: int | None, console: Console) -> None:
    """As `train`, a part at a time.

    Raises:
        TrainingError: as `train`, or what the part before it leaves is missing.
    """
    set_threads(settings.threads)
    shared = settings.models / "members"
    asked = asked_of(settings)
    if part == "examples":
        if shared.exists():  # of an earlier training
            shutil.rmtree(shared)
        shared.mkdir(parents=True)
        (shared / ASKED).write_text(asked)
        begun(settings, shared, console)
    elif not (shared / JUDGED).is_file():
        raise CheckpointError(f"{shared} is not whole; {AGAIN}")
    elif (shared / ASKED).read_text() != asked:
        raise CheckpointError(f"{shared} is of other settings, data or retrievers; {AGAIN}")
    elif part == "member":
        names = settings.member_names
        if index is None or index not in range(len(names)):
            raise SettingsError(f"there is no member {index}; there are {len(names)}, from 0")
        teach_one(settings, shared, names[index], progress=console.is_terminal)
    else:
        with step(settings.models, "ranker") as figures:
            figures.update(concluded(settings, shared, console))


def asked_of(settings: TrainingSettings) -> str:
    """What the parts must agree on: settings, data and retrievers."""
    made = (settings.prepared / "features.yaml", settings.models / RETRIEVERS)
    return told_settings(settings) + "".join(f"{digest(p)}\n" for p in made if p.is_file())


def begun(settings: TrainingSettings, shared: Path, console: Console) -> None:
    """Lays the examples and the members out in the folder."""
    prepared = open_prepared(settings.prepared)
    of = schema(prepared.features, "ranker")
    check_same_inputs(schema(prepared.features, "retriever"), of)
    searches = load_searches(settings.models / RETRIEVERS, feature_config(prepared, of))
    new = {name: fresh(settings, prepared, of, searches, name) for name in settings.member_names}
    taught, judged = gathered(settings, prepared, next(iter(new.values())), console)
    console.print(
        f"rankers: {len(taught.item):,} examples, {len(judged.item):,} for validation, of which "
        f"{float(judged.bought.mean()):.2%} were taken"
    )
    lay_out(shared, new, taught, judged)


def concluded(settings: TrainingSettings, shared: Path, console: Console) -> dict[str, object]:
    """Writes the checkpoint and curves of the members that were taught in the folder; gives the figures."""
    taught, judged = kept(shared / TAUGHT), kept(shared / JUDGED)
    both = {name: taught_member(shared, name) for name in settings.member_names}
    members = {name: member for name, (_, member) in both.items()}
    for name, member in members.items():
        told = f"{member.curves[-1]['epoch']} epochs, {_told(member.figures)}"
        console.print(f"{name}: {told}")
        text = json.dumps(member.curves, indent=1) + "\n"
        replace_text(settings.models / f"{name}_curves.json", text)
    said = {name: member.said for name, member in members.items()}
    rankers, whole = fuse({name: ranker for name, (ranker, _) in both.items()}, said, judged)
    console.print(f"fusion of {', '.join(rankers.members)}: {_told(whole)}")
    save_rankers(settings.models / "ranker.ckpt", rankers)
    return {
        "examples": len(taught.item),
        "validation_examples": len(judged.item),
        **whole,
        "members": {
            name: member.figures | ({"actions": member.others} if member.others else {})
            for name, member in members.items()
        },
    }


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
        torch.save(ranker.state_dict(), shared / WEIGHTS)
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
    ranker.load_state_dict(torch.load(shared / WEIGHTS, weights_only=True))
    known = known_at(prepared, of, cutoff, known_users(prepared, cutoff))
    retrievers = searches.served if served else searches.early
    sources = sources_at(prepared, of, retrievers, searches.quotas, cutoff, settings.retrieved)
    path = shared / f"{cutoff:%Y-%m-%d}.pt"
    keep(path, examples(known, sources, ranker, sampling))
    return path


if __name__ == "__main__":
    sys.exit(main())
