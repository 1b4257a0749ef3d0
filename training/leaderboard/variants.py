"""Our system with one thing changed: what a step of `steps.py` costs and gives.

A step that only leaves out members trains nothing: the fusion has weights for every subset. One that
changes settings trains its rankers in `<state>/leaderboard-models/<cut-off>/<seed>/steps/<step>`, over the
same retrievers unless the change is theirs too.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from training import train_ranker, train_retriever
from training.atomic import replace_text
from training.leaderboard.answers import Answers
from training.leaderboard.ours import of_members
from training.leaderboard.question import Question
from training.leaderboard.systems import (
    System,
    kept_settings,
    opened,
    system,
    train_unless_done,
)
from training.schema import RECENT, RECENT_S
from training.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Variant:
    """`members` of our system, with what else is given changed."""

    members: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)  # by name, of TrainingSettings
    history: int | None = None  # latest purchases that are read
    without: tuple[str, ...] = ()  # feature views that nothing is told of

    def answer(self, question: Question, seed: int, name: str) -> Answers:
        return self.answered(system(question, seed), question, name)

    def answered(self, base: System, question: Question, name: str) -> Answers:
        return of_members(self.system(base, name), question, self.members)

    def system(self, base: System, name: str) -> System:
        """The changed system, trained if it has to be."""
        changed = self.settings or self.history is not None or self.without
        return self._trained(base.settings, name) if changed else base

    @property
    def changes_retrievers(self) -> bool:
        """Retrievers are told what rankers are."""
        return bool(self.without) or "retrievers" in self.settings

    def _trained(self, base: TrainingSettings, name: str) -> System:
        folder = base.state / "steps" / name
        changed = {**self.settings, "members": ",".join(self.members), "state": folder}
        settings = TrainingSettings.model_validate(base.model_dump() | changed)
        if not self.changes_retrievers:
            _link(base.models, settings.models, ("retriever.ckpt", "retriever.json"))
        _link(base.prepared, settings.prepared, _shared(base.prepared))
        features = yaml.safe_load((base.prepared / "features.yaml").read_text())
        if self.history is not None:
            features = shortened(features, self.history)
        features = lacking(features, self.without)
        described = settings.prepared / "features.yaml"
        text = yaml.safe_dump(features, sort_keys=False)
        if not described.is_file() or described.read_text() != text:
            replace_text(described, text)
        inputs = [described, kept_settings(settings)]
        if self.changes_retrievers:
            train_unless_done(settings, train_retriever.train, inputs)
        inputs.append(settings.models / "retriever.ckpt")
        train_unless_done(settings, train_ranker.train, inputs)
        return opened(settings)


def shortened(features: dict[str, Any], history: int) -> dict[str, Any]:
    """The description of a prepared folder whose lists of latest purchases are read so far alone."""
    views = {
        name: view
        | {
            "fields": [
                f | {"max_length": history} if f["name"] in (RECENT, RECENT_S) else f
                for f in view["fields"]
            ]
        }
        for name, view in features["views"].items()
    }
    return features | {"views": views}


def lacking(features: dict[str, Any], views: Collection[str]) -> dict[str, Any]:
    """The description with these views read by no model."""
    services = {
        service: {view: names for view, names in read.items() if view not in views}
        for service, read in features["services"].items()
    }
    return features | {"services": services}


def _link(of: Path, to: Path, names: Sequence[str]) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (to / name).is_symlink():
            (to / name).symlink_to((of / name).resolve())


def _shared(prepared: Path) -> list[str]:
    return [path.name for path in sorted(prepared.iterdir()) if path.name != "features.yaml"]
