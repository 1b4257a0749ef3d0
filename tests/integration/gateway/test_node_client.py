"""The Node.js example, installed from its lock file and run against a real gateway."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.gateway.running import ROOT, Gateway

EXAMPLE = ROOT / "serving/client/node"
TOOLS = Path(sys.prefix) / "bin"  # node and npm, from their wheel
Node = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Node:
    """Runs JavaScript beside the example, with exactly the packages of its lock file."""
    folder = tmp_path_factory.mktemp("node")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(EXAMPLE / name, folder)
    environment = os.environ | {
        "PATH": f"{TOOLS}:{os.environ['PATH']}",
        "NODE_PATH": str(folder / "node_modules"),
    }
    install = [TOOLS / "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(install, cwd=folder, env=environment, check=True, capture_output=True)

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [TOOLS / "node", *arguments],
            cwd=EXAMPLE,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_the_example_prints_the_slate(node: Node, gateway: Gateway) -> None:
    done = node("recommend.js", gateway.address, "7", "3")
    assert done.returncode == 0, done.stderr
    assert [line.split("\t") for line in done.stdout.splitlines()] == [
        ["100", "-", "popular"],
        ["101", "-", "popular"],
        ["102", "-", "popular"],
    ]
    assert "rank: DEGRADATION_REASON_UNAVAILABLE" in done.stderr  # no Triton stands behind it


def test_a_refusal_names_the_field_and_its_limit(node: Node, gateway: Gateway) -> None:
    done = node("recommend.js", gateway.address, "anna", "101")
    assert done.returncode == 1
    assert done.stderr.startswith("INVALID_ARGUMENT")
    assert "  user_id: must be decimal digits" in done.stderr
    assert "  page_size: is 101; give 1 to 100" in done.stderr


def test_nobody_there_is_an_error_within_the_deadline(node: Node) -> None:
    done = node("recommend.js", "127.0.0.1:1", "7")
    assert done.returncode == 1
    assert done.stderr.startswith(("UNAVAILABLE", "DEADLINE_EXCEEDED"))


def test_events_and_request_ids_go_both_ways(node: Node, gateway: Gateway) -> None:
    program = """
    const { connect, credentials } = require("./recserve");
    const client = connect(process.argv[1], credentials.createInsecure());
    const event = {
      event_id: "node-1", user_id: "7", item_id: "100", kind: "click", event_time: { seconds: 1e9 },
    };
    const consent = { personalization: true, logging: true };
    client.RecordEvents({ events: [event], consent, request_id: "from-node" })
      .then(({ event_token: token, ...reply }) => console.log(JSON.stringify(reply), token.length))
      .then(() => client.RecordEvents({ events: [], request_id: "empty" }))
      .catch((error) => console.log(error.codeName, error.requestId, error.violations[0].field))
      .finally(() => client.close());
    """
    done = node("-e", program, gateway.address)
    assert done.stdout.splitlines() == [
        '{"request_id":"from-node","recorded_count":1} 40',
        "INVALID_ARGUMENT empty events",
    ]
    assert done.stderr == ""


def test_the_token_of_what_was_recorded_makes_the_next_slate_know_it(
    node: Node, gateway: Gateway
) -> None:
    recorded = node("record.js", gateway.address, "77", "105")
    assert (recorded.returncode, recorded.stderr) == (0, "recorded 1\n")
    done = node("recommend.js", gateway.address, "77", "100", recorded.stdout.strip())
    assert done.returncode == 0, done.stderr
    sources = dict(line.split("\t")[::2] for line in done.stdout.splitlines())
    assert "repeat" in sources["105"]
    assert "REASON_BEHIND" not in done.stderr
    forged = node("recommend.js", gateway.address, "77", "3", "forged")
    assert "  event_token: was not issued by this service" in forged.stderr


def test_batches_go_over_a_stream(node: Node, gateway: Gateway) -> None:
    program = """
    const { connect, credentials } = require("./recserve");
    const client = connect(process.argv[1], credentials.createInsecure());
    const event = { event_id: "s", user_id: "7", item_id: "1", event_time: { seconds: 1e9 } };
    const consent = { logging: true };
    const stream = client.StreamEvents();
    stream.on("data", ({ recorded, error }) =>
      console.log(recorded ? recorded.recorded_count : error.invalid_fields[0].field));
    stream.on("end", () => client.close());
    for (const kind of ["click", ""]) {
      stream.write({ batch: { events: [{ ...event, kind }], consent } });
    }
    stream.end();
    """
    done = node("-e", program, gateway.address)
    assert done.stdout.splitlines() == ["1", "events[0].kind"]
