"""Learned quotas against every other way to share the list."""

from itertools import product

import numpy as np
import pytest

from training.learning import quotas as shared
from training.learning.quotas import NOWHERE, STEP, Wanted, exchanged, learned, places_of

NAMES = ("repeat", "near", "popular")
ROOM = 5 * STEP


def draw_task(random: np.random.Generator, purchases: int = 60) -> Wanted:
    """Eight people; each source has what they took at some place, the better ones in front, or nowhere."""
    places = {}
    for name, typical in zip(NAMES, random.uniform(5, 80, len(NAMES)), strict=True):
        found = random.exponential(typical, purchases).astype(np.int64)
        places[name] = np.where(random.random(purchases) < 0.3, NOWHERE, found)
    return Wanted(np.sort(random.integers(0, 8, purchases)), places)


def recall(task: Wanted, quotas: dict[str, int]) -> float:
    """Mean over people of the share of what they took that a source has within its quota."""
    shares = []
    for user in sorted(set(task.user.tolist())):
        mine = np.flatnonzero(task.user == user)
        hits = [any(task.places[n][i] < quota for n, quota in quotas.items()) for i in mine]
        shares.append(np.mean(hits))
    return float(np.mean(shares))


def best_of_all(tasks: list[Wanted], room: int) -> float:
    steps = room // STEP
    return max(
        sum(
            recall(task, dict(zip(NAMES, (STEP * n for n in share), strict=True))) for task in tasks
        )
        for share in product(range(steps + 1), repeat=len(NAMES))
        if sum(share) <= steps
    )


@pytest.mark.parametrize("seed", range(12))
def test_little_is_lost_against_the_best_of_all_shares(seed: int) -> None:
    random = np.random.default_rng(seed)
    tasks = [draw_task(random), draw_task(random)]
    quotas = learned(tasks, dict.fromkeys(NAMES, ROOM), {}, ROOM)
    assert sum(quotas.values()) <= ROOM
    found = sum(recall(task, quotas) for task in tasks)
    assert found >= 0.95 * best_of_all(tasks, ROOM)


def one_person(**places: list[int]) -> Wanted:
    count = len(next(iter(places.values())))
    return Wanted(
        np.zeros(count, dtype=np.int64), {n: np.array(p, dtype=np.int64) for n, p in places.items()}
    )


def test_places_go_where_they_find_most_and_none_to_who_adds_nothing() -> None:
    task = one_person(a=[0, 1, 2, NOWHERE], b=[0, 1, NOWHERE, NOWHERE], c=[NOWHERE] * 3 + [20])
    limits = dict.fromkeys("bac", 64)
    assert learned([task], limits, {}, 160) == {"a": 16, "c": 32}
    assert list(learned([task], limits, {"b": 4}, 160).items()) == [("b", 4), ("a", 16), ("c", 32)]


def test_a_find_behind_poor_places_is_reached() -> None:
    task = one_person(a=[200, 201], b=[NOWHERE, NOWHERE])
    assert learned([task], {"a": 256, "b": 256}, {}, 512) == {"a": 208}
    assert learned([task], {"a": 256, "b": 256}, {}, 192) == {}


def test_no_quota_passes_a_limit_a_floor_or_the_room() -> None:
    task = one_person(a=list(range(100)), b=[NOWHERE] * 100)
    limits = {"a": 40, "b": 10}
    assert learned([task], limits, {"b": 32}, 512) == {"a": 40, "b": 10}
    assert learned([task], {"a": 100, "b": 32}, {"b": 32}, 50) == {"a": 18, "b": 32}


def test_everybody_counts_alike_however_much_they_took() -> None:
    """One who took forty, which a has, and three who took one each, which b has."""
    user = np.array([0] * 40 + [1, 2, 3])
    a = np.array([*([5] * 40), NOWHERE, NOWHERE, NOWHERE])
    b = np.array([*([NOWHERE] * 40), 5, 5, 5])
    task = Wanted(user, {"a": a, "b": b})
    assert learned([task], {"a": 64, "b": 64}, {}, STEP) == {"b": STEP}


def test_a_task_without_a_purchase_changes_nothing() -> None:
    task, nothing = one_person(a=[3], b=[NOWHERE]), one_person(a=[], b=[])
    limits = {"a": 64, "b": 64}
    assert learned([task, nothing], limits, {}, 64) == learned([task], limits, {}, 64) == {"a": 16}
    assert learned([nothing], limits, {"b": 16}, 64) == {"b": 16}


def test_places_are_those_of_a_search_through_each_persons_list() -> None:
    random = np.random.default_rng(1)
    proposed = np.stack([random.permutation(50)[:20] for _ in range(30)])
    proposed[::3, 12:] = -1
    users, wanted = random.integers(0, 30, 5000), random.integers(0, 50, 5000)
    found = places_of(proposed, users, wanted)
    for user, key, place in zip(users, wanted, found, strict=True):
        listed = proposed[user].tolist()
        assert place == (listed.index(key) if key in listed else NOWHERE)


def test_places_that_a_source_leaves_unused_go_to_the_next() -> None:
    """One person owns much and one little: places for the first cost the second nothing."""
    user = np.array([0, 0, 1, 1])
    places = {"repeat": np.array([5, 90, 2, NOWHERE]), "model": np.array([NOWHERE] * 3 + [70])}
    lengths = {"repeat": np.array([100, 100, 10, 10]), "model": np.array([200] * 4)}
    wanted = Wanted(user, places, lengths)
    assert shared.recall(wanted, {"repeat": 32, "model": 96}) == pytest.approx(0.75)
    assert shared.recall(wanted, {"repeat": 96, "model": 32}) == pytest.approx(1.0)
    limits = {"repeat": 512, "model": 256}
    found = exchanged(wanted, {"repeat": 32, "model": 96}, limits, {"repeat": 16})
    assert shared.recall(wanted, found) == pytest.approx(1.0)
    assert sum(found.values()) == 128


def test_an_exchange_takes_nobody_below_their_floor_or_above_their_limit() -> None:
    wanted = Wanted(
        np.array([0, 1]),
        {"repeat": np.array([60, 61]), "popular": np.array([NOWHERE, NOWHERE])},
        {"repeat": np.array([80, 80]), "popular": np.array([90, 90])},
    )
    found = exchanged(
        wanted, {"repeat": 32, "popular": 96}, {"repeat": 48, "popular": 128}, {"popular": 32}
    )
    assert found["repeat"] <= 48
    assert found["popular"] >= 32
