"""The Python client, installed alone, against a running system."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from recserve.v1.request_log_pb2 import LoggedEvent

from serving.ingest.logged_events import read_event_log
from serving.local.addresses import redis_url
from tests.acceptance.made import Made
from tests.e2e.patience import eventually
from tests.e2e.system import run_make

Note = Callable[[str], None]
Run = Callable[..., subprocess.CompletedProcess[str]]
HEAVY = ("torch", "feast", "tritonclient", "numpy", "polars", "pandas")
CALLS = 400
STEADY = """
import sys
from recserve.client import Client, Consent, Surface
answered = 0
with Client(sys.argv[1], timeout_s=20) as client:
    for n in range(int(sys.argv[2])):
        client.recommend(Surface.PRODUCT, user_id=str(n % 50), consent=Consent(personalization=True))
        answered += 1
        if n == 20:
            print("begun", flush=True)
print(answered)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of an environment that holds the client's wheel and what it needs."""
    run_make("client")
    wheels = sorted(Path("build/dist").glob("recserve_client-*.whl"))
    folder = tmp_path_factory.mktemp("client")
    venv.create(folder, with_pip=True)
    pip = [folder / "bin/pip", "install", "--quiet", wheels[-1]]
    subprocess.run(pip, check=True)
    return folder / "bin"


@pytest.fixture
def recserve(installed: Path, generated_shop: Made) -> Run:
    """The command line, told where the gateway is."""
    return lambda *words, **options: _run(installed, generated_shop, *words, **options)


def _run(
    installed: Path, shop: Made, *words: str, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed / "recserve", *words],
        env={"PATH": "/usr/bin:/bin", "RECSERVE_ENDPOINT": shop.system.gateway, "COLUMNS": "120"},
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_point_2a_it_installs_alone(installed: Path, measured: Note) -> None:
    listed = subprocess.run(
        [installed / "pip", "list", "--format", "json"], check=True, capture_output=True, text=True
    ).stdout
    names = {one["name"].lower() for one in json.loads(listed)}
    assert not names & set(HEAVY)
    subprocess.run([installed / "python", "-c", "import recserve.client"], check=True, cwd="/")
    measured(f"{len(names)} packages, none of {', '.join(HEAVY)}")


def test_point_2b_the_command_line_answers(recserve: Run, measured: Note) -> None:
    table = recserve(
        "recommend", "--surface", "product", "--user", "1", "--personalize", "--explain"
    )
    assert table.returncode == 0, table.stderr
    assert "user_history" in table.stdout
    whole = recserve(
        "recommend", "--surface", "product", "--user", "1", "--personalize", "--output", "json"
    )
    item_ids = [item["item_id"] for item in json.loads(whole.stdout)["items"]]
    assert len(item_ids) == 10
    ranked = recserve("rank", "--surface", "product", *reversed(item_ids), "--user", "1",
                      "--personalize", "--output", "json")  # fmt: skip
    assert [item["item_id"] for item in json.loads(ranked.stdout)["items"]] == item_ids
    assert item_ids[0] not in recserve("similar", item_ids[0], "--output", "jsonl").stdout.split(
        '"'
    )
    assert "product" in recserve("status").stdout.lower()
    assert "complete" in recserve("completion", "bash").stdout
    measured("recommend, rank, similar, status, completion")


def test_point_2c_exit_codes_and_errors_tell_what_to_mend(recserve: Run, measured: Note) -> None:
    wrong = recserve("recommend", "--surface", "product", "--user", "anna", "--where", "colour=red")
    assert wrong.returncode == 2
    assert "user_id: must be decimal digits" in wrong.stderr
    assert "filters[0].field: 'colour' is no field" in wrong.stderr
    assert recserve("similar", "999999999").returncode == 3
    assert recserve("recommend", "--surface", "search").returncode == 3
    assert recserve("status", "--endpoint", "127.0.0.1:1", "--timeout", "1").returncode == 4
    assert recserve("recommend").returncode == 2
    measured("2, 3, 4")


def test_point_2d_recorded_events_are_kept(
    recserve: Run, generated_shop: Made, measured: Note
) -> None:
    lines = [
        json.dumps({"user_id": user, "item_id": 1, "kind": "click", "event_id": f"cli-{user}",
                    "event_time": "2020-01-01T00:00:00Z"})
        for user in range(20)
    ]  # fmt: skip
    refused = recserve("record", "-", "--allow-logging", given="\n".join([*lines, "{half"]))
    assert refused.returncode == 2
    assert "21" in refused.stderr
    done = recserve("record", "-", "--allow-logging", given="\n".join(lines))
    assert done.returncode == 0, done.stderr
    store = redis.Redis.from_url(redis_url(generated_shop.state))
    streams = store.keys("recserve:{*:user_id=*}:events")
    entries = [fields[b"entry"] for name in streams for _, fields in store.xrange(name)]
    store.close()
    waiting = {LoggedEvent.FromString(entry).event.event_id for entry in entries}
    log = read_event_log(generated_shop.state / "events").collect()["event_id"]
    assert {f"cli-{user}" for user in range(20)} <= waiting | set(log)
    measured("20 of 20")


def test_point_2e_a_worker_that_dies_costs_nobody_an_answer(
    installed: Path, generated_shop: Made, measured: Note
) -> None:
    command = [installed / "python", "-c", STEADY, generated_shop.system.gateway, str(CALLS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        assert client.stdout.readline() == "begun\n"
        for worker in _workers(generated_shop)[:1]:
            os.kill(worker, signal.SIGKILL)
        answered = client.stdout.read().strip()
    assert answered == str(CALLS)
    eventually(lambda: len(_workers(generated_shop)) >= 2 or None, "the worker is replaced")
    measured(f"{answered} of {CALLS} calls answered while a worker was killed")


def _workers(shop: Made) -> list[int]:
    """Process ids of the gateway's workers."""
    supervisor = json.loads((shop.state / "run/gateway.json").read_text())["pid"]
    listing = Path(f"/proc/{supervisor}/task").glob("*/children")
    return sorted(int(pid) for file in listing for pid in file.read_text().split())


@pytest.fixture
def silent() -> Iterator[str]:
    """host:port of somebody who takes connections and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ended = threading.Event()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        ended.set()


def test_point_2f_every_call_has_a_deadline(installed: Path, silent: str, measured: Note) -> None:
    program = (
        "import sys\nfrom recserve.client import Client, Surface, RecserveError\n"
        "try:\n    Client(sys.argv[1]).recommend(Surface.PRODUCT)\n"
        "except RecserveError as error:\n    print(error.code.name)\n"
    )
    command = [installed / "python", "-c", program, silent]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() in {"DEADLINE_EXCEEDED", "UNAVAILABLE"}
    measured(done.stdout.strip())


def test_point_2g_answers_become_frames(generated_shop: Made, measured: Note) -> None:
    program = (
        "import sys\nfrom recserve.client import Client, Surface\n"
        "with Client(sys.argv[1]) as client:\n"
        "    slate = client.recommend(Surface.PRODUCT, page_size=7, explain=True)\n"
        "print(slate.to_polars().shape[0], slate.to_pandas().shape[0])\n"
    )
    command = [sys.executable, "-c", program, generated_shop.system.gateway]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["7", "7"]
    measured("polars and pandas, a row an item")
