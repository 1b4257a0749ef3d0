"""Settings of the gateway: environment variables RECSERVE_GATEWAY_*, read once into a frozen object."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from serving.environment import read
from serving.errors import SettingsError
from serving.redis_url import redis_address

PREFIX = "RECSERVE_GATEWAY_"
SHORTEST_KEY = 16  # bytes
TLS = ("tls_certificate_file", "tls_key_file", "tls_client_ca_file")
MEANING = ("search_encoder", "search_vectors")
SECRET = ("redis_url",)  # may hold a password: never shown in a message


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise ValueError(f"{path} is no folder; `make start` makes it")
    return path


def _file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"{path} is no file")
    return path


def _key_file(path: Path) -> Path:
    size = len(_file(path).read_bytes().strip())
    if size < SHORTEST_KEY:
        raise ValueError(f"{path} holds a key of {size} bytes, at least {SHORTEST_KEY} are needed")
    return path


def _redis_url(url: str) -> str:
    try:
        redis_address(url)
    except SettingsError as error:
        raise ValueError(str(error)) from error
    return url


def _endpoints(value: object) -> object:
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _endpoint(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not (host and colon and port.isdecimal() and 1 <= int(port) <= 65_535):
        raise ValueError(f"{value!r} is not host:port with a port of 1 to 65535")
    return value


Endpoint = Annotated[str, AfterValidator(_endpoint)]


class GatewaySettings(BaseSettings):
    """What the supervisor and its workers are told; docs/settings.md explains each."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    bundle: Annotated[Path, AfterValidator(_folder)]
    snapshot: Annotated[Path, AfterValidator(_folder)]
    # Of search the folders may be missing: what can't be used is left out, and looked for again.
    search_index: Path | None = None  # none: no SearchService
    search_encoder: Path | None = None  # none: by words alone
    search_vectors: Path | None = None
    redis_url: Annotated[str, AfterValidator(_redis_url)]
    triton_endpoints: Annotated[tuple[Endpoint, ...], NoDecode, BeforeValidator(_endpoints)]
    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    port: int = Field(default=50051, ge=1, le=65_535)
    http_port: int = Field(default=9464, ge=1, le=65_535)
    workers: int = Field(default=2, ge=1, le=256)
    clock_file: Annotated[Path, AfterValidator(_file)] | None = None
    user_hash_key_file: Annotated[Path, AfterValidator(_key_file)] | None = None
    tls_certificate_file: Annotated[Path, AfterValidator(_file)] | None = (
        None  # PEM, with its chain
    )
    tls_key_file: Annotated[Path, AfterValidator(_file)] | None = None
    tls_client_ca_file: Annotated[Path, AfterValidator(_file)] | None = (
        None  # then callers need one
    )
    default_deadline_ms: int = Field(default=500, ge=1, le=60_000)  # of calls that bring none
    drain_s: float = Field(default=10, ge=0, le=600)
    max_connection_age_s: float = Field(default=300, ge=1, le=86_400)
    max_concurrent: int = Field(default=256, ge=1, le=100_000)  # requests in flight in a worker
    request_log_entries: int = Field(default=1_000_000, ge=1_000, le=1_000_000_000)  # about
    event_entries: int = Field(default=1_000_000, ge=64_000, le=1_000_000_000)
    heartbeat_timeout_s: float = Field(default=10, ge=1, le=600)
    run_dir: Path | None = None  # metrics files; without it a temporary folder
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _whole_search(self) -> "GatewaySettings":
        """Queries and items are compared by one encoder's vectors, beside an index of words."""
        given = [name for name in MEANING if getattr(self, name) is not None]
        missing = [name for name in ("search_index", *MEANING) if getattr(self, name) is None]
        if given and missing:
            needed = " and ".join(f"{PREFIX}{name.upper()}" for name in missing)
            raise ValueError(f"{PREFIX}{given[0].upper()} is set, so {needed} must be too")
        return self

    @model_validator(mode="after")
    def _whole_tls(self) -> "GatewaySettings":
        """A certificate needs its key, and a check of the callers needs both."""
        given = [name for name in TLS if getattr(self, name) is not None]
        missing = [name for name in TLS[:2] if given and name not in given]
        if missing:
            needed = " and ".join(f"{PREFIX}{name.upper()}" for name in missing)
            raise ValueError(f"{PREFIX}{given[0].upper()} is set, so {needed} must be too")
        return self


def read_settings() -> GatewaySettings:
    """Reads the environment.

    Raises:
        SettingsError: names every variable that is unknown, missing or out of its limits.
    """
    return read(GatewaySettings, PREFIX, SECRET)
