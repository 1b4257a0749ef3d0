"""The program as a shell sees it."""

import subprocess
import sys

import click
import pytest
from click.shell_completion import CompletionItem, ShellComplete
from click.testing import CliRunner
from recserve.client import Device, Surface, __version__
from recserve.client.cli.exits import EXITS
from recserve.client.cli.program import recserve
from recserve.client.statuses import ERRORS

PROGRAM = (
    "import sys; from recserve.client.cli.program import main; sys.argv[0] = 'recserve'; main()"
)


def test_it_tells_its_version() -> None:
    done = CliRunner().invoke(recserve, ["--version"])
    assert done.output == f"recserve, version {__version__}\n"


def test_its_help_names_commands_and_exit_codes() -> None:
    shown = CliRunner().invoke(recserve, ["--help"]).output
    for word in ("recommend", "rank", "similar", "record", "status", "completion", "Exit codes"):
        assert word in shown


@pytest.mark.parametrize("command", recserve.commands)
def test_every_option_of_a_command_has_its_help(command: str) -> None:
    params = recserve.commands[command].params
    silent = [p.name for p in params if isinstance(p, click.Option) and not p.help]
    assert silent == []


def test_every_error_has_an_exit_code() -> None:
    assert set(EXITS) == set(ERRORS.values())


@pytest.mark.parametrize(
    ("args", "typed", "expected"),
    [
        (["recommend", "--surface"], "", {s.value for s in Surface} - {"unknown"}),
        (["recommend", "--surface"], "me", {"membership_offer"}),
        (["rank", "--device"], "", {d.value for d in Device} - {"unknown"}),
        (["status", "--output"], "json", {"json", "jsonl"}),
        ([], "re", {"recommend", "record"}),
        (["completion"], "", {"bash", "zsh", "fish"}),
    ],
)
def test_words_are_completed(args: list[str], typed: str, expected: set[str]) -> None:
    found: list[CompletionItem] = ShellComplete(
        recserve, {}, "recserve", "_RECSERVE_COMPLETE"
    ).get_completions(args, typed)
    assert {item.value for item in found} == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str) -> None:
    done = CliRunner().invoke(recserve, ["completion", shell])
    assert done.exit_code == 0
    assert f"_RECSERVE_COMPLETE={shell}_complete" in done.output


def test_bash_completes_with_the_script() -> None:
    """As the script asks it, in a process of its own."""
    environment = {
        "_RECSERVE_COMPLETE": "bash_complete",
        "COMP_WORDS": "recserve recommend --surface pro",
        "COMP_CWORD": "3",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["plain,product", "plain,promotion"]
