"""Pushes rows with Feast's own client, from a process of its own, as a shop's pipeline would."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO, Any

from tests.acceptance.made import PYTHON, Made
from tests.e2e.system import ROOT

# Reads a view, rows and their time from each line; answers the moment when the write had returned.
PROGRAM = """
import json, sys, time
import pandas
from feast import FeatureStore
store = FeatureStore(fs_yaml_file=sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    view, rows, at = json.loads(line)
    frame = pandas.DataFrame(rows)
    at = pandas.Timestamp(round(at * 1e6), unit="us", tz="UTC")
    frame = frame.assign(event_timestamp=at, created_timestamp=at)
    store.write_to_online_store(view, frame)
    print(time.time(), flush=True)
"""


@dataclass(frozen=True)
class FeastWriter:
    """`write_to_online_store` of a running Feast."""

    told: IO[str]
    said: IO[str]
    faults: IO[str]

    def write(self, view: str, rows: Sequence[Mapping[str, Any]], at_s: float) -> None:
        """Begins to write; `returned` waits for the end."""
        self.told.write(json.dumps([view, rows, at_s]) + "\n")
        self.told.flush()

    def returned(self) -> float:
        """When it had, in seconds since 1970."""
        return float(self.line())

    def line(self) -> str:
        """What it says next; fails with its last words if it has ended."""
        if not (line := self.said.readline().strip()):
            self.faults.seek(0)
            raise AssertionError(self.faults.read())
        return line


@contextmanager
def feast_writer(made: Made) -> Iterator[FeastWriter]:
    store = str(made.state / "feast" / "feature_store.yaml")
    with (
        TemporaryFile("w+") as faults,
        subprocess.Popen(
            [str(PYTHON), "-c", PROGRAM, store],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=faults,
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        writer = FeastWriter(process.stdin, process.stdout, faults)
        assert writer.line() == "ready"
        yield writer
