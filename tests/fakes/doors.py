"""Outside systems in memory: they answer as told, and remember what they were asked."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from serving.errors import OutsideError
from serving.features.item_changes import Changes
from serving.types import StoredPerson, Tensors

Arrays = dict[str, NDArray[np.generic]]


@dataclass(slots=True)
class FakeRows:
    """A RowsDoor over a dictionary; raises `error` if it has one, after `good` reads."""

    rows: dict[bytes, bytes] = field(default_factory=dict)
    error: OutsideError | None = None
    good: int = 0
    reads: list[list[bytes]] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)
    overlays: dict[str, list[bytes]] = field(default_factory=dict)
    applied: list[bytes] = field(default_factory=list)  # a read takes the first; the last stays

    async def read_person(
        self,
        applied: str,
        overlay: str,
        rows: Sequence[bytes],
        timeout_s: float,
        stream: str | None = None,
    ) -> StoredPerson:
        found = await self.read(rows, timeout_s)
        position = self.applied.pop(0) if len(self.applied) > 1 else None
        position = position or (self.applied[0] if self.applied else None)
        return StoredPerson(found, self.overlays.get(overlay, []), position)

    async def read(self, keys: Sequence[bytes], timeout_s: float) -> list[bytes | None]:
        self.reads.append(list(keys))
        self.timeouts.append(timeout_s)
        if self.error and len(self.reads) > self.good:
            raise self.error
        return [self.rows.get(key) for key in keys]


@dataclass(slots=True)
class FakeChanges:
    """An ItemChangesDoor: gives its `answers`, then waits for ever; raises `error` if it has one."""

    answers: list[Changes] = field(default_factory=list)
    error: OutsideError | None = None
    asked: list[str] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    async def after(self, position: str, wait_s: float) -> Changes:
        self.asked.append(position)
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        if not self.answers:
            await asyncio.Event().wait()
        return self.answers.pop(0)

    async def texts(self, keys: Sequence[int], timeout_s: float) -> dict[int, str]:
        return {key: self.names[key] for key in keys if key in self.names}


@dataclass(slots=True)
class FakeTriton:
    """A ModelDoor; a model is a function of its inputs, and `errors` are raised in its stead."""

    models: Mapping[str, Callable[[Tensors], Arrays]]
    errors: dict[str, Exception] = field(default_factory=dict)
    calls: list[tuple[str, Tensors]] = field(default_factory=list)
    timeouts: list[float] = field(default_factory=list)

    async def infer(
        self, model: str, inputs: Tensors, outputs: Sequence[str], timeout_s: float
    ) -> Arrays:
        self.calls.append((model, inputs))
        self.timeouts.append(timeout_s)
        if model in self.errors:
            raise self.errors[model]
        answer = self.models[model](inputs)
        return {name: answer[name] for name in outputs}
