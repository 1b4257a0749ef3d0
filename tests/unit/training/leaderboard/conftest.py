"""A small prepared shop, and answers of two made-up entrants at its development periods."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.unit.training.bundle.shop import NOW, prepared_shop, silent
from tests.unit.training.leaderboard.systems import small
from training import errors
from training.leaderboard.answers import Answers, path_of, save
from training.leaderboard.contests import Contest, by_cutoff
from training.leaderboard.question import Entrant, Question, question
from training.leaderboard.systems import System, settings_at
from training.leaderboard.systems import trained as train
from training.prepare.__main__ import prepare

FORTNIGHT = timedelta(days=14)
OWN = NOW - FORTNIGHT  # the shop's last events are of the fortnight after it


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    prepared_shop(folder)
    path = folder / "dataset" / "dataset.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"default_now": OWN}))
    prepare(folder, None, 5, silent())
    return folder


@pytest.fixture(scope="session")
def contest(state: Path) -> Contest:
    return by_cutoff(state)


@pytest.fixture(scope="session")
def asked(contest: Contest, tmp_path_factory: pytest.TempPathFactory) -> Question:
    """The last period's question, in a folder of its own for what is trained."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "prepared").symlink_to(contest.state / "prepared")
    return replace(question(contest, contest.periods[-1]), state=folder)


@pytest.fixture(scope="session")
def trained(asked: Question) -> System:
    return train(settings_at(small(asked.state), asked.cutoff, 7))


def drawn(contest: Contest, period: int, seed: int, *, pairs: bool) -> Answers:
    """Pages of 60 of the 90 items at random; every item a candidate, with a random probability."""
    draw = np.random.default_rng([seed, period])
    asked = contest.periods[period]
    keys, users = asked.catalogue.item_keys, len(asked.user_ids)
    pages = [np.stack([draw.permutation(keys)[:60] for _ in range(users)]) for _ in range(2)]
    if not pairs:
        return Answers(asked.user_ids, *pages, seconds=2.0)
    return Answers(
        asked.user_ids,
        *pages,
        seconds=4.0,
        pair_user=np.repeat(np.arange(users), len(keys)),
        pair_item=np.tile(keys, users),
        probability=draw.random(users * len(keys)).astype(np.float32),
    )


def answered(**seeds: tuple[int, ...]) -> Mapping[str, Entrant]:
    """Entrants whose answers lie there already: nobody asks them."""

    def nothing(question: Question, seed: int) -> Answers:
        raise AssertionError((question.cutoff, seed))

    return {name: Entrant(nothing, Path(errors.__file__), of) for name, of in seeds.items()}


MADE_UP = answered(chance=(7, 8, 9), plain=(0,))


@pytest.fixture(scope="session")
def folder(contest: Contest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`chance` with three seeds and pairs, `plain` with one and none."""
    made = tmp_path_factory.mktemp("leaderboard")
    for number, period in enumerate(contest.periods):
        for seed in (7, 8, 9):
            path = path_of(made, contest.dataset, period.name, "chance", seed)
            save(path, drawn(contest, number, seed, pairs=True))
        path = path_of(made, contest.dataset, period.name, "plain", 0)
        save(path, drawn(contest, number, 0, pairs=False))
    return made


def targets_of(contest: Contest, period: int, task: str) -> dict[object, set[int]]:
    of = contest.periods[period].targets[task]
    return {
        user: set(of.items.values[of.items.offsets[n] : of.items.offsets[n + 1]].tolist())
        for n, user in enumerate(of.user_ids.to_list())
    }


def history_of(contest: Contest, period: int) -> list[dict[str, object]]:
    return contest.periods[period].history.to_dicts()
