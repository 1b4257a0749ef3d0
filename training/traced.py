"""Runs a module and tells make what it was made of: `python -m training.traced TARGET MODULE ARGUMENTS...`.

Beside the result, `$(STATE)/deps/<module>.d` lists every file of this repository that the run imported,
as prerequisites of $(STATE)/TARGET: so a step is redone when code that it runs changes, and only then.
"""

import os
import runpy
import signal
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import NoReturn

from training.atomic import replace_text

ROOT = Path(__file__).parents[1]


def main() -> None:
    target, module, *arguments = sys.argv[1:]
    sys.argv[1:] = arguments
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code:
            raise
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)  # make says which step it was
    state = Path(os.environ["RECSERVE_STATE"])
    (state / "deps").mkdir(exist_ok=True)
    files = (imported() | {file_of(module)}) - {file_of("training.traced")}
    replace_text(state / f"deps/{module}.d", rule(target, files))


def end(number: int, _: FrameType | None) -> NoReturn:
    """An ended step takes along what it started, such as the Triton that checks a bundle."""
    sys.exit(128 + number)


def imported() -> set[str]:
    """Files of the repository that this process has imported, relative to its root."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    inside = {Path(file) for file in files if file and Path(file).is_relative_to(ROOT)}
    return {path.relative_to(ROOT).as_posix() for path in inside if ".venv" not in path.parts}


def file_of(module: str) -> str:
    """Its source, a package's `__main__`, relative to the root."""
    spec = find_spec(module)
    if spec is not None and spec.submodule_search_locations is not None:
        spec = find_spec(f"{module}.__main__")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named {module}")
    return Path(spec.origin).relative_to(ROOT).as_posix()


def rule(target: str, files: Iterable[str]) -> str:
    """A rule for make; the empty ones let a file that is gone since count as changed."""
    ordered = sorted(files)
    empty = "".join(f"{file}:\n" for file in ordered)
    return f"$(STATE)/{target}: {' '.join(ordered)}\n{empty}"


if __name__ == "__main__":
    main()
