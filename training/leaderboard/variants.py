"""Our system with one thing changed, over the same retrievers: what a step of `steps.py` costs and gives.

A step that only leaves out members trains nothing: the fusion has weights for every subset. One that
changes settings trains its rankers in `<state>/leaderboard-models/<cut-off>/<seed>/steps/<step>`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from training import train_ranker
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
    """`members` of our system, with other settings or a shorter history if given."""

    members: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)  # by name, of TrainingSettings
    history: int | None = None  # latest purchases that are read

    def answer(self, question: Question, seed: int, name: str) -> Answers:
        return self.answered(system(question, seed), question, name)

    def answered(self, base: System, question: Question, name: str) -> Answers:
        return of_members(self.system(base, name), question, self.members)

    def system(self, base: System, name: str) -> System:
        """The changed system, trained if it has to be."""
        changed = self.settings or self.history is not None
        return self._trained(base.settings, name) if changed else base

    def _trained(self, base: TrainingSettings, name: str) -> System:
        folder = base.state / "steps" / name
        changed = {**self.settings, "members": ",".join(self.members), "state": folder}
        settings = TrainingSettings.model_validate(base.model_dump() | changed)
        _link(base.models, settings.models, ("retriever.ckpt", "retriever.json"))
        _link(base.prepared, settings.prepared, _shared(base.prepared))
        features = yaml.safe_load((base.prepared / "features.yaml").read_text())
        if self.history is not None:
            features = shortened(features, self.history)
        described = settings.prepared / "features.yaml"
        text = yaml.safe_dump(features, sort_keys=False)
        if not described.is_file() or described.read_text() != text:
            replace_text(described, text)
        inputs = [settings.models / "retriever.ckpt", described, kept_settings(settings)]
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


def _link(of: Path, to: Path, names: Sequence[str]) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (to / name).is_symlink():
            (to / name).symlink_to((of / name).resolve())


def _shared(prepared: Path) -> list[str]:
    return [path.name for path in sorted(prepared.iterdir()) if path.name != "features.yaml"]
