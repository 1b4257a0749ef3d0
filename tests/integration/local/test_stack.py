"""The commands as make runs them, with a real Redis."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from serving.local.addresses import redis_socket, redis_url
from serving.local.processes import Process, read_record
from serving.local.redis import executable
from serving.triton.environment import ROOT


class Stack:
    """A state folder and the commands on it."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def popen(self, *command: str, **settings: str) -> "subprocess.Popen[str]":
        given = {f"RECSERVE_STACK_{name}": value for name, value in settings.items()}
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RECSERVE_")}
        return subprocess.Popen(
            [sys.executable, "-m", "serving.local.stack", *command],
            cwd=ROOT,
            env=kept | {"RECSERVE_STACK_STATE": str(self.state)} | given,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *command: str, **settings: str) -> tuple[int, str, str]:
        with self.popen(*command, **settings) as done:
            out, err = done.communicate()
        return done.returncode, out, err

    def up_redis(self) -> Process:
        code, _, err = self.run("up", "redis")
        assert (code, err) == (0, "")
        process = read_record(self.state / "run/redis.json")
        assert process is not None
        return process

    def client(self) -> "redis.Redis[bytes]":
        return redis.Redis(unix_socket_path=str(redis_socket(self.state)))


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path / "state")
    yield stack
    stack.run("down")


def test_up_again_leaves_redis_alone_and_what_is_stored_outlives_down(stack: Stack):
    first = stack.up_redis()
    assert stack.up_redis() == first
    with stack.client() as client:
        client.set("kept", "value")
    assert stack.run("down")[:2] == (0, "redis: stopped\n")
    assert not first.alive
    assert stack.up_redis().pid != first.pid
    with stack.client() as client:
        assert client.get("kept") == b"value"


def test_a_state_folder_may_have_any_name(tmp_path: Path):
    for name in ("50%25 off?db=1#ß", "x" * 120):
        stack = Stack(tmp_path / name)
        try:
            stack.up_redis()
            with redis.Redis.from_url(redis_url(stack.state)) as client:
                assert client.ping()
        finally:
            stack.run("down")


def test_redis_that_was_killed_starts_again_with_all_but_its_last_second(stack: Stack):
    first = stack.up_redis()
    with stack.client() as client:
        client.set("kept", "value")
    os.kill(first.pid, signal.SIGKILL)
    assert stack.up_redis().pid != first.pid
    with stack.client() as client:
        assert client.get("kept") == b"value"  # the kernel has it: only a machine's end loses it


def test_two_commands_at_once_start_one_server(stack: Stack):
    both = [stack.popen("up", "redis") for _ in range(2)]
    outputs = [one.communicate() for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert sum("Redis starts" in out for out, _ in outputs) == 1


def test_a_record_whose_pid_is_another_programs_by_now_kills_nobody(stack: Stack):
    process = stack.up_redis()
    stack.run("down")
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as innocent:
        try:
            record = {
                "pid": innocent.pid,
                "start_ticks": process.start_ticks,
                "boot_id": process.boot_id,
                "started_at_s": process.started_at_s,
                "fingerprint": process.fingerprint,
            }
            (stack.state / "run/redis.json").write_text(json.dumps(record))
            assert stack.run("down")[0] == 0
            (stack.state / "run/redis.json").write_text(json.dumps(record))
            assert stack.up_redis().pid != innocent.pid
            assert innocent.poll() is None
        finally:
            innocent.kill()


def test_a_redis_of_somebody_else_on_our_socket_is_left_alone(stack: Stack):
    path = redis_socket(stack.state)
    path.parent.mkdir(parents=True)
    command = [str(executable()), "--port", "0", "--unixsocket", str(path), "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert any("ready to accept" in line for line in other.stdout)
            code, _, err = stack.run("up", "redis")
            assert code == 1
            assert err.startswith("A Redis that make up did not start listens on ")
            assert err.count("\n") == 1
            assert other.poll() is None
        finally:
            other.kill()


def test_a_state_folder_with_a_long_path_has_its_socket_elsewhere(tmp_path: Path):
    stack = Stack(tmp_path / ("long" * 30))
    stack.up_redis()
    with stack.client() as client:
        assert client.ping()
    assert stack.run("down")[0] == 0


def test_status_tells_what_is_missing_and_returns_3(stack: Stack):
    stack.up_redis()
    code, out, _ = stack.run("status")
    assert code == 3
    assert "bundles/current is not there yet; make start makes it" in out
    assert any(line.startswith("redis") and "healthy" in line for line in out.splitlines())


def test_up_before_there_is_a_bundle_says_what_makes_one(stack: Stack):
    code, _, err = stack.run("up")
    assert code == 1
    assert err.endswith("bundles/current is not there yet; make start makes it\n")
    assert err.count("\n") == 1


def test_without_a_log_the_command_says_so(stack: Stack):
    code, out, err = stack.run("logs")
    assert (code, err) == (0, "")
    assert out == (
        f"Nothing has run in {stack.state} yet, so there are no logs; make start starts it\n"
    )


def test_logs_show_the_end_of_each_log(stack: Stack):
    stack.up_redis()
    assert "ready to accept connections" in stack.run("logs")[1]


def test_wrong_settings_are_all_named_in_one_sentence(stack: Stack):
    code, _, err = stack.run("status", GATEWAY_PORT="70000", WROKERS="2")
    assert code == 1
    assert "RECSERVE_STACK_GATEWAY_PORT" in err
    assert "RECSERVE_STACK_WROKERS is no setting" in err
    assert err.count("\n") == 1


def test_down_where_nothing_was_ever_made_makes_nothing(stack: Stack):
    assert stack.run("down") == (0, "", "")
    assert not stack.state.exists()
