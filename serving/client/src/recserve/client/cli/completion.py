"""Completion of commands, options, surfaces and devices in bash, zsh and fish."""

import click
from click.shell_completion import get_completion_class

PROGRAM = "recserve"
VARIABLE = "_RECSERVE_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes recserve in a shell.

    For bash, in ~/.bashrc: eval "$(recserve completion bash)"
    """
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"this click completes no {shell}")
    click.echo(kind(context.find_root().command, {}, PROGRAM, VARIABLE).source())
