"""Pushes rows with Feast's own client, from a process of its own, as a shop's pipeline would."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
    frame["event_timestamp"] = pandas.to_datetime([at] * len(rows), unit="s", utc=True)
    store.write_to_online_store(view, frame)
    print(time.time(), flush=True)
"""


@dataclass(frozen=True)
class FeastWriter:
    """`write_to_online_store` of a running Feast."""

    told: IO[str]
    said: IO[str]

    def write(self, view: str, rows: Sequence[Mapping[str, Any]], at_s: float) -> None:
        """Begins to write; `returned` waits for the end."""
        self.told.write(json.dumps([view, rows, at_s]) + "\n")
        self.told.flush()

    def returned(self) -> float:
        """When it had, in seconds since 1970."""
        return float(self.said.readline())


@contextmanager
def feast_writer(made: Made) -> Iterator[FeastWriter]:
    store = str(made.state / "feast" / "feature_store.yaml")
    process = subprocess.Popen(
        [str(PYTHON), "-c", PROGRAM, store],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdin, process.stdout, process.stderr:
        if process.stdout.readline() != "ready\n":
            raise AssertionError(process.stderr.read())
        yield FeastWriter(process.stdin, process.stdout)
        process.stdin.close()
        process.stdout.read()
    assert process.wait(60) == 0
