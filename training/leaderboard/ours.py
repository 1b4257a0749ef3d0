"""Our whole system as entrants: from one trained system answer the fusion, each member and each retriever."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from serving.stages.fuse import Fusion
from training.candidates import Sources, gather, sources_at
from training.errors import Absent
from training.known import Raw
from training.leaderboard.answers import DEEPEST, Answers
from training.leaderboard.question import Answering, Entrant, Question
from training.leaderboard.systems import System, system
from training.offline import BATCH, CandidateLists, Models, Score, best, candidates, known, said_raw
from training.policy import MAX_CANDIDATES, REPEAT
from training.settings import TABLES, read_settings, told_settings


def answers(of: System, question: Question, score: Score) -> Answers:
    """Pages ordered by probability, and that of all candidates of the task `any`."""
    began = time.perf_counter()
    everything, new = (_candidates(of, question, score, barred=barred) for barred in (False, True))
    return _answers(of, everything, new, time.perf_counter() - began)


def _candidates(of: System, question: Question, score: Score, *, barred: bool) -> CandidateLists:
    return candidates(
        of.models, question.cutoff, question.user_ids, exclude_purchased=barred, score=score
    )


def _answers(
    of: System, everything: CandidateLists, new: CandidateLists, answering_s: float
) -> Answers:
    page, new_page = (best(one, DEEPEST).item_key for one in (everything, new))
    seconds = of.retriever_seconds + of.ranker_seconds + answering_s
    return Answers(everything.user_ids, page, new_page, seconds, *pairs(everything))


@dataclass(frozen=True, slots=True)
class Heard:
    """Candidates, and what each member says of them: (total,) probabilities."""

    lists: CandidateLists
    said: Mapping[str, NDArray[np.float32]]

    def fused(self, fusion: Fusion, names: Iterable[str]) -> CandidateLists:
        """The lists with the probability of these members alone."""
        return replace(self.lists, probability=fusion({name: self.said[name] for name in names}))


@dataclass(frozen=True, slots=True)
class Scored:
    """A system with all that its members say at a cut-off, from which any of them answer."""

    of: System
    everything: Heard
    new: Heard
    seconds: float

    def answers(self, names: Iterable[str] = ()) -> Answers:
        """Of these members, as if no other answered; by default of all."""
        rankers = self.of.models.rankers
        asked = tuple(names) or rankers.fusion.members
        everything, new = (
            heard.fused(rankers.fusion, asked) for heard in (self.everything, self.new)
        )
        return _answers(self.of, everything, new, self.seconds)


def scored(of: System, question: Question) -> Scored:
    """Asks all members."""
    began = time.perf_counter()
    everything, new = (_heard(of, question, barred=barred) for barred in (False, True))
    return Scored(of, everything, new, time.perf_counter() - began)


def _heard(of: System, question: Question, *, barred: bool) -> Heard:
    parts: dict[str, list[NDArray[np.float32]]] = {name: [] for name in of.models.rankers.members}

    def score(models: Models, raw: Raw) -> NDArray[np.float32]:
        said = said_raw(models, raw)
        for name, probability in said.items():
            parts[name].append(probability[raw["mask"].astype(np.bool_)])
        return models.rankers.fusion(said)

    lists = _candidates(of, question, score, barred=barred)
    return Heard(lists, {name: np.concatenate(part) for name, part in parts.items()})


@dataclass(slots=True)
class _Latest:
    """What the system that was asked last said: its members are asked for one after another."""

    key: tuple[object, ...] = ()
    scored: Scored | None = None

    def of(self, system: System, question: Question) -> Scored:
        made_ns = (system.settings.models / "ranker.ckpt").stat().st_mtime_ns
        people = tuple(question.user_ids)
        key = (system.settings.state, made_ns, question.cutoff, people)
        if self.scored is None or self.key != key:
            self.key, self.scored = key, scored(system, question)
        return self.scored


_latest = _Latest()


def of_members(of: System, question: Question, names: Iterable[str] = ()) -> Answers:
    """What these members answer, by default all; the system's other members are asked in the same pass."""
    return _latest.of(of, question).answers(names)


def pairs(
    lists: CandidateLists,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """(R,) places of the people, item keys and probabilities of all candidates."""
    keys = lists.item_key
    return keys.owners, keys.values.astype(np.int64, copy=False), lists.probability


def fused(question: Question, seed: int) -> Answers:
    """What would be served: the settings' members."""
    return of_members(system(question, seed), question, read_settings(question.state).member_names)


def member(question: Question, seed: int, name: str) -> Answers:
    """One ranker, calibrated by itself, over the candidates that all share."""
    return of_members(system(question, seed), question, [name])


def retriever(question: Question, seed: int, name: str) -> Answers:
    return retrieved(system(question, seed), question, name)


def retrieved(of: System, question: Question, name: str) -> Answers:
    """What a retriever finds, in its order; for `any` what the person had stands before it.

    Raises:
        Absent: no such retriever is trained.
    """
    began = time.perf_counter()
    if name not in of.models.searches.served:
        raise Absent(f"the settings' retrievers are {', '.join(of.models.searches.served)}")
    prepared, schema = of.models.prepared, of.models.schema
    one = {name: of.models.searches.served[name]}
    # Sources fill the list in this order, each as far as it reaches.
    quotas = {REPEAT: MAX_CANDIDATES, name: MAX_CANDIDATES}
    sources = sources_at(prepared, schema, one, quotas, question.cutoff, MAX_CANDIDATES)
    everything, new = (
        _page(of.models, question, sources, exclude_purchased=barred) for barred in (False, True)
    )
    seconds = of.retriever_seconds + time.perf_counter() - began
    return Answers(question.user_ids, everything, new, seconds)


def _page(
    models: Models, question: Question, sources: Sources, *, exclude_purchased: bool
) -> NDArray[np.int64]:
    """(U, DEEPEST) keys in the order in which the sources fill the list."""
    people = known(models, question.cutoff, question.user_ids)
    page = np.full((len(question.user_ids), DEEPEST), -1, dtype=np.int64)
    for start in range(0, len(page), BATCH):
        which = np.arange(start, min(start + BATCH, len(page)))
        users = people.user_inputs(which)
        gathered = gather(people, users, sources, exclude_purchased=exclude_purchased)
        places = gathered.positions[:, :DEEPEST]
        keys = np.where(places >= 0, models.prepared.item_keys[places], -1)
        page[which, : keys.shape[1]] = keys
    return page


def given() -> str:
    """The settings of the environment, by which the system is trained and `fused` asks its members."""
    return told_settings(read_settings())


ANSWERING: Mapping[str, Answering] = {
    "fused": fused,
    **{name: partial(member, name=name) for name in TABLES["members"]},
    **{name: partial(retriever, name=name) for name in ("two_tower", "item_to_item")},
}
ENTRANTS = {
    name: Entrant(answer, Path(__file__), given=given) for name, answer in ANSWERING.items()
}
