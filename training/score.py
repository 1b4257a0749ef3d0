"""Scores the running gateway: `python -m training.score --state FOLDER --endpoint HOST:PORT`.

Everybody who took something in the horizon after now is asked for, and their answers are held against what
they then took, beside the baselines and the same pipeline computed offline; for made-up data, also beside
what could have been known.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import numpy as np
from recserve.v1 import recommendation_service_pb2 as pb
from rich.console import Console
from rich.markup import escape

from serving.bundle import open_bundle
from serving.clock import Clock
from serving.errors import RecserveError
from training.atomic import replace_text
from training.data import open_prepared
from training.datasets import complete_journey
from training.datasets.errors import DataSetError
from training.errors import TrainingError
from training.evaluation.answers import baseline_slates, offline_answers
from training.evaluation.gateway_client import surface_of_items
from training.evaluation.held_out import Targets, counts, held_out, read_purchases
from training.evaluation.measurements import Subject
from training.evaluation.oracle import oracle_slates
from training.evaluation.score_checks import Check, checks, require_whole
from training.evaluation.score_run import Run, measure
from training.evaluation.score_table import (
    print_answers,
    print_checks,
    print_reach,
    print_scores,
)
from training.evaluation.served import Served, ask, requests
from training.final import require_permit
from training.prepare.contract import open_data_set
from training.progress_bar import progress_bar
from training.report import write_page
from training.settings import TrainingSettings, read_settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.score")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--endpoint", required=True, help="host:port of the gateway")
    given = parser.parse_args()
    console = Console()
    try:
        passed = score(read_settings(given.state), given.endpoint, console)
    except (TrainingError, DataSetError, RecserveError) as error:
        console.print(f"[red]score:[/red] {escape(str(error))}")
        return 1
    return 0 if passed else 1


def score(settings: TrainingSettings, endpoint: str, console: Console) -> bool:
    """Asks, scores, prints, and writes `<state>/report/score.json`; true if all that is judged holds.

    Raises:
        GatewayError: the gateway isn't running, or a request failed.
        ScoreRefused: the horizon is kept for `make final`, or the answers are not to be scored.
        TrainingError, DataSetError, RecserveError: the state folder is incomplete.
    """
    prepared = open_prepared(settings.prepared)
    data = open_data_set(settings.state / "dataset")
    require_permit(settings.state, prepared.now, data.default_now)
    bundle = open_bundle(settings.bundles / "current")
    purchases = read_purchases(settings.state)
    targets = held_out(purchases, prepared.now, prepared.horizon)
    surface = surface_of_items(bundle.policy.surfaces)
    served = _ask(endpoint, targets, data.id_kind, surface, console)
    require_whole(served, bundle.bundle_id)
    slates = baseline_slates(purchases, prepared.now, targets)
    for task, known in oracle_slates(settings.state, purchases, prepared.now, targets).items():
        slates[task] |= known
    judged = offline_answers(settings, prepared.now, targets, console)
    subject = Subject(data.name, settings.seed, len(prepared.item_keys))
    threshold = bundle.policy.classification_threshold
    run = measure(subject, targets, served, judged, slates, threshold)
    found = checks(run.measurements, unjudged=_unjudged(data.name, settings.profile))
    about = {
        "dataset": data.name,
        "now": prepared.now.isoformat(),
        "horizon_days": prepared.horizon.days,
        "profile": settings.profile,
        "bundle_id": bundle.bundle_id,
        "users": counts(targets),
        "threshold": threshold,
    }
    # Written before it is shown: what was seen once is on record.
    _write(settings.state, about | _results(served, run, found))
    print_scores(run.measurements, run.differences, run.models, counts(targets), console)
    print_reach(run.measurements, console)
    print_answers(served, run.identical, _hours_past(settings.state, prepared.now), console)
    print_checks(found, console)
    write_page(settings.state)
    return all(check.passed for check in found if check.judged)


def _unjudged(dataset: str, profile: str) -> str:
    """Why the bar of personal decay can't fail the run; empty if it can."""
    if profile != "full":
        return "the quick profile is too small to be judged by this"
    if dataset != complete_journey.NAME:
        return f"only {complete_journey.NAME} is judged by this"
    return ""


def _ask(
    endpoint: str,
    targets: Mapping[str, Targets],
    id_kind: str,
    surface: pb.Surface,
    console: Console,
) -> Served:
    total = sum(map(len, requests(targets, surface).values()))
    with progress_bar(console, f"Asking {endpoint}", total) as advance:
        return ask(endpoint, targets, id_kind, surface, lambda: advance(1))


def _write(state: Path, document: Mapping[str, object]) -> None:
    replace_text(state / "report" / "score.json", json.dumps(document, indent=1) + "\n")


def _results(served: Served, run: Run, found: Sequence[Check]) -> dict[str, object]:
    return {
        "answers": _about(served, run),
        "checks": [asdict(check) for check in found],
        "differences": [
            {"task": task, "metric": metric, **asdict(interval)}
            for (task, metric), interval in run.differences.items()
        ],
        "measurements": [asdict(m) for m in run.measurements],
    }


def _about(served: Served, run: Run) -> dict[str, object]:
    middle, slow = np.percentile(served.milliseconds, (50, 99))
    return {
        "count": served.answers,
        "degraded": served.degraded,
        "degradations": dict(served.degradations),
        "cold_starts": served.cold_starts,
        "identical_to_offline": run.identical,
        "snapshots": served.snapshots,
        "caller_ms": {"p50": float(middle), "p99": float(slow)},
    }


def _hours_past(state: Path, now: datetime) -> float:
    """How far the running system's clock is past its now; features age with it."""
    path = state / "run" / "clock.json"
    if not path.is_file():
        return 0.0
    offset = float(json.loads(path.read_text())["offset_s"])
    return (Clock(offset).now_s() - now.timestamp()) / 3600


if __name__ == "__main__":
    sys.exit(main())
