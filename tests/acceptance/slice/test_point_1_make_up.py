"""One command from a clone to recommendations that a person can read; again in seconds."""

import re
import socket
import time
from collections.abc import Callable

from tests.acceptance.made import Made
from tests.e2e.system import new_system, run_make

TABLE = re.compile(r"\d\d \w{3} +\d+ +\S.* +\d+\.\d% +(?:repeat|two-tower|popular)")
PARTS = ("Milliseconds", "hydrate", "retrieve", "rank", "Bundle", "snapshot", "Oldest feature")
TARGETS = ("up", "down", "status", "logs", "clean", "score", "final", "test", "check", "accept")
AGAIN_S = 45


def made_files(made: Made) -> dict[str, int]:
    """What a second `make up` must leave as it is."""
    names = ("dataset/dataset.yaml", "prepared/features.yaml", "models/retriever.ckpt")
    names += ("models/ranker.ckpt", "bundles/exported.done", "redis/materialized.done")
    return {name: (made.state / name).stat().st_mtime_ns for name in names}


def check_table(made: Made) -> None:
    assert len(TABLE.findall(made.output)) >= 5, made.output[-4000:]
    assert all(part in made.output for part in PARTS)


def test_point_1a_make_up_quick(quick: Made, measured: Callable[[str], None]) -> None:
    measured(f"quick {quick.seconds:.0f} s of 180, {quick.memory_gib:.2f} GiB of 4")
    check_table(quick)
    assert quick.seconds < 180
    assert quick.memory_gib < 4


def test_point_1b_a_second_make_up_redoes_nothing(
    quick: Made, measured: Callable[[str], None]
) -> None:
    before = made_files(quick)
    began = time.monotonic()
    again = quick.system.make("up")
    seconds = time.monotonic() - began
    measured(f"{seconds:.0f} s")
    assert made_files(quick) == before
    assert TABLE.search(again.stdout)
    assert seconds < AGAIN_S


def test_point_1c_help_status_and_logs_tell_what_there_is(
    quick: Made, measured: Callable[[str], None]
) -> None:
    told = run_make("help").stdout
    missing = [t for t in TARGETS if not re.search(rf"^ *{t} +\S", told, re.MULTILINE)]
    assert not missing
    status = quick.system.make("status").stdout
    bundle = (quick.state / "bundles" / "current").resolve().name
    assert bundle in status
    assert all(name in status.lower() for name in ("redis", "triton", "gateway"))
    assert quick.system.make("logs").stdout.strip()
    measured(f"{len(told.splitlines())} targets listed")


def test_point_1d_a_taken_port_is_one_clear_sentence(
    quick: Made, measured: Callable[[str], None]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        other = new_system(quick.state)
        variables = [v for v in other.variables if not v.startswith("GATEWAY_PORT=")]
        done = run_make("start", *variables, f"GATEWAY_PORT={port}", check=False)
    quick.system.make("start")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Traceback" not in said
    sentence = next(line for line in said.splitlines() if str(port) in line)
    measured(sentence.strip())


def test_point_1e_down_stops_and_up_comes_back(
    quick: Made, measured: Callable[[str], None]
) -> None:
    quick.system.make("down")
    host, port = quick.system.gateway.split(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0
    refused = quick.system.make("demo", check=False)
    assert refused.returncode != 0
    assert "make up" in refused.stdout + refused.stderr
    began = time.monotonic()
    assert TABLE.search(quick.system.make("up").stdout)
    measured(f"up again in {time.monotonic() - began:.0f} s")


def test_point_1f_make_up_full(full: Made, measured: Callable[[str], None]) -> None:
    measured(f"full {full.seconds / 60:.1f} min of 12, {full.memory_gib:.2f} GiB of 4")
    check_table(full)
    assert full.seconds < 12 * 60
    assert full.memory_gib < 4
