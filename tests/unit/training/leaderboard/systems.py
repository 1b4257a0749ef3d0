"""Our system trained on the small shop in seconds: few epochs, two members."""

from datetime import datetime
from pathlib import Path

from training.settings import TrainingSettings

MEMBERS = ("mlp", "transformer")


def small(state: Path, **changed: object) -> TrainingSettings:
    given: dict[str, object] = {
        "state": state,
        "members": ",".join(MEMBERS),
        "retriever_epochs": 1,
        "ranker_epochs": 1,
        "ranker_batch": 8,
        "ranker_negative_share": 0.5,
        "dimension": 8,
        "item_to_item_rank": 4,
        "retrieved": 24,
    }
    return TrainingSettings.model_validate(given | changed)


def folder_of(state: Path, cutoff: datetime, seed: int) -> Path:
    return state / "leaderboard-models" / f"{cutoff:%Y-%m-%d}" / str(seed)
