"""The floor under recording events: the same bytes appended by XADD through redis-py's asyncio client.

Stands alone. `python append_floor.py SPEC`, then one JSON line in, one JSON line out.
"""

import asyncio
import json
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

import uvloop
from redis import asyncio as redis


class Floor:
    """Entries of the bytes in the spec's file, each after its length in four bytes."""

    def __init__(self, spec: dict[str, Any]) -> None:
        raw = Path(spec["entries"]).read_bytes()
        self._entries, at = [], 0
        while at < len(raw):
            end = at + 4 + int.from_bytes(raw[at : at + 4], "little")
            self._entries.append(raw[at + 4 : end])
            at = end
        self._streams = [f"floor:{n}" for n in range(spec["streams"])]
        self._client = redis.Redis(unix_socket_path=spec["socket"])
        self._next = 0

    async def record(self, wanted: dict[str, Any]) -> dict[str, Any]:
        began = time.perf_counter()
        found = await asyncio.gather(*(self._record(wanted) for _ in range(wanted["callers"])))
        return {"seconds": list(chain.from_iterable(found)), "whole": time.perf_counter() - began}

    async def _record(self, wanted: dict[str, Any]) -> list[float]:
        found = []
        for _ in range(wanted["calls"]):
            began = time.perf_counter()
            async with self._client.pipeline(transaction=False) as pipe:
                for _ in range(wanted["batch"]):
                    self._next += 1
                    entry = self._entries[self._next % len(self._entries)]
                    stream = self._streams[self._next % len(self._streams)]
                    pipe.xadd(stream, {"entry": entry})
                await pipe.execute()
            found.append(time.perf_counter() - began)
        return found

    async def clear(self) -> None:
        await self._client.unlink(*self._streams)


async def serve(spec: dict[str, Any]) -> None:
    floor = Floor(spec)
    for line in sys.stdin:
        wanted, answer = json.loads(line), {}
        if wanted["do"] == "record":
            answer = await floor.record(wanted)
            await floor.clear()
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(serve(json.loads(Path(sys.argv[1]).read_text())))
