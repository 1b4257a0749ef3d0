"""The supervisor over workers of a few lines each."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.process.supervisor import MOST_EARLY_DEATHS, UNUSABLE, GaveUp, Supervisor

SERVES = """
import signal, socket, sys, time
link = socket.socket(fileno=int(sys.argv[1]))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True:
    link.send(b"serving\\n")
    time.sleep(0.05)
"""


def supervisor(code: str, count: int = 2, buried: list[int] | None = None) -> Supervisor:
    graves = [] if buried is None else buried
    command = (sys.executable, "-c", code)
    return Supervisor(count, os.environ, 30, 0, graves.append, command)


async def until(seen: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not seen():  # noqa: ASYNC110 - the supervisor tells nobody
            await asyncio.sleep(0.01)


def hold_until_gone(pids: list[int]) -> None:
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        pass


async def test_workers_that_die_early_again_and_again_make_it_give_up() -> None:
    supervised = supervisor("raise SystemExit(3)")
    with pytest.raises(GaveUp, match=f"{MOST_EARLY_DEATHS} workers in a row died early.* status 3"):
        await supervised.run()


async def test_an_unusable_worker_makes_it_give_up_at_once() -> None:
    supervised = supervisor(f"raise SystemExit({UNUSABLE})")
    with pytest.raises(GaveUp, match="can't start"):
        await supervised.run()
    assert supervised.restarts == 0


async def test_workers_that_die_at_the_same_moment_leave_one_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gate = tmp_path / "gate"
    code = f"import os\nwhile not os.path.exists({str(gate)!r}): pass\nraise SystemExit({UNUSABLE})"
    supervised = supervisor(code)
    running = asyncio.create_task(supervised.run())
    await until(lambda: len(supervised._workers) == 2)
    gate.touch()
    hold_until_gone(list(supervised._workers))  # so that the loop hears of both deaths in one turn
    with pytest.raises(GaveUp, match="can't start"):
        await running
    del running
    gc.collect()  # an error that nobody took is told when its task is collected
    assert "never retrieved" not in caplog.text


async def test_it_goes_on_while_one_worker_serves(tmp_path: Path) -> None:
    alone = f"import os\nos.mkdir({str(tmp_path / 'one')!r})\n"  # any other dies at once
    buried: list[int] = []
    supervised = supervisor(alone + SERVES, 2, buried)
    running = asyncio.create_task(supervised.run())
    await until(lambda: running.done() or len(buried) == MOST_EARLY_DEATHS)
    assert not running.done()
    assert supervised.serving == 1
    supervised.stop()
    await running


async def test_while_no_worker_can_be_started_the_others_serve_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "worker"
    program.write_text(f"#!{sys.executable}\n{SERVES}")
    program.chmod(0o755)
    supervised = Supervisor(2, os.environ, 30, 0, lambda _: None, (str(program),))
    running = asyncio.create_task(supervised.run())
    await until(lambda: running.done() or supervised.serving == 2)
    program.rename(tmp_path / "away")
    os.kill(next(iter(supervised._workers)), signal.SIGKILL)
    await until(lambda: running.done() or "no worker can be started" in caplog.text)
    assert supervised.serving == 1
    (tmp_path / "away").rename(program)
    await until(lambda: running.done() or supervised.serving == 2)
    assert not running.done()
    supervised.stop()
    await running


async def test_a_program_that_can_never_be_started_makes_it_give_up(tmp_path: Path) -> None:
    supervised = Supervisor(1, os.environ, 30, 0, lambda _: None, (str(tmp_path / "none"),))
    with pytest.raises(GaveUp, match=f"{MOST_EARLY_DEATHS} workers in a row died early"):
        await supervised.run()


async def test_a_stop_ends_every_worker() -> None:
    supervised = supervisor(SERVES)
    running = asyncio.create_task(supervised.run())
    await until(lambda: supervised.serving == 2)
    assert not supervised.draining
    supervised.stop()
    await running
    assert supervised.draining
    assert supervised.serving == 0
    assert supervised.restarts == 0


async def test_a_stop_between_two_lives_does_not_wait_for_the_next() -> None:
    buried: list[int] = []
    supervised = supervisor("raise SystemExit(3)", 1, buried)
    running = asyncio.create_task(supervised.run())
    await until(lambda: len(buried) == 2)
    supervised.stop()
    await running
    assert len(buried) == 2
