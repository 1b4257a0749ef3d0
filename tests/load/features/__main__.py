"""`make bench-features`: features.read, features.memory and events.ingest, into one file.

The profile of a read lies beside the figures; where a target is missed, it says why.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from serving.clock import Clock
from tests.load.features.events import measure_events, recorders
from tests.load.features.memory import measure_memory
from tests.load.features.reads import explained, measure_reads, readers, write_profile
from tests.load.features.sizes import FULL, SMALL, Sizes
from tests.load.features.stock import measure_stock, stock_feast
from tests.load.features.stored import filled_store
from tests.load.features.system import running_system
from tests.load.figures import Figure, table, write_figures

PARTS = ("read", "feast", "events")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load.features", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the file of the figures")
    parser.add_argument("--small", action="store_true", help="a quick look: figures of no meaning")
    parser.add_argument("--only", choices=PARTS, action="append", help="default: all parts")
    given = parser.parse_args()
    figures = measured(SMALL if given.small else FULL, given.only or PARTS, given.out)
    write_figures(given.out, figures)
    say(table(figures))
    missed = [figure.name for figure in figures if figure.missed]
    if missed:
        say(f"missed: {', '.join(missed)}; {profile_of(given.out)} says where the time goes")
    return 0


def measured(sizes: Sizes, parts: Sequence[str], out: Path) -> list[Figure]:
    """Everything in a folder of its own, which goes away with it."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="recserve-bench-") as name:
        began = time.monotonic()
        with filled_store(Path(name), sizes, Clock().now_us()) as filled:
            say(f"{sizes.items} items and {sizes.users} users in {time.monotonic() - began:.0f} s")
            with readers(filled) as both:
                summary = write_profile(both, profile_of(out))
                if "read" in parts:
                    figures += measure_reads(both)
                    say("features.read is measured")
                if "feast" in parts:
                    with stock_feast(filled) as stock:
                        figures += measure_stock(both, stock) + measure_memory(filled, stock)
                    say("stock Feast and features.memory are measured")
            if "events" in parts:
                with running_system(filled) as system, recorders(system) as all_:
                    figures += measure_events(all_)
                say("events.ingest is measured")
    return explained(figures, summary)


def profile_of(out: Path) -> Path:
    return out.with_name(f"{out.stem}-profile.txt")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
