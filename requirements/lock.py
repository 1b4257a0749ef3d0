"""Resolves `<name>.in` into `<name>.lock`: exact versions and hashes, for this platform.

`python requirements/lock.py project data:no-deps ...`. torch is left out of the locks but its own: which
build it is depends on the machine's index, so the Makefile installs it by its version alone.
"""

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
LEFT_OUT = {"torch"}
CARRIERS = {"nvidia-pytriton"}  # installed for the binary that they carry, without dependencies


def lock(name: str, *, dependencies: bool) -> None:
    wanted = [
        line.strip()
        for line in (FOLDER / f"{name}.in").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    alone = [w for w in wanted if w.split("=")[0] in CARRIERS or not dependencies]
    rest = [w for w in wanted if w not in alone]
    found = _resolve(alone, "--no-deps") | (_resolve(rest) if rest else {})
    found = {p: digest for p, digest in found.items() if p.split("=")[0] not in LEFT_OUT - {name}}
    lines = [f"{package} --hash=sha256:{digest}" for package, digest in sorted(found.items())]
    (FOLDER / f"{name}.lock").write_text("\n".join(lines) + "\n")
    sys.stdout.write(f"{name}.lock: {len(lines)} packages\n")


def _resolve(wanted: list[str], *flags: str) -> dict[str, str]:
    if not wanted:
        return {}
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    report = subprocess.run(
        [*command, "--report", "-", *flags, *wanted], check=True, stdout=subprocess.PIPE
    ).stdout
    return {
        f"{item['metadata']['name']}=={item['metadata']['version']}": _digest(item)
        for item in json.loads(report)["install"]
    }


def _digest(item: dict[str, dict[str, dict[str, dict[str, str]]]]) -> str:
    return item["download_info"]["archive_info"]["hashes"]["sha256"]


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        name, _, option = argument.partition(":")
        lock(name, dependencies=option != "no-deps")
