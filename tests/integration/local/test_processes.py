import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from serving.local.processes import Process, identify, read_record, stat, write_record
from serving.local.services import end
from serving.triton.ports import listening
from tests.e2e.patience import eventually

STUBBORN = (
    "import signal,sys; signal.signal(15, signal.SIG_IGN); print('up', flush=True); signal.pause()"
)
PARENT = (
    "import subprocess,sys,signal; child = subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL); "
    "print(child.pid, flush=True); signal.pause()"
)

# Its first thread ends, by the system call that ends no other, and another one listens on.
HEADLESS = """
import ctypes, platform, socket, threading, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
threading.Thread(target=time.sleep, args=(600,)).start()
exit_of_thread = 60 if platform.machine() == "x86_64" else 93
ctypes.CDLL(None).syscall(ctypes.c_long(exit_of_thread), ctypes.c_long(0))
"""


class Started:
    """Starts Python programs in sessions of their own and collects them at the end."""

    def __init__(self) -> None:
        self.all: list[subprocess.Popen[str]] = []

    def __call__(self, program: str) -> tuple[Process, str]:
        """The process and the first line that it printed."""
        popen = subprocess.Popen(
            [sys.executable, "-c", program],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.all.append(popen)
        assert popen.stdout is not None
        line = popen.stdout.readline().strip()
        process = identify(popen.pid, "f")
        assert process is not None
        return process, line


@pytest.fixture
def started() -> Iterator[Started]:
    started = Started()
    yield started
    for popen in started.all:
        popen.kill()
        popen.communicate()


def test_a_process_ends_on_the_signal_and_is_no_longer_alive(started: Started):
    process, _ = started("import signal; print('up', flush=True); signal.pause()")
    assert process.alive
    assert process.stop(10)
    assert not process.alive


def test_a_process_that_ignores_the_signal_is_killed_after_its_grace(started: Started):
    process, _ = started(STUBBORN)
    assert not process.stop(0.1)
    assert not process.alive


def test_a_process_without_its_first_thread_is_alive_until_it_is_stopped(started: Started):
    process, port = started(HEADLESS)
    eventually(lambda: "Z" in (stat(process.pid) or [])[:1] or None, "its first thread's end")
    assert process.alive
    assert listening(int(port))
    assert process.stop(10)
    assert not process.alive
    assert not listening(int(port))


def test_what_a_crashed_process_left_behind_is_ended_with_it(started: Started):
    process, child = started(PARENT)
    started.all[-1].kill()
    started.all[-1].wait()
    assert process.leftovers == [int(child)]
    process.stop(1)
    left = stat(int(child))
    assert left is None or left[0] == "Z"


def test_a_pid_that_belongs_to_another_program_by_now_is_left_alone(started: Started):
    process, child = started(PARENT)
    recycled = replace(process, start_ticks=process.start_ticks - 1)
    assert not recycled.alive
    assert recycled.leftovers == []
    recycled.stop(0.1)
    assert process.alive
    assert stat(int(child)) is not None


def test_a_record_from_before_a_reboot_names_nothing(started: Started):
    process, _ = started(PARENT)
    earlier = replace(process, boot_id="another boot")
    assert not earlier.alive
    earlier.stop(0.1)
    assert process.alive


def test_a_record_is_read_as_written_and_a_broken_one_is_none(started: Started, tmp_path: Path):
    process, _ = started(PARENT)
    path = tmp_path / "x.json"
    assert read_record(path) is None
    write_record(path, process)
    assert read_record(path) == process
    path.write_text('{"pid": 1}')
    assert read_record(path) is None
    path.write_text("[]")
    assert read_record(path) is None
    path.write_text('{"pi')
    assert read_record(path) is None


def test_a_copy_of_a_state_folder_does_not_take_the_originals_processes_for_its_own(
    started: Started, tmp_path: Path
):
    process, _ = started(PARENT)
    original, copy = tmp_path / "original", tmp_path / "copy"
    original.mkdir()
    write_record(original / "x.json", process)
    shutil.copytree(original, copy)
    assert read_record(copy / "x.json") is None
    assert end("x", copy, 0.1) == "not running"
    assert process.alive
