"""The machine that a figure comes from, and the environment in which a process measures."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from tests.load.peers import ROOT


def machine() -> str:
    """As it is at the moment: others that run on it are in the load."""
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}, "
        f"numpy {version('numpy')}, redis-py {version('redis')}"
    )


def environment(metrics: Path | None = None) -> dict[str, str]:
    """Without settings of ours; `metrics` is the folder of a worker's figures."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("RECSERVE_")}
    clean |= {"OMP_NUM_THREADS": "1", "FEAST_USAGE": "False", "PYTHONHASHSEED": "0"}
    if metrics is not None:
        metrics.mkdir(parents=True, exist_ok=True)
        clean["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    clean["PYTHONPATH"] = os.pathsep.join(
        [str(ROOT), str(ROOT / "protos"), *filter(None, [clean.get("PYTHONPATH")])]
    )
    return clean
