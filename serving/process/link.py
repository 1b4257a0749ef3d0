"""The worker's end of its link to the supervisor: says how it is, and notices that nobody listens.

One line a beat, `starting`, `serving` or `draining`, sent by the event loop, so that a loop that
doesn't turn falls silent. The supervisor never writes: its end is readable only when it is gone.
"""

import asyncio
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

State = Literal["starting", "serving", "draining"]
BEAT_S = 0.25


class Link:
    """A worker without a supervisor stops; if it can't within `grace_s`, its process ends all the same."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        self._state: State = "starting"

    async def beat(self) -> None:
        """Says the state, for ever."""
        while True:
            self.say(self._state)
            await asyncio.sleep(BEAT_S)

    def say(self, state: State) -> None:
        self._state = state
        # Full: the supervisor is behind and has earlier beats to read. Closed: the watch sees to it.
        with suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            self._socket.send(f"{state}\n".encode())

    def watch(self, stop: Callable[[], None], grace_s: float) -> None:
        """Calls `stop` in the running loop when the supervisor is gone."""
        loop = asyncio.get_running_loop()

        def wait() -> None:
            select.select([self._socket], [], [])
            with suppress(RuntimeError):  # the loop was closed meanwhile
                loop.call_soon_threadsafe(stop)
            time.sleep(grace_s)
            os._exit(1)

        threading.Thread(target=wait, name="supervisor-watch", daemon=True).start()
