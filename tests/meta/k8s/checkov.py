"""Asks checkov about everything that is rendered: `python -m tests.meta.k8s.checkov --checkov PROGRAM`.

Not a test: its environment is large. What it finds and we mean is listed here alone, with the reason.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tests.meta.k8s.rendering import K8S, folders, render_any

MEANT = {
    "CKV_K8S_43": "images have the release's tag until `make release` pins them by digest",
    "CKV_K8S_15": "a tag is never moved, and a digest can't be: nothing is to be pulled again",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.meta.k8s.checkov")
    parser.add_argument("--checkov", type=Path, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        written = Path(scratch) / "rendered"
        written.mkdir()
        (Path(scratch) / "base-and-component").mkdir()
        for folder in (K8S / "base", *folders("overlays"), *folders("components")):
            objects = render_any(folder, Path(scratch) / "base-and-component")
            (written / f"{folder.name}.yaml").write_text(yaml.safe_dump_all(objects))
        found = _asked(given.checkov.absolute(), written)
    failed = {
        (f["check_id"], f["check_name"], f["file_path"], f["resource"])
        for f in found["failed_checks"]
    }
    for line in sorted(" ".join(parts) for parts in failed):
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"checkov: {len(found['passed_checks'])} passed, {len(failed)} failed\n")
    return 1 if failed or not found["passed_checks"] or found["parsing_errors"] else 0


def _asked(checkov: Path, folder: Path) -> dict[str, list[dict[str, str]]]:
    done = subprocess.run(
        [
            checkov,
            "--framework",
            "kubernetes",
            "--skip-download",
            "--output",
            "json",
            "--skip-check",
            ",".join(MEANT),
            "--directory",
            folder,
        ],
        stdout=subprocess.PIPE,
        check=False,  # 1 where something was found
    )
    results: dict[str, list[dict[str, str]]] = json.loads(done.stdout)["results"]
    return results


if __name__ == "__main__":
    sys.exit(main())
