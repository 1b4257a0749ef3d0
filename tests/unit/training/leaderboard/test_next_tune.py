"""How the parameters of leave-one-out are chosen, and what was."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from training.leaderboard import next_members, next_peers
from training.leaderboard.leave_one_out import leave_one_out
from training.leaderboard.next_fused import histories, read_shop
from training.leaderboard.next_members import MEMBERS, Member
from training.leaderboard.next_nearby import Nearby, nearby
from training.leaderboard.next_peers import NEXT_PEERS, Tuned
from training.leaderboard.next_tune import SEED, Attempt, attempt_of_member, attempt_of_peer, tune
from training.peers.ease import Ease
from training.peers.table import Peer
from training.tune import settings

COMMITTED = [
    *((name, NEXT_PEERS[name], of) for name, of in next_peers.read_tuned().items()),
    *((name, MEMBERS[name], of) for name, of in next_members.read_tuned().items()),
]


@pytest.mark.parametrize("name", ["ease", "nearby"])
def test_the_best_of_the_trials_is_chosen_and_as_many_are_told(state: Path, name: str) -> None:
    period = leave_one_out(state, back=1).periods[0]
    of = {**NEXT_PEERS, **MEMBERS}[name]
    attempt: Attempt = (
        attempt_of_peer(period)
        if name in NEXT_PEERS
        else attempt_of_member(period, read_shop(state))
    )
    console = Console(file=StringIO(), width=500)
    chosen = tune(name, of, 4, attempt, console)
    tried = settings(name, of, 4, SEED)
    reached = {str(one): attempt(name, one) for one in tried}
    best = max(reached, key=lambda one: sum(reached[one]))
    assert str(chosen.parameters) == best
    assert chosen.trials == len(tried) == 4
    assert (chosen.hit_rate10, chosen.ndcg10) == pytest.approx(reached[best], abs=1e-5)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(str(one) in said for one in tried)


@pytest.mark.parametrize("of", [NEXT_PEERS["ease"], MEMBERS["nearby"]])
def test_all_are_tried_as_often_as_they_say_or_as_is_asked(of: Peer[Any] | Member) -> None:
    def attempt(_name: str, _parameters: object) -> tuple[float, float]:
        return 0.2, 0.1

    console = Console(file=StringIO())
    assert tune("any", replace(of, trials=3), None, attempt, console).trials == 3
    assert tune("any", replace(of, trials=3), 5, attempt, console).trials == 5


def test_a_member_is_judged_by_its_own_order_of_what_was_not_taken(state: Path) -> None:
    period = leave_one_out(state, back=1).periods[0]
    shop = read_shop(state)
    of = histories(period.history, shop.keys)
    said = nearby(of, Nearby())
    wanted = period.targets["next"]
    people = period.history["user_id"].unique().sort().to_list()
    hits = []
    for user, item in zip(wanted.user_ids, wanted.items.values.tolist(), strict=True):
        row = people.index(user)
        taken = set(of.items[of.offsets[row] : of.offsets[row + 1]].tolist())
        order = [at for at in np.argsort(-said[row], kind="stable").tolist() if at not in taken]
        hits.append(item in shop.keys[order[:10]].tolist())
    hit_rate, _ = attempt_of_member(period, shop)("nearby", Nearby())
    assert hit_rate == pytest.approx(np.mean(hits))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "tuned.json"
    assert next_peers.read_tuned(path) == {}
    chosen = {"ease": Tuned(Ease(half_life_days=5.0, power=1.0), 6, 0.2, 0.1)}
    next_peers.write_tuned(chosen, path)
    assert next_peers.read_tuned(path) == chosen
    ours = {"nearby": Tuned(Nearby(reach=5), 6, 0.2, 0.1)}
    next_members.write_tuned(ours, path)
    assert next_members.read_tuned(path) == ours
    path.write_text(json.dumps({"ease": {"parameters": {"depth": 3}}}))
    with pytest.raises(TypeError, match="depth"):
        next_peers.read_tuned(path)


def test_all_have_as_many_trials_within_their_space() -> None:
    assert {name for name, _, _ in COMMITTED} == {*NEXT_PEERS, *MEMBERS}
    assert next_members.chosen() == {
        name: of.parameters for name, of in next_members.read_tuned().items()
    }
    for name, of, chosen in COMMITTED:
        tried = settings(name, of, of.trials, SEED)
        assert chosen.trials == len(tried)
        assert chosen.parameters in tried
