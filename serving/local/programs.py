"""Programs of ours as processes: how they are started, and asked whether they are ready."""

import os
import subprocess
import sys
import urllib.request
from collections.abc import Collection, Mapping
from http.client import HTTPException
from pathlib import Path

from serving.local.fingerprints import ROOT
from serving.local.ports import Port
from serving.triton.ports import LOOPBACK

ANSWER_S = 2


def launch(module: str, variables: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RECSERVE_STACK_")}
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**kept, **variables},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def ready(port: Port) -> bool:
    """Whether `/readyz` there says so."""
    url = f"http://{LOOPBACK}:{port.number}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):
        return False


def sources(without: Collection[str]) -> list[Path]:
    """The code of a program that runs none of these folders of serving/, and what it stands on."""
    parts = [path for path in sorted((ROOT / "serving").iterdir()) if path.name not in without]
    ours = [path for path in parts if path.is_dir() or path.suffix == ".py"]
    return [*ours, ROOT / "protos/recserve", ROOT / "requirements/project.lock"]
