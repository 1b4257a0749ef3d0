"""Gets a data set: `python -m training.datasets --name complete_journey --out FOLDER`.

`--data FOLDER` takes somebody's own instead. Some are read from packages, `shop` and `courses` are made up.
"""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from training.datasets import complete_journey, movielens, own
from training.datasets.errors import DataSetError
from training.datasets.generated.courses import COURSES
from training.datasets.generated.generate import SEED, generate
from training.datasets.generated.shop import SHOP

CONVERTERS = {
    complete_journey.NAME: complete_journey.convert,
    movielens.NAME: movielens.convert,
}
DOMAINS = {domain.name: domain for domain in (SHOP, COURSES)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.datasets")
    parser.add_argument(
        "--name", choices=sorted((*CONVERTERS, *DOMAINS)), default=complete_journey.NAME
    )
    parser.add_argument("--data", type=Path, help="a folder in the form of docs/contracts.md")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--users", type=int, default=0, help="keep, or draw, that many; 0: all")
    parser.add_argument("--seed", type=int, default=SEED, help="of what is made up")
    given = parser.parse_args()
    console = Console()
    try:
        if given.data:
            own.copy(given.data, given.out, console)
        elif given.name in DOMAINS:
            generate(DOMAINS[given.name], given.out, given.users, given.seed, console)
        else:
            CONVERTERS[given.name](given.out, given.users, console)
    except DataSetError as error:
        console.print(f"[red]data set:[/red] {escape(str(error))}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
