"""Gets a data set: `python -m training.datasets --name complete_journey --out FOLDER`.

`--data FOLDER` takes somebody's own instead.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from training.datasets import complete_journey, own
from training.datasets.errors import DataSetError

CONVERTERS = {complete_journey.NAME: complete_journey.convert}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.datasets")
    parser.add_argument("--name", choices=sorted(CONVERTERS), default=complete_journey.NAME)
    parser.add_argument("--data", type=Path, help="a folder in the form of docs/contracts.md")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--users", type=int, default=0, help="keep that many users; 0 keeps all")
    given = parser.parse_args()
    console = Console()
    try:
        if given.data:
            own.copy(given.data, given.out, console)
        else:
            CONVERTERS[given.name](given.out, given.users, console)
    except DataSetError as error:
        console.print(f"[red]data set:[/red] {escape(str(error))}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
