import os
import sys

import pytest

from tests.rehearsal.containers import pause_s
from tests.rehearsal.pods import Container, probe
from tests.rehearsal.probes import Streak, passes


def test_thresholds_count_answers_in_a_row():
    asked = probe({"exec": {}, "successThreshold": 2, "failureThreshold": 3})
    streak = Streak(asked)
    given = [True, True, False, False, True, False, False, False]
    verdicts = [streak.take(passed=one) for one in given]
    assert verdicts == [None, True, None, None, None, None, None, False]


def test_the_first_restart_is_at_once_and_later_ones_wait_ever_longer():
    assert [pause_s(n) for n in (1, 2, 3, 4, 9)] == [0, 10, 20, 40, 300]


def container() -> Container:
    return Container("c", ("true",), {}, {"http": 1}, {}, {}, 0, sidecar=False)


@pytest.mark.parametrize(("code", "passed"), [(0, True), (3, False)])
async def test_a_command_passes_by_its_exit_status(code: int, *, passed: bool):
    asked = probe(
        {
            "exec": {"command": [sys.executable, "-c", f"raise SystemExit({code})"]},
            "timeoutSeconds": 20,
        }
    )
    assert await passes(asked, container(), "127.0.0.1", os.environ) is passed


async def test_a_command_that_takes_too_long_fails():
    asked = probe({"exec": {"command": [sys.executable, "-c", "input()"]}, "timeoutSeconds": 0})
    assert not await passes(asked, container(), "127.0.0.1", os.environ)


@pytest.mark.parametrize(
    "how", [{"grpc": {"port": 1}}, {"httpGet": {"port": "http"}}, {"tcpSocket": {"port": 1}}]
)
async def test_where_nobody_listens_a_probe_fails(how: dict[str, object]):
    assert not await passes(probe(how), container(), "127.0.1.250", {})
