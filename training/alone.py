"""One job at a time works on a state folder; the others wait, and say for whom.

Each step that writes there takes a lock for as long as it runs. A job of several steps, each a container of
its own, holds another one over all of them, by a container beside them:

    python -m training.alone --state FOLDER [--held FILE] [--shared]

waits, makes FILE, and holds the lock until it is ended; a shared one beside others that share it.
"""

import argparse
import fcntl
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import IO

from training.errors import Busy

STEP, JOB = ".step.lock", ".job.lock"  # two, so that a job's own steps don't wait for their job
WAIT_S = 3600.0  # of a step, which stands alone; a job waits as long as it may live
POLL_S = 0.5


@contextmanager
def alone(
    state: Path,
    what: str,
    say: Callable[[str], None],
    wait_s: float = WAIT_S,
    lock: str = STEP,
    *,
    shared: bool = False,
) -> Iterator[None]:
    """Holds the lock, which goes with its process; the file says whose it is, of several the last who came.

    Raises:
        Busy: another had it for `wait_s`, or the file system knows no locks.
    """
    if not state.is_dir():  # there is nothing to undo, and the step says what it lacks
        yield
        return
    path = state / lock
    with path.open("a+") as file:
        _wait(
            file, path, say, time.monotonic() + wait_s, fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        )
        file.truncate(0)
        file.write(
            f"{what} on {socket.gethostname()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        )
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


def _wait(file: IO[str], path: Path, say: Callable[[str], None], until: float, kind: int) -> None:
    told = ""
    while not _taken(file, path, kind):
        holder = path.read_text() or "another job"
        if time.monotonic() > until:
            raise Busy(f"{holder} works on {path.parent}; wait for its end, or end it")
        if holder != told:
            say(f"{holder} works on {path.parent}; waiting for it")
            told = holder
        time.sleep(POLL_S)


def _taken(file: IO[str], path: Path, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise Busy(
            f"{path.parent} takes no file locks ({error.strerror}), so that two jobs could undo each "
            "other's work; give the state folder a file system that does"
        ) from error
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.alone")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--held", type=Path, help="a file that is there while the lock is held")
    parser.add_argument("--shared", action="store_true", help="beside others that say so too")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as the first process of a container
    if given.held:
        given.held.unlink(missing_ok=True)  # of one that was killed
    try:
        with alone(given.state, "a job", _say, inf, JOB, shared=given.shared):
            _say(f"holds {given.state}")
            if given.held:
                given.held.touch()
            while True:
                signal.pause()
    except Busy as error:
        _say(str(error))
        return 1


def _say(text: str) -> None:
    sys.stdout.write(f"alone: {text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
