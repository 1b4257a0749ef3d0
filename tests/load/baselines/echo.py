"""The floor under any call: an empty grpc.aio server that gives back as many bytes as a reply has.

Stands alone. `python echo.py SPEC` measures, one JSON line in, one JSON line out; the server is a process of
its own, `python echo.py serve BYTES`, which prints its port and ends with its standard input.
"""

import asyncio
import json
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

import uvloop
from grpc import aio, method_handlers_generic_handler, unary_unary_rpc_method_handler

METHOD = "/echo.Echo/Echo"


async def serve(size: int) -> None:
    reply = bytes(size)

    async def echo(request: bytes, context: Any) -> bytes:
        del request, context
        return reply

    handler = unary_unary_rpc_method_handler(echo)
    server = aio.server()
    server.add_generic_rpc_handlers(
        [method_handlers_generic_handler("echo.Echo", {"Echo": handler})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


async def measure(spec: dict[str, Any], port: int) -> None:
    options = (("grpc.use_local_subchannel_pool", 1),)
    request = bytes(spec["request_bytes"])
    calls = [
        aio.insecure_channel(f"127.0.0.1:{port}", options).unary_unary(METHOD)
        for _ in range(spec["callers"])
    ]

    async def steps(call: Any, count: int) -> list[float]:
        found = []
        for _ in range(count):
            began = time.perf_counter()
            await call(request)
            found.append(time.perf_counter() - began)
        return found

    for line in sys.stdin:
        wanted, answer = json.loads(line), {}
        if wanted["do"] == "record":
            began = time.perf_counter()
            found = await asyncio.gather(
                *(steps(call, wanted["calls"]) for call in calls[: wanted["callers"]])
            )
            answer = {
                "seconds": list(chain.from_iterable(found)),
                "whole": time.perf_counter() - began,
            }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def main() -> None:
    if sys.argv[1] == "serve":
        uvloop.run(serve(int(sys.argv[2])))
        return
    spec = json.loads(Path(sys.argv[1]).read_text())
    command = [sys.executable, __file__, "serve", str(spec["reply_bytes"])]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as server:
        uvloop.run(measure(spec, int(server.stdout.readline())))


if __name__ == "__main__":
    main()
