"""Runs pieces of training side by side, each in a process of its own with one thread.

Threads help little with small matrices: two processes of one thread do nearly twice what one of two threads
does. Processes are spawned, so that they inherit nothing of the parent's threads.
"""

import ctypes
import os
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import active_children, get_context
from typing import TypeVar, TypeVarTuple

import torch

from training.errors import TrainingError

MANY_ITEMS = 5_000
PR_SET_PDEATHSIG = 1  # of linux/prctl.h
Given = TypeVarTuple("Given")
Result = TypeVar("Result")


def processes_of(threads: int, items: int) -> int:
    """As many processes as threads are allowed, 0 allows one a core; one for a catalogue of few items.

    Where there is little to do, a process takes longer to start than it saves.
    """
    return 1 if items < MANY_ITEMS else threads or len(os.sched_getaffinity(0))


def side_by_side(
    function: Callable[[*Given], Result],
    several: Sequence[tuple[*Given]],
    processes: int,
    advance: Callable[[int], object] = lambda _: None,
) -> list[Result]:
    """What the function gives of each, in their order; what it takes and gives is pickled.

    One process is this one. `advance` is told of every piece that is done.

    Raises:
        TrainingError: what a piece raised, or a process was ended from outside.
    """
    if min(processes, len(several)) < 2:
        return _told((function(*one) for one in several), advance)
    context = get_context("spawn")
    with (
        ProcessPoolExecutor(min(processes, len(several)), context, _begin, (os.getpid(),)) as pool,
        ExitStack() as unfinished,
    ):
        # Whoever ends this step must not wait for what it has begun.
        unfinished.callback(_end)
        waiting = [pool.submit(function, *one) for one in several]
        try:
            found = _told((piece.result() for piece in waiting), advance)
        except BrokenProcessPool as broken:
            raise TrainingError(
                f"one of {processes} processes of training was ended from outside, perhaps for want of "
                "memory; RECSERVE_TRAINING_THREADS=1 takes one after another"
            ) from broken
        unfinished.pop_all()
    return found


def _told(found: Iterable[Result], advance: Callable[[int], object]) -> list[Result]:
    results = []
    for one in found:
        results.append(one)
        advance(1)
    return results


def _begin(parent: int) -> None:
    """The parent alone answers the keyboard; whatever ends it ends this process too."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was ended before it could be watched
        os.kill(os.getpid(), signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)


def _end() -> None:
    for child in active_children():
        child.terminate()
