"""Chooses the parameters of coupon response: `python -m training.leaderboard.coupon_tune --state FOLDER`.

Every model is tried by as many settings, six by default: its defaults and draws from its space. All are
judged on the campaigns that teach, each mailing by what is said of it without its own campaign: nothing of
the campaigns that are judged is looked at. The fusion comes last, of members with what was chosen.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.markup import escape

from training.coupons.classifiers import left_out
from training.coupons.responses import Mailed, mailed, read_pairs, taught
from training.errors import TrainingError
from training.leaderboard.coupon_models import MODELS, Tuned, read_tuned, write_tuned
from training.leaderboard.coupon_response import SPLIT
from training.tune import settings, trial_count

SEED = 7
LEAST = 1e-7  # a probability counts as no less, and as no nearer to 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.leaderboard.coupon_tune")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--trials", type=trial_count, help="default: the model's own")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    given = parser.parse_args()
    console = Console()
    try:
        by = teaching(given.state)
    except TrainingError as error:
        console.print(f"[red]coupon_tune:[/red] {escape(str(error))}")
        return 1
    for name in (name for name in MODELS if name in given.models):
        write_tuned(read_tuned() | {name: tune(name, given.trials, by, console)})
    return 0


def teaching(state: Path) -> Mailed:
    """The campaigns that were over before those that are judged start.

    Raises:
        PreparedError: the folder was not made.
    """
    return mailed(taught(read_pairs(state), SPLIT), told=True)


def tune(name: str, trials: int | None, by: Mailed, console: Console) -> Tuned:
    """Tries the settings in turn, and tells of each."""
    given = settings(name, MODELS[name], trials, SEED)
    tried = []
    for parameters in given:
        began = time.perf_counter()
        loss = attempt(name, parameters, by)
        seconds = time.perf_counter() - began
        tried.append(Tuned(parameters, len(given), round(loss, 5)))
        told = f"{name}, {parameters}: log loss {loss:.5f} ({seconds:.0f} s)"
        console.print(escape(told), highlight=False, soft_wrap=True)
    return min(tried, key=lambda one: one.log_loss)


def attempt(name: str, parameters: object, by: Mailed) -> float:
    """Mean log loss over the mailings, each said without its own campaign."""
    found = left_out(MODELS[name].by(parameters), by, SEED).clip(LEAST, 1.0 - LEAST)
    return float(-np.mean(np.where(by.redeemed == 1, np.log(found), np.log1p(-found))))


if __name__ == "__main__":
    sys.exit(main())
