"""How any process is brought up, on a real one: Python's own HTTP server."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.local.errors import PortTaken, StartFailed
from serving.local.ports import Port
from serving.local.processes import Process, identify, read_record, write_record
from serving.local.services import end, ensure, record_of
from serving.triton.environment import ROOT
from serving.triton.ports import LOOPBACK, free_ports
from tests.e2e.patience import eventually


class Pages:
    """A web server; `command` is what it would be started with."""

    name = "pages"
    label = "The page server"
    grace_s = 5.0

    def __init__(self, port: int, command: list[str] | None = None, fingerprint: str = "1") -> None:
        self.ports = (Port(port, "PAGES_PORT"),)
        self.where = str(port)
        self.fingerprint = fingerprint
        self.started: list[subprocess.Popen[bytes]] = []
        served = ["-m", "http.server", "--bind", LOOPBACK, str(port)]
        self._command = [sys.executable, *(command or served)]

    def start(self, log: Path) -> subprocess.Popen[bytes]:
        with log.open("wb") as output:
            popen = subprocess.Popen(
                self._command, stdout=output, stderr=output, cwd=log.parent, start_new_session=True
            )
        self.started.append(popen)
        return popen

    def healthy(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.ports[0].number)) == 0


@pytest.fixture
def port() -> int:
    return free_ports(1)[0]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def pages(port: int, tmp_path: Path) -> Iterator[Pages]:
    pages = Pages(port)
    yield pages
    end(pages.name, tmp_path, pages.grace_s)
    for popen in pages.started:
        popen.wait()


def running(pages: Pages, run: Path) -> Process:
    process = read_record(record_of(run, pages.name))
    assert process is not None
    assert process.alive
    return process


def test_what_runs_as_wanted_is_left_alone(pages: Pages, tmp_path: Path, said: list[str]):
    ensure(pages, tmp_path, 30, said.append)
    first = running(pages, tmp_path)
    ensure(pages, tmp_path, 30, said.append)
    assert running(pages, tmp_path) == first
    assert said == ["The page server starts: not running"]


def test_a_change_of_what_it_is_started_from_restarts_it(
    pages: Pages, tmp_path: Path, said: list[str]
):
    ensure(pages, tmp_path, 30, said.append)
    first = running(pages, tmp_path)
    pages.fingerprint = "2"
    ensure(pages, tmp_path, 30, said.append)
    assert not first.alive
    assert running(pages, tmp_path).pid != first.pid
    assert said[-1] == "The page server starts: its bundle, settings or code changed"
    assert (tmp_path / "pages.log.1").is_file()


def test_one_that_was_killed_is_started_again(pages: Pages, tmp_path: Path, said: list[str]):
    ensure(pages, tmp_path, 30, said.append)
    pages.started[-1].kill()
    pages.started[-1].wait()
    ensure(pages, tmp_path, 30, said.append)
    assert running(pages, tmp_path).pid == pages.started[-1].pid
    assert said[-1] == "The page server starts: it had ended by itself"


def test_a_taken_port_is_named_with_the_variable_that_moves_it(
    pages: Pages, port: int, tmp_path: Path, said: list[str]
):
    with (
        socket.create_server((LOOPBACK, port)),
        pytest.raises(
            PortTaken,
            match=rf"Port {port} \(PAGES_PORT\) is taken .* make up PAGES_PORT=<another port>",
        ),
    ):
        ensure(pages, tmp_path, 30, said.append)
    assert pages.started == []


def test_one_that_ends_at_once_is_reported_with_its_last_words(
    port: int, tmp_path: Path, said: list[str]
):
    failing = Pages(
        port, ["-c", "import sys; print('first', flush=True); sys.exit('no room left')"]
    )
    with pytest.raises(StartFailed, match=r"did not start: no room left \(see .*pages\.log\)"):
        ensure(failing, tmp_path, 30, said.append)
    failing.started[0].wait()
    assert read_record(record_of(tmp_path, "pages")) is None


STUBBORN = """
import signal
signal.signal(signal.SIGTERM, lambda *_: print("no", flush=True))
print("up", flush=True)
while True:
    signal.pause()
"""
ENDING = """
import pathlib, signal, sys
from serving.local.services import end
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
end("pages", pathlib.Path(sys.argv[1]), 60)
"""


def test_a_stop_that_is_interrupted_can_be_made_again(port: int, tmp_path: Path):
    stubborn = Pages(port, ["-c", STUBBORN])
    popen = stubborn.start(tmp_path / "pages.log")
    process = identify(popen.pid, "1")
    assert process is not None
    write_record(record_of(tmp_path, "pages"), process)
    eventually(lambda: "up" in (tmp_path / "pages.log").read_text() or None, "it is up")
    with subprocess.Popen(
        [sys.executable, "-c", ENDING, str(tmp_path)], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as ending:
        eventually(lambda: "no" in (tmp_path / "pages.log").read_text() or None, "it was told")
        ending.send_signal(signal.SIGINT)
    assert read_record(record_of(tmp_path, "pages")) == process
    assert end("pages", tmp_path, 0.1) == "killed, it did not stop within 0 s"
    assert popen.wait(10) == -signal.SIGKILL


def test_one_that_is_never_ready_is_stopped_again(port: int, tmp_path: Path, said: list[str]):
    silent = Pages(port, ["-c", "import signal; print('still busy', flush=True); signal.pause()"])
    with pytest.raises(StartFailed, match="not ready after 1 s: still busy"):
        ensure(silent, tmp_path, 1, said.append)
    assert silent.started[0].wait(10) != 0
    assert read_record(record_of(tmp_path, "pages")) is None
