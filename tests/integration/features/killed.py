"""`python -m tests.integration.features.killed build ...`: the snapshot's command, killed at every step.

A step is a change of the file system, as Python's audit hooks tell of it before it is made. Run after run,
a child is killed one step later; the last one ends by itself. Each run's status is printed, and what the
current snapshot says of item 10 then, whose popularity is 100 and the run's number when it begins.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from serving.bundle import open_bundle
from serving.features import snapshot
from serving.features.read_plan import ReadPlan
from serving.features.store import RowStore

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "shutil.rmtree")


class Killer:
    """An audit hook that ends its process at a step."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in CHANGES or (event == "open" and arguments[1] in {"w", "wb", "xb", "w+b"}):
            self._left -= 1
            if not self._left:
                os.kill(os.getpid(), signal.SIGKILL)


def pushed(plan: ReadPlan, url: str, popularity: float) -> None:
    row = plan.views["item_activity"].layout.empty(1)
    row["event_time_us"], row["popularity"] = 2**52 + int(popularity), popularity
    with RowStore(url, plan.project) as rows:
        rows.write("item_activity", "item_id", np.array([10]), row)


def main(bundle: str, state: str, url: str) -> None:
    plan, status, step = open_bundle(Path(bundle)).plan, -1, 0
    while status:
        step += 1
        pushed(plan, url, 100 + step)
        if not (child := os.fork()):
            os.close(1)  # its answer is nobody's
            os.open(os.devnull, os.O_WRONLY)
            sys.addaudithook(Killer(step))
            sys.exit(snapshot.main())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        items = snapshot.open_snapshot(Path(state, "snapshots", "current"), plan)
        popularity = items.float32[items.positions(np.array([10])), 0][0]
        print(status, int(popularity), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[3], sys.argv[5], sys.argv[7])
