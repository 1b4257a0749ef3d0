"""The floor under reading features: one round trip of the same bytes from Redis, and a numpy gather.

Stands alone. `python read_floor.py SPEC`, then one JSON line in, one JSON line out. The commands are packed
beforehand, and nothing of what comes back is looked at.
"""

import asyncio
import gc
import json
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

import hiredis
import numpy as np
import uvloop
from redis import asyncio as redis


class Connection(asyncio.Protocol):
    """One command, or several sent as one, at a time."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (answer := self._reader.gets()) is not False:
            self._answers.append(answer)
        if len(self._answers) == self._expected:
            self._done.set_result(self._answers)

    async def ask(self, commands: bytes, expected: int) -> list[Any]:
        self._answers, self._expected = [], expected
        self._done = asyncio.get_running_loop().create_future()
        self._transport.write(commands)
        return await self._done


class Floor:
    """`bare`: hiredis on a plain asyncio transport; `redis_py`: the usual client."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._socket = spec["socket"]
        self._blocks = [np.ascontiguousarray(np.load(path)) for path in spec["blocks"]]
        self._rows = np.load(spec["candidates"])
        self._longest = spec["longest_overlay"]
        self._users = spec["users"]
        self._packed = {kind: [self._command(u) for u in us] for kind, us in self._users.items()}

    async def open(self, readers: int) -> None:
        loop = asyncio.get_running_loop()
        opened = [
            await loop.create_unix_connection(Connection, self._socket) for _ in range(readers)
        ]
        self._bare = [protocol for _, protocol in opened]
        self._client = redis.Redis(unix_socket_path=self._socket, max_connections=readers)

    async def steps(self, wanted: dict[str, Any], reader: int) -> list[float]:
        rows = self._rows[f"rows_{wanted['candidates']}"]
        kind, found = wanted["users"], []
        read = self._read_bare if wanted["client"] == "bare" else self._read_redis_py
        for step in range(wanted["steps"]):
            user, those = step % len(self._users[kind]), rows[step % len(rows)]
            began = time.perf_counter()
            await read(kind, user, reader)
            self.gathered = [self._gather(block, those) for block in self._blocks]
            found.append(time.perf_counter() - began)
        return found

    async def _read_bare(self, kind: str, user: int, reader: int) -> list[Any]:
        return await self._bare[reader].ask(self._packed[kind][user], 3)

    async def _read_redis_py(self, kind: str, user: int, reader: int) -> list[Any]:
        del reader  # the client has a pool
        keys = self._users[kind][user]
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.get(keys["applied"])
            pipe.lrange(keys["overlay"], -self._longest, -1)
            pipe.mget(keys["rows"])
            return await pipe.execute()

    def _gather(self, block: Any, rows: Any) -> Any:
        gathered = np.empty((len(rows), block.shape[1]), dtype=block.dtype)
        return np.take(block, rows, axis=0, out=gathered, mode="clip")

    def _command(self, keys: dict[str, Any]) -> bytes:
        return b"".join(
            hiredis.pack_command(command)
            for command in (
                ("GET", keys["applied"]),
                ("LRANGE", keys["overlay"], -self._longest, -1),
                ("MGET", *keys["rows"]),
            )
        )


async def serve(spec: dict[str, Any]) -> None:
    floor = Floor(spec)
    await floor.open(spec["readers"])
    gc.freeze()
    for line in sys.stdin:
        wanted, answer = json.loads(line), {}
        if wanted["do"] == "read":
            tasks = [floor.steps(wanted, reader) for reader in range(wanted["readers"])]
            answer["seconds"] = list(chain.from_iterable(await asyncio.gather(*tasks)))
        if wanted["do"] == "values":
            await floor.steps(wanted | {"client": "bare", "users": "steady", "steps": 1}, 0)
            np.savez(wanted["to"], *floor.gathered)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(serve(json.loads(Path(sys.argv[1]).read_text())))
