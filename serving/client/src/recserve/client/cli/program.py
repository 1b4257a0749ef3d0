"""The command line, `recserve`."""

import click
from recserve.client.cli.completion import PROGRAM, VARIABLE, completion
from recserve.client.cli.reads import rank, recommend, search, similar, status, suggest
from recserve.client.cli.record import record
from recserve.client.version import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
def recserve() -> None:
    """Ask a Recserve gateway, and tell it what people did.

    Exit codes: 0 answered, even with nothing; 2 wrong usage or an invalid request; 3 not found or
    not served here; 4 unavailable, overloaded or past the deadline; 5 a fault of the server.
    """


for command in (recommend, rank, similar, search, suggest, record, status, completion):
    recserve.add_command(command)


def main() -> None:
    recserve(prog_name=PROGRAM, complete_var=VARIABLE)
