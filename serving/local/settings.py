"""Settings of the local stack: environment variables RECSERVE_STACK_*, and TRITON_URL."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.errors import SettingsError
from serving.triton.environment import DEFAULT

PREFIX = "RECSERVE_STACK_"


class StackSettings(BaseSettings):
    """Where the local processes keep their files and listen."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    state: Path
    gateway_port: int = Field(default=50051, ge=1, le=65_535)
    http_port: int = Field(default=9464, ge=1, le=65_535)
    ingest_http_port: int = Field(default=9465, ge=1, le=65_535)
    triton_grpc_port: int = Field(default=8001, ge=1, le=65_535)
    triton_http_port: int = Field(default=8000, ge=1, le=65_535)
    triton_metrics_port: int = Field(default=8002, ge=1, le=65_535)
    workers: int = Field(default=2, ge=1, le=256)
    triton_environment: Path = DEFAULT
    start_timeout_s: float = Field(default=120, ge=1, le=3_600)  # of each process
    triton_url: str = ""  # TRITON_URL: host:port of an existing server; none is started then

    @property
    def run(self) -> Path:
        return self.state / "run"


def read_settings(environment: Mapping[str, str] | None = None) -> StackSettings:
    """Reads the environment.

    Raises:
        SettingsError: names every variable that is unknown, missing or out of its limits.
    """
    variables = os.environ if environment is None else environment
    given: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX)
    }
    given["triton_url"] = variables.get("TRITON_URL", "")
    try:
        return StackSettings(**given)
    except ValidationError as error:
        raise SettingsError("; ".join(map(sentence, error.errors()))) from error


def sentence(problem: Mapping[str, Any]) -> str:
    field = str(problem["loc"][0])
    variable = f"{PREFIX}{field.upper()}"
    if problem["type"] == "missing":
        return f"{variable} is required and not set"
    if problem["type"] == "extra_forbidden":
        known = ", ".join(name.upper() for name in StackSettings.model_fields)
        return f"{variable} is no setting; after {PREFIX} may stand {known}"
    return f"{variable}: {problem['msg']}, got {problem['input']!r}"
