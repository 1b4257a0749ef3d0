"""Values as JSON can say them."""

from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any


def plain(value: object) -> dict[str, Any]:
    """The fields of a dataclass by name, and theirs in turn."""
    return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}  # type: ignore[arg-type]


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return plain(value) if hasattr(value, "__dataclass_fields__") else value
