"""Who takes part in leave-one-out: the peers, with what tuning chose, and our fused entrant."""

import inspect
import time
from collections.abc import Mapping
from pathlib import Path

from training.leaderboard import next_fused, next_members
from training.leaderboard.answers import DEEPEST, Answers
from training.leaderboard.next_peers import NEXT_PEERS, TUNED, asked, read_tuned
from training.leaderboard.question import NO_SEED, SEEDS, Entrant, Question
from training.peers.tuned import parameters_of


def peer(name: str) -> Entrant:
    def answer(question: Question, seed: int) -> Answers:
        began = time.perf_counter()
        parameters = parameters_of(name, NEXT_PEERS[name], read_tuned())
        of = (question.purchases, question.cutoff, question.user_ids)
        pages = asked(name, parameters, *of, DEEPEST, seed)
        return Answers(question.user_ids, pages.any, pages.new, time.perf_counter() - began)

    source = Path(inspect.getfile(NEXT_PEERS[name].rank))
    seeds = SEEDS if NEXT_PEERS[name].draws else NO_SEED
    return Entrant(answer, source, seeds, (TUNED,))


ENTRANTS: Mapping[str, Entrant] = {
    **{name: peer(name) for name in NEXT_PEERS},
    "fused": Entrant(next_fused.answer, Path(next_fused.__file__), SEEDS, (next_members.FILE,)),
}
