"""What a state folder has to serve: its current bundle, snapshot, search index and so on, its own "now"."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

from serving.errors import ArtefactError

CURRENT = "current"


@dataclass(frozen=True, slots=True)
class Deployed:
    """Folders with their links followed, and the data's own "now"."""

    bundle: Path
    snapshot: Path
    search: Path
    encoder: Path
    vectors: Path
    now: datetime

    @property
    def repositories(self) -> tuple[Path, Path]:
        """What Triton serves: the bundle's models, and the text encoder."""
        return self.bundle / "models", self.encoder / "models"

    @property
    def snapshots(self) -> Path:
        """The folder in which the link to the snapshot lies."""
        return self.snapshot.parent


def deployed(state: Path) -> Deployed:
    """What the links of the state folder lead to.

    Raises:
        ArtefactError: it has not been made yet.
    """
    return Deployed(
        current(state / "bundles"),
        current(state / "snapshots"),
        current(state / "search"),
        current(state / "encoders"),
        current(state / "vectors"),
        now_of(state / "prepared"),
    )


def current(folder: Path) -> Path:
    link = folder / CURRENT
    if not link.is_dir():
        raise ArtefactError(f"{link} is not there yet; make start makes it")
    return link.resolve()


def now_of(prepared: Path) -> datetime:
    """`now` of features.yaml."""
    path = prepared / "features.yaml"
    if not path.is_file():
        raise ArtefactError(f"{path} is not there yet; make start makes it")
    now = datetime.fromisoformat(str(yaml.safe_load(path.read_text())["now"]))
    return now if now.tzinfo else now.replace(tzinfo=UTC)


def clock_file(run: Path) -> Path:
    return run / "clock.json"


def write_clock(path: Path, now: datetime) -> None:
    """Sets the system's clock: it shows `now` at this moment and runs on from there."""
    clock = {"now": _text(now), "offset_s": now.timestamp() - time.time()}
    new = path.with_suffix(".new")
    new.write_text(json.dumps(clock) + "\n")
    new.replace(path)


def clock_starts_at(path: Path, now: datetime) -> bool:
    """Whether the clock was set to `now`, at whatever moment."""
    try:
        told = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):  # cut short, it is no clock
        return False
    return isinstance(told, dict) and told.get("now") == _text(now)


def _text(now: datetime) -> str:
    return now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
