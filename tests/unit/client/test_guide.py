"""What docs/client.md shows works as shown, against a gateway with and without TLS."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from click.testing import CliRunner
from recserve.client.cli.exits import EXITS
from recserve.client.cli.program import recserve

from tests.fakes.certificates import Authority
from tests.fakes.scripted_gateway import ScriptedGateway, serving
from tests.meta.imports import ROOT

GUIDE = (ROOT / "docs/client.md").read_text()
NAME = "recommendations.shop.example"


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


PYTHON = _blocks("python")
COMMANDS = [line for block in _blocks("sh") for line in block.splitlines()]


@pytest.fixture
def encrypted(
    gateway: ScriptedGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """In a folder with the files that the guide reads."""
    authority = Authority()
    server, caller = authority.sign(NAME), authority.sign("caller")
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    (tmp_path / "client.pem").write_bytes(caller.certificate)
    (tmp_path / "client.key").write_bytes(caller.key)
    (tmp_path / "events.jsonl").write_text(_blocks("json")[0])
    monkeypatch.chdir(tmp_path)
    credentials = grpc.ssl_server_credentials(
        [(server.key, server.certificate)], authority.certificate, require_client_auth=True
    )
    with serving(gateway, credentials) as endpoint:
        yield endpoint


def test_the_guide_has_its_blocks() -> None:
    assert (len(PYTHON), len(COMMANDS), len(_blocks("json"))) == (9, 9, 1)


@pytest.mark.parametrize("number", range(len(PYTHON)))
def test_a_block_of_python_runs(
    number: int, endpoint: str, encrypted: str, gateway: ScriptedGateway
) -> None:
    code = PYTHON[number].replace(f"{NAME}:443", encrypted)
    code = re.sub(r"127\.0\.0\.1:50051|gateway:50051", endpoint, code)
    exec(compile(code, f"block {number} of docs/client.md", "exec"), {})
    assert gateway.asked


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_runs(line: str, endpoint: str, encrypted: str, gateway: ScriptedGateway) -> None:
    program, *args = shlex.split(line)
    environment = {"RECSERVE_ENDPOINT": endpoint}
    done = CliRunner().invoke(recserve, [*args, "--timeout", "30"], env=environment)
    assert (program, done.exit_code, done.stderr.count("Error")) == ("recserve", 0, 0)
    assert gateway.asked


def test_the_guide_names_every_error_and_exit_code() -> None:
    assert [error.__name__ for error in EXITS if f"| `{error.__name__}` |" not in GUIDE] == []
    told = {int(code) for code in re.findall(r"^\| (\d) \|", GUIDE, re.MULTILINE)}
    assert told == {0, *EXITS.values()}
