"""Settings from environment variables, read once into a frozen object; all that is wrong is told at once."""

import os
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings

from serving.errors import SettingsError

Settings = TypeVar("Settings", bound=BaseSettings)


def read(kind: type[Settings], prefix: str, secret: Collection[str] = ()) -> Settings:
    """The settings of all variables that start with the prefix; the values of `secret` ones are never shown.

    Raises:
        SettingsError: names every variable that is unknown, missing or out of its limits.
    """
    given: dict[str, Any] = {
        name.removeprefix(prefix).lower(): value
        for name, value in os.environ.items()
        if name.startswith(prefix)
    }
    try:
        return kind(**given)
    except ValidationError as error:
        known = ", ".join(name.upper() for name in kind.model_fields)
        problems = [_sentence(e, prefix, known, secret) for e in error.errors()]
        raise SettingsError("; ".join(problems)) from error


def _sentence(problem: Mapping[str, Any], prefix: str, known: str, secret: Collection[str]) -> str:
    reason = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:  # of several settings together
        return reason
    field = str(problem["loc"][0])
    variable = f"{prefix}{field.upper()}"
    if problem["type"] == "missing":
        return f"{variable} is required and not set"
    if problem["type"] == "extra_forbidden":
        return f"{variable} is no setting; after {prefix} may stand {known}"
    return f"{variable}: {reason}" + ("" if field in secret else f", got {problem['input']!r}")
