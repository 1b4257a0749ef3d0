"""Settings of the ingest worker: environment variables RECSERVE_INGEST_*."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.features.redis_keys import PARTITIONS

PREFIX = "RECSERVE_INGEST_"
SECRET = ("redis_url",)


def _shard(text: str) -> str:
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal()):
        raise ValueError("must be like 0/2: the first of two workers")
    if not int(index) < int(count) <= PARTITIONS:
        raise ValueError(f"must be one of at most {PARTITIONS} workers, counted from 0")
    return text


class IngestSettings(BaseSettings):
    """docs/settings.md explains each."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    bundle: Path
    snapshot: Path
    redis_url: str
    event_log: Path
    shard: Annotated[str, AfterValidator(_shard)] = "0/1"
    clock_file: Path | None = None
    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    http_port: int = Field(default=9465, ge=1, le=65_535)
    log_interval_s: float = Field(default=30, ge=0.1, le=3_600)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @property
    def partitions(self) -> tuple[int, ...]:
        """Those that this worker takes care of."""
        index, count = map(int, self.shard.split("/"))
        return tuple(range(index, PARTITIONS, count))

    @property
    def label(self) -> str:
        """Of this worker's files."""
        return self.shard.replace("/", "-of-")
