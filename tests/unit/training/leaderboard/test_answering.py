"""A run that was stopped goes on, and what is up to date is left alone."""

import os
from collections.abc import Mapping
from datetime import datetime
from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from training.errors import Absent
from training.leaderboard.answering import answer_all
from training.leaderboard.answers import Answers, found, load, path_of
from training.leaderboard.contests import Contest
from training.leaderboard.entrants import ENTRANTS, peer, ranked, source_of
from training.leaderboard.question import Entrant, Question, question
from training.peers.pages import Pages
from training.peers.tuned import read_tuned

SIMPLE = {name: peer(name) for name in ("popularity", "personal_decay")}


class Recorder:
    """Answers the same page to all, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[object, int]] = []

    def __call__(self, question: Question, seed: int) -> Answers:
        assert question.purchases["time"].max() < question.cutoff
        self.asked.append((question.cutoff, seed))
        page = np.tile(np.array([[1, 2, 3]]), (len(question.user_ids), 1))
        return Answers(question.user_ids, page, page, 0.5)


def silent() -> Console:
    return Console(file=StringIO())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text("")
    os.utime(path, (1, 1))
    return path


def entrants(recorder: Recorder, source: Path) -> Mapping[str, Entrant]:
    return {"fixed": Entrant(recorder, source, seeds=(7, 8))}


def test_every_period_is_asked_with_every_seed_once(
    contest: Contest, source: Path, tmp_path: Path
) -> None:
    recorder = Recorder()
    table = entrants(recorder, source)
    assert answer_all(contest, table, tmp_path / "out", silent()) == 6
    assert sorted(recorder.asked) == sorted((p.cutoff, s) for p in contest.periods for s in (7, 8))
    assert answer_all(contest, table, tmp_path / "out", silent()) == 0
    assert len(recorder.asked) == 6


def test_who_share_a_trained_system_are_asked_one_after_another(
    contest: Contest, source: Path, tmp_path: Path
) -> None:
    one, other = Recorder(), Recorder()
    other.asked = one.asked
    table = {"a": Entrant(one, source, (7, 8)), "b": Entrant(other, source, (0, 7))}
    answer_all(contest, table, tmp_path, silent())
    assert one.asked == [(p.cutoff, seed) for p in contest.periods for seed in (0, 7, 7, 8)]


def test_what_is_missing_broken_or_of_older_code_is_asked_again(
    contest: Contest, source: Path, tmp_path: Path
) -> None:
    recorder = Recorder()
    table = entrants(recorder, source)
    answer_all(contest, table, tmp_path, silent())
    path = path_of(tmp_path, contest.dataset, contest.periods[0].name, "fixed", 7)
    path.unlink()
    assert answer_all(contest, table, tmp_path, silent()) == 1
    path.write_bytes(path.read_bytes()[:100])
    assert answer_all(contest, table, tmp_path, silent()) == 1
    assert load(path).seconds == 0.5
    source.touch()
    os.utime(source, (2**32, 2**32))
    assert answer_all(contest, table, tmp_path, silent()) == 6


def test_whoever_has_other_parameters_is_asked_again(
    contest: Contest, source: Path, tmp_path: Path
) -> None:
    recorder, parameters = Recorder(), ["width=3"]
    table = {"fixed": Entrant(recorder, source, seeds=(7,), given=lambda: parameters[0])}
    answer_all(contest, table, tmp_path, silent())
    assert answer_all(contest, table, tmp_path, silent()) == 0
    parameters[0] = "width=4"
    assert answer_all(contest, table, tmp_path, silent()) == len(contest.periods)
    assert answer_all(contest, table, tmp_path, silent()) == 0


def test_each_page_is_of_its_own_parameters(contest: Contest) -> None:
    asked: list[int] = []

    def rank(
        purchases: pl.DataFrame,
        cutoff: datetime,
        user_ids: pl.Series,
        count: int,
        parameters: int,
        seed: int,
    ) -> Pages:
        asked.append(parameters)
        return Pages(*(np.full((len(user_ids), count), parameters * of) for of in (1, 10)))

    one = question(contest, contest.periods[0])
    together, apart = ranked(rank, 3, (7,), 3), ranked(rank, 3, (7,), 4)
    assert together.given() == ranked(rank, 3).given() != apart.given()
    found = together.answer(one, 7)
    assert (found.any[0, 0], found.new[0, 0], asked) == (3, 30, [3])
    found = apart.answer(one, 7)
    assert (found.any[0, 0], found.new[0, 0], asked) == (3, 40, [3, 3, 4])


def test_every_entrant_with_parameters_says_them() -> None:
    for name, entrant in ENTRANTS["by_cutoff"].items():
        assert entrant.given(), name


def test_every_peer_says_the_parameters_of_both_its_pages() -> None:
    tuned = read_tuned()
    assert any(one.parameters != one.new_parameters for one in tuned.values())
    for name, one in tuned.items():
        given = peer(name).given()
        assert repr(one.parameters) in given, name
        assert repr(one.new_parameters) in given, name


def test_who_cannot_take_part_in_a_period_is_left_out_and_said(
    contest: Contest, source: Path, tmp_path: Path
) -> None:
    def late(question: Question, seed: int) -> Answers:
        if question.cutoff == contest.periods[0].cutoff:
            raise Absent("there are 3 cut-offs")
        return Recorder()(question, seed)

    console = Console(file=StringIO(), width=200)
    assert answer_all(contest, {"late": Entrant(late, source, (7,))}, tmp_path, console) == 2
    said = f"late takes no part in {contest.periods[0].name}: there are 3 cut-offs"
    assert said in console.file.getvalue()  # type: ignore[attr-defined]


def test_answers_are_older_than_what_an_entrant_reads_beside_its_code(
    contest: Contest, source: Path, tmp_path: Path
) -> None:
    tuned = tmp_path / "tuned.json"
    tuned.write_text("{}")
    os.utime(tuned, (1, 1))
    table = {"tuned": Entrant(Recorder(), source, (7,), (tuned,))}
    assert answer_all(contest, table, tmp_path / "out", silent()) == 3
    assert answer_all(contest, table, tmp_path / "out", silent()) == 0
    os.utime(tuned, (2**32, 2**32))
    assert answer_all(contest, table, tmp_path / "out", silent()) == 3


def test_the_table_answers_with_pages_that_can_be_judged(contest: Contest, tmp_path: Path) -> None:
    table = SIMPLE  # what is trained has tests of its own
    assert answer_all(contest, table, tmp_path, silent()) == sum(
        3 * len(e.seeds) for e in table.values()
    )
    assert set(found(tmp_path / contest.dataset / contest.periods[0].name)) == set(table)


def test_what_is_new_leaves_out_what_they_had(contest: Contest) -> None:
    period = contest.periods[-1]
    answers = ENTRANTS["by_cutoff"]["personal_decay"].answer(question(contest, period), 0)
    owned = {(r["user_id"], r["item_key"]) for r in period.history.to_dicts()}
    for user, page in zip(answers.user_ids.to_list(), answers.new.tolist(), strict=True):
        assert not {(user, item) for item in page if item >= 0} & owned


def test_the_source_of_an_entrant_is_its_own_file() -> None:
    assert source_of(Recorder()) == source_of(silent) == Path(__file__)
