"""Settings of the offline jobs: environment variables RECSERVE_TRAINING_*, read once.

What the profile decides is a default; a setting given by name wins.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.search.analysis import LANGUAGES
from training.errors import SettingsError
from training.feast_registry import checked

PREFIX = "RECSERVE_TRAINING_"
PINNED = re.compile(r"[0-9a-f]{16}|current")
TABLES = {
    "members": ("mlp", "cnn", "rnn", "transformer", "trees"),
    "retrievers": ("two_tower", "item_to_item", "sasrec", "gru4rec"),
}
NEEDED: Mapping[str, tuple[str, ...]] = {
    "members": (),
    "retrievers": ("two_tower", "item_to_item"),
}
QUICK = {
    "retriever_epochs": 4,
    "retriever_cutoffs": 5,
    "retriever_batch": 64,
    "ranker_epochs": 5,
    "ranker_cutoffs": 2,
    "ranker_batch": 8,
    "ranker_learning_rate": 1e-3,
    "trees": 100,
}


NEUTRAL = {
    "state",
    "threads",
    "search_language",
    "search_graph",
    "feast_registry",
    "pinned_bundles",
    "event_log",
    "now",
    "clock_file",
}  # settings that decide nothing about models


class TrainingSettings(BaseSettings):
    """Every value is in docs/settings.md."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True
    )

    state: Path = Path("build/full")
    profile: Literal["full", "quick"] = "full"
    seed: int = Field(default=7, ge=0, lt=2**32)
    threads: int = Field(default=0, ge=0, le=256)  # 0: as many as the machine has cores
    feast_registry: str | None = None  # of a database; None: a file of the state folder
    pinned_bundles: str = ""  # which exports leave in the folder, with commas between
    event_log: Path | None = None  # of what was recorded; None: `events` of the state folder
    now: str = ""  # of a preparation, or `clock`; empty: the data set's own
    clock_file: Path | None = None

    retrievers: str = "two_tower,item_to_item"
    item_to_item_rank: int = Field(default=96, ge=1, le=4096)
    retriever_epochs: int = Field(default=5, ge=1, le=1000)
    retriever_cutoffs: int = Field(default=14, ge=2, le=1000)  # the latest; each phase uses them
    retriever_batch: int = Field(default=256, ge=1, le=65_536)
    retriever_negatives: int = Field(default=4096, ge=1, le=1_000_000)
    retriever_learning_rate: float = Field(default=3e-3, gt=0, lt=1)
    retriever_weight_decay: float = Field(default=1e-2, ge=0, lt=1)
    retriever_dropout: float = Field(default=0.2, ge=0, lt=1)
    retriever_patience: int = Field(default=2, ge=1, le=1000)
    dimension: int = Field(default=64, ge=4, le=1024)
    retrieved: int = Field(default=384, ge=1, le=4096)  # K of the two-tower graph

    members: str = "trees,transformer,mlp"  # of the fusion, the longest to teach first
    ranker_epochs: int = Field(default=2, ge=1, le=1000)
    ranker_cutoffs: int = Field(default=5, ge=1, le=1000)  # the latest before validation
    ranker_batch: int = Field(default=64, ge=1, le=65_536)  # users, each with its candidates
    ranker_negative_share: float = Field(default=0.15, gt=0, le=1)
    ranker_learning_rate: float = Field(default=2e-3, gt=0, lt=1)
    ranker_weight_decay: float = Field(default=1e-2, ge=0, lt=1)
    ranker_dropout: float = Field(default=0.1, ge=0, lt=1)
    ranker_cross_layers: int = Field(default=2, ge=0, le=8)
    ranker_patience: int = Field(default=2, ge=1, le=1000)
    trees: int = Field(default=400, ge=1, le=10_000)  # of the tree member, at the most
    ranker_item_to_item: bool = True  # whether rankers are told its score
    action_weight: float = Field(default=0.01, ge=0, le=100)  # of other actions beside the target
    ranker_listwise_weight: float = Field(default=0.0, ge=0, le=100)  # of a softmax a user
    embedding_dropout: float = Field(default=0.2, ge=0, lt=1)  # of items' identities in a history

    search_language: str = "en"  # of the items' texts, as a BCP 47 tag; "und" for several

    search_graph: bool = False  # of neighbours among the texts' vectors, for an approximate search
    unknown_share: float = Field(default=0.03, ge=0, le=0.5)  # users and ids blanked in training

    @field_validator("search_language")
    @classmethod
    def _that_is_analysed(cls, given: str) -> str:
        if given not in LANGUAGES:
            raise ValueError(f"name one of {', '.join(LANGUAGES)}")
        return given

    @field_validator("feast_registry")
    @classmethod
    def _without_a_password(cls, given: str | None) -> str | None:
        return checked(given) if given else None

    @field_validator("pinned_bundles")
    @classmethod
    def _ids(cls, given: str) -> str:
        names = [name.strip() for name in given.split(",") if name.strip()]
        if not all(PINNED.fullmatch(name) for name in names):
            raise ValueError("name ids of bundles, 16 hexadecimal digits each, or `current`")
        return ",".join(names)

    @field_validator("members", "retrievers")
    @classmethod
    def _of_the_table(cls, given: str, info: ValidationInfo) -> str:
        table = TABLES[str(info.field_name)]
        names = [name.strip() for name in given.split(",")]
        strange = [name for name in names if name not in table]
        if strange or len(set(names)) < len(names):
            raise ValueError(f"name some of {', '.join(table)}, each once, with commas between")
        if lacking := [name for name in NEEDED[str(info.field_name)] if name not in names]:
            raise ValueError(f"{' and '.join(lacking)} can't be left out: rankers read them")
        return ",".join(names)

    @property
    def member_names(self) -> list[str]:
        return self.members.split(",")

    @property
    def retriever_names(self) -> list[str]:
        return self.retrievers.split(",")

    @property
    def pinned(self) -> list[str]:
        return [name for name in self.pinned_bundles.split(",") if name]

    @property
    def events(self) -> Path:
        return self.event_log or self.state / "events"

    @property
    def prepared(self) -> Path:
        return self.state / "prepared"

    @property
    def models(self) -> Path:
        return self.state / "models"

    @property
    def bundles(self) -> Path:
        return self.state / "bundles"


def read_settings(
    state: Path | None = None, environment: Mapping[str, str] | None = None
) -> TrainingSettings:
    """Reads the environment; `state` given on the command line wins.

    Raises:
        SettingsError: names every unknown setting and every value out of range.
    """
    environment = os.environ if environment is None else environment
    given = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in environment.items()
        if name.startswith(PREFIX)
    }
    unknown = sorted(set(given) - set(TrainingSettings.model_fields))
    problems = [f"{PREFIX}{name.upper()} is no setting" for name in unknown]
    known: dict[str, object] = {name: v for name, v in given.items() if name not in unknown}
    if state is not None:
        known["state"] = state
    if known.get("profile") == "quick":
        known = QUICK | known
    try:
        settings = TrainingSettings.model_validate(known)
    except ValidationError as error:
        problems += [
            f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}{_got(str(e['loc'][0]), e['input'])}"
            for e in error.errors()
        ]
        raise SettingsError("; ".join(problems)) from error
    if problems:
        raise SettingsError(f"{'; '.join(problems)}; known are {_names()}")
    return settings


def told_settings(settings: TrainingSettings) -> str:
    """Those that decide what is trained, as JSON."""
    return settings.model_dump_json(exclude=NEUTRAL, indent=1) + "\n"


def _got(name: str, value: object) -> str:
    """A registry's address that is refused may hold a password."""
    return "" if name == "feast_registry" else f", got {value!r}"


def _names() -> str:
    return ", ".join(f"{PREFIX}{name.upper()}" for name in TrainingSettings.model_fields)
