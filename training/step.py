"""What a step took: seconds and peak memory, written beside its result."""

import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from training.atomic import replace_text


@contextmanager
def step(folder: Path, name: str) -> Iterator[dict[str, object]]:
    """Yields a dictionary for the step's own figures; `<folder>/<name>.json` holds it if all went well."""
    folder.mkdir(parents=True, exist_ok=True)
    figures: dict[str, object] = {}
    began = time.monotonic()
    yield figures
    figures["seconds"] = round(time.monotonic() - began, 2)
    # Of the process that took most; Linux counts in KiB.
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    most = max(resource.getrusage(one).ru_maxrss for one in whose)
    figures["peak_memory_bytes"] = most * 1024
    replace_text(folder / f"{name}.json", json.dumps(figures, indent=1, sort_keys=True) + "\n")
