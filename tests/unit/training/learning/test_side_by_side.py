"""Pieces in processes of their own: in order, with their errors, and ended with whoever began them."""

import math
import os
import signal
import subprocess
import sys
import time
from multiprocessing import active_children
from pathlib import Path

import pytest
import torch

from training.errors import TrainingError
from training.learning.side_by_side import MANY_ITEMS, processes_of, side_by_side


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_what_was_given(processes: int) -> None:
    done: list[int] = []
    given = [(7, 2), (9, 4), (11, 5)]
    found = side_by_side(divmod, given, processes, done.append)
    assert found == [(3, 1), (2, 1), (2, 1)]
    assert done == [1, 1, 1]


def test_each_process_has_one_thread() -> None:
    found = side_by_side(torch.get_num_threads, [(), ()], 2)
    assert found == [1, 1]


def test_what_a_piece_raises_is_raised() -> None:
    with pytest.raises(ValueError, match=r"expected a positive|math domain"):
        side_by_side(math.log, [(1.0,), (-1.0,)], 2)
    assert not active_children()


def test_a_process_that_is_ended_from_outside_is_said() -> None:
    with pytest.raises(TrainingError, match=r"ended from outside.*RECSERVE_TRAINING_THREADS=1"):
        side_by_side(signal.raise_signal, [(signal.SIGKILL,), (signal.SIGKILL,)], 2)


@pytest.mark.parametrize(("by", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_who_is_ended_takes_its_processes_along(by: signal.Signals, status: int) -> None:
    program = (
        "import signal, sys, time\n"
        "from training.learning.side_by_side import side_by_side\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "print('begun', flush=True)\n"
        "if __name__ == '__main__':\n"
        "    side_by_side(time.sleep, [(600,), (600,)], 2)\n"
    )
    given = [sys.executable, "-c", program]
    with subprocess.Popen(
        given, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": "."}
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        while len(children := _children(parent.pid)) < 2:
            time.sleep(0.05)
        parent.send_signal(by)
        assert parent.wait(60) == status
    while any(_runs(child) for child in children):
        time.sleep(0.05)


def test_as_many_processes_as_threads_are_allowed() -> None:
    assert processes_of(3, MANY_ITEMS) == 3
    assert processes_of(0, MANY_ITEMS) == len(os.sched_getaffinity(0))
    assert processes_of(3, MANY_ITEMS - 1) == 1


def _children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in told.split()]


def _runs(pid: int) -> bool:
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return told.rsplit(")", 1)[1].split()[0] != "Z"
