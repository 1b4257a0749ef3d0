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
      .then((reply) => console.log(JSON.stringify(reply)))
      .then(() => client.RecordEvents({ events: [], request_id: "empty" }))
      .catch((error) => console.log(error.codeName, error.requestId, error.violations[0].field))
      .finally(() => client.close());
    """
    done = node("-e", program, gateway.address)
    assert done.stdout.splitlines() == [
        '{"request_id":"from-node","recorded_count":1}',
        "INVALID_ARGUMENT empty events",
    ]
    assert done.stderr == ""
