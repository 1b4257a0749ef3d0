"""Processes that measure when told to: one JSON line in, one JSON line out.

What is measured and what it stands beside run in processes of their own and take turns, so that a busy
moment of the machine meets both.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PATIENCE_S = 600.0
Seconds = list[float]


class PeerFailed(Exception):
    """A measuring process ended, or answered with something else than JSON."""


@dataclass(frozen=True, slots=True)
class Peer:
    """`name` is used in messages; `log` holds what it wrote to its standard error."""

    name: str
    process: subprocess.Popen[str]
    log: Path

    def ask(self, **wanted: Any) -> dict[str, Any]:
        """Its answer.

        Raises:
            PeerFailed: it ended instead.
        """
        assert self.process.stdin
        assert self.process.stdout
        try:
            self.process.stdin.write(json.dumps(wanted) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise self._failed() from error
        return self._answer()

    def seconds(self, **wanted: Any) -> Seconds:
        """Of each step."""
        times: Seconds = self.ask(**wanted)["seconds"]
        return times

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise self._failed()
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _failed(self) -> PeerFailed:
        status = self.process.wait(10)
        said = self.log.read_text()[-2_000:]
        return PeerFailed(f"{self.name} ended with status {status}:\n{said}")


@contextmanager
def peer(
    name: str,
    command: Sequence[str],
    spec: Mapping[str, Any],
    folder: Path,
    environment: Mapping[str, str],
) -> Iterator[Peer]:
    """Runs `python <command> <file with the spec>` until the block ends; yields it once it is ready.

    Raises:
        PeerFailed: it ended before.
    """
    file = folder / f"{name}.json"
    file.write_text(json.dumps(spec))
    log = folder / f"{name}.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, *command, str(file)],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    with process:
        running = Peer(name, process, log)
        try:
            running.ask(do="ready")
            yield running
        finally:
            end(process)


def end(process: subprocess.Popen[Any], patience_s: float = 10.0) -> None:
    """Asks it to end, and makes it."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
