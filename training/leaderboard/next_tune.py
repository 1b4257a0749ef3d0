"""Chooses the parameters of leave-one-out: `python -m training.leaderboard.next_tune --state FOLDER`.

Every peer and every member of our entrant, each by itself, is tried by as many settings as its table says:
its defaults and draws from its space. All are judged on everybody's second-last item: the last ones are not
among what a trial sees.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from training.datasets.errors import DataSetError
from training.errors import TrainingError
from training.evaluation.held_out import rows_of
from training.evaluation.metrics import judge
from training.leaderboard import next_members, next_peers
from training.leaderboard.contests import Period
from training.leaderboard.leave_one_out import TASK, leave_one_out
from training.leaderboard.next_fused import Shop, alone, histories, page_of, read_shop
from training.leaderboard.next_peers import Tuned
from training.peers.tuned import Tunable
from training.tune import settings, trial_count

SEED = 7
K = 10
Attempt = Callable[[str, Any], tuple[float, float]]  # hit rate and NDCG at K of these parameters


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.leaderboard.next_tune")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--trials", type=trial_count, help="default: each one's own")
    parser.add_argument("--peers", nargs="*", choices=next_peers.NEXT_PEERS, help="default: all")
    parser.add_argument("--members", nargs="*", choices=next_members.MEMBERS, help="default: all")
    given = parser.parse_args()
    console = Console()
    try:
        period = leave_one_out(given.state, back=1).periods[0]
        shop = read_shop(given.state)
    except (TrainingError, DataSetError) as error:
        console.print(f"[red]next_tune:[/red] {escape(str(error))}")
        return 1
    every = given.peers is None and given.members is None
    for name in next_peers.NEXT_PEERS if every else given.peers or ():
        peer = next_peers.NEXT_PEERS[name]
        found = tune(name, peer, given.trials, attempt_of_peer(period), console)
        next_peers.write_tuned(next_peers.read_tuned() | {name: found})
    for name in next_members.MEMBERS if every else given.members or ():
        member = next_members.MEMBERS[name]
        found = tune(name, member, given.trials, attempt_of_member(period, shop), console)
        next_members.write_tuned(next_members.read_tuned() | {name: found})
    return 0


def tune(name: str, of: Tunable, trials: int | None, attempt: Attempt, console: Console) -> Tuned:
    """Tries the settings in turn, and tells of each."""
    given = settings(name, of, trials, SEED)
    tried = []
    for parameters in given:
        began = time.perf_counter()
        hit_rate, ndcg = attempt(name, parameters)
        seconds = time.perf_counter() - began
        tried.append(Tuned(parameters, len(given), round(hit_rate, 5), round(ndcg, 5)))
        told = f"{name}, {parameters}: hit rate {hit_rate:.4f}, NDCG {ndcg:.4f} ({seconds:.0f} s)"
        console.print(escape(told), highlight=False, soft_wrap=True)
    return best(tried)


def best(tried: list[Tuned]) -> Tuned:
    return max(tried, key=lambda one: one.hit_rate10 + one.ndcg10)


def attempt_of_peer(period: Period) -> Attempt:
    def attempt(name: str, parameters: Any) -> tuple[float, float]:
        told = (period.history, period.cutoff, period.user_ids)
        return _judged(period, next_peers.asked(name, parameters, *told, K, SEED).new)

    return attempt


def attempt_of_member(period: Period, shop: Shop) -> Attempt:
    of = histories(period.history, shop.keys)

    def attempt(name: str, parameters: Any) -> tuple[float, float]:
        said = alone(name, parameters, of, shop, SEED)
        return _judged(period, page_of(said, period.history, period.user_ids, shop, K))

    return attempt


def _judged(period: Period, page: np.ndarray[Any, np.dtype[np.int64]]) -> tuple[float, float]:
    targets = period.targets[TASK]
    judged = judge(page[rows_of(targets.user_ids, period.user_ids)], targets.items)
    return float(judged.hit_rate(K).mean()), float(judged.ndcg(K).mean())


if __name__ == "__main__":
    sys.exit(main())
