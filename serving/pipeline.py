"""The request, from a valid query to an answer, top to bottom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from serving.bundle import Bundle
from serving.errors import SurfaceNotServed, UnknownItem
from serving.features.filter_fields import Conditions
from serving.features.keys import NULL_KEY
from serving.features.rows import NOTHING, UserRows
from serving.policy import Budget
from serving.stages.explain import MOST_EXPLAINED, Explain
from serving.stages.filter import Filter, counted
from serving.stages.gather import Gather, Gathered
from serving.stages.hydrate import Hydrate
from serving.stages.merge import Merged, Proposal, merge
from serving.stages.narrow import narrowed
from serving.stages.offers import SOURCE, Offers
from serving.stages.order import order, slate
from serving.stages.rank import Rank
from serving.stages.retrieve import NONE, Retrieve
from serving.stages.similar import Similar, unless_known
from serving.stages.sources import Asked
from serving.trail import Trail
from serving.types import (
    Answered,
    ItemSnapshot,
    Keys,
    Person,
    Query,
    RankQuery,
    Recorder,
    Removal,
    ServedItem,
    SimilarQuery,
    Ticks,
    WallClock,
)

Slate = tuple[ServedItem, ...]
Positions = NDArray[np.int64]  # among the candidates


@dataclass(frozen=True, slots=True)
class Stages:
    """What a request passes through; `purchased` names the list that `exclude_purchased` reads."""

    hydrate: Hydrate
    retrieve: Retrieve
    conditions: Conditions
    filter: Filter
    gather: Gather
    rank: Rank
    explain: Explain
    similar: Similar | None
    offers: Offers | None
    purchased: str | None


@dataclass(frozen=True, slots=True)
class Scores:
    """Of the candidates, in their order; None where the ranker did not answer."""

    probability: NDArray[np.float32] | None
    oldest_us: int | None  # event time of the oldest row used
    gathered: Gathered | None = None  # what the ranker was given; None without candidates


class Pipeline:
    """Answers queries from one bundle and one item snapshot."""

    def __init__(
        self,
        bundle: Bundle,
        snapshot: ItemSnapshot,
        stages: Stages,
        clock: WallClock,
        recorder: Recorder,
        ticks: Ticks,
    ) -> None:
        self.bundle, self.snapshot = bundle, snapshot
        self._stages, self._clock, self._recorder, self._ticks = stages, clock, recorder, ticks
        self._offered = stages.offers.surfaces if stages.offers else frozenset[str]()

    @property
    def surfaces(self) -> tuple[str, ...]:
        """What `recommend` answers: with items, then with offers."""
        return (*self.bundle.policy.surfaces, *sorted(self._offered))

    async def recommend(self, query: Query, budget: Budget) -> Answered:
        """Raises SurfaceNotServed; outside failures degrade the answer instead."""
        if self._stages.offers and query.surface in self._offered:
            return await self._recommend_offers(self._stages.offers, query, budget)
        self._require(query.surface, self.surfaces)
        stages, trail, now_us = self._stages, self._trail(), self._clock.now_us()

        user = await self._hydrated(query.person, now_us, budget, trail)
        with trail.stage("retrieve"):
            allowed = stages.conditions(query.conditions)
            asked = Asked(user, now_us, np.array(query.seeds, dtype=np.int64), allowed)
            found = await stages.retrieve(asked, budget.share("retrieve"), trail)
        with trail.stage("filter"):
            purchased = self._purchased(user, query)
            filtered = stages.filter(found, query.excluded, purchased, allowed)
        with trail.stage("merge"):
            merged = merge(filtered.kept, self.bundle.policy.max_candidates)
            candidates, cut = narrowed(merged, budget.share("rank"))
        scores = await self._scored(user, candidates.keys, now_us, budget, trail)
        with trail.stage("order"):
            positions = order(candidates.keys, scores.probability, query.page_size)
            items = slate(candidates, positions, scores.probability, self._names)
        if query.explain:
            items = await self._explained(items, positions, scores, budget, trail)

        return replace(
            self._answered(items, trail, user),
            oldest_age_s=_age_s(scores.oldest_us, now_us),
            proposed=tuple((proposal.source, len(proposal.keys)) for proposal in found),
            removed=counted(filtered.removed, cut),
        )

    async def _recommend_offers(self, offers: Offers, query: Query, budget: Budget) -> Answered:
        """The candidates are the items of the offers that run."""
        stages, trail, now_us = self._stages, self._trail(), self._clock.now_us()

        user = await self._hydrated(query.person, now_us, budget, trail)
        with trail.stage("retrieve"):
            running = offers.running(query.surface, query.excluded_ids, now_us)
            proposal = Proposal(SOURCE, len(running.keys), running.keys)
        with trail.stage("filter"):
            allowed, purchased = stages.conditions(query.conditions), self._purchased(user, query)
            filtered = stages.filter([proposal], query.excluded, purchased, allowed)
        with trail.stage("merge"):
            kept = filtered.kept[0].keys
            whole = Merged(kept, ((SOURCE,),) * len(kept))
            most = self.bundle.policy.max_candidates
            candidates, cut = narrowed(whole, budget.share("rank"), most)
        scores = await self._scored(user, candidates.keys, now_us, budget, trail)
        with trail.stage("order"):
            chosen = offers.slate(
                running, candidates.keys, scores.probability, query.page_size, self._names
            )
        items = chosen.items
        if query.explain:
            items = await self._explained(items, chosen.first_target, scores, budget, trail)

        return replace(
            self._answered(items, trail, user),
            oldest_age_s=_age_s(scores.oldest_us, now_us),
            proposed=((SOURCE, len(running.keys)),),
            removed=counted(running.removed, filtered.removed, cut),
        )

    async def rank(self, query: RankQuery, budget: Budget) -> Answered:
        """Raises SurfaceNotServed; outside failures degrade the answer instead."""
        self._require(query.surface, self.bundle.policy.surfaces)
        trail, now_us = self._trail(), self._clock.now_us()

        user = await self._hydrated(query.person, now_us, budget, trail)
        with trail.stage("filter"):
            known, unknown = self._split(query.items)
            keys = np.fromiter(known, dtype=np.int64)
        scores = await self._scored(user, keys, now_us, budget, trail)
        with trail.stage("order"):
            candidates = Merged(keys, (("request",),) * len(keys))
            positions = order(keys, scores.probability, len(keys))
            items = slate(
                candidates,
                positions,
                scores.probability,
                lambda ks: [known[k] for k in ks.tolist()],
            )
        if query.explain:
            items = await self._explained(items, positions, scores, budget, trail)

        return replace(
            self._answered(items, trail, user),
            oldest_age_s=_age_s(scores.oldest_us, now_us),
            proposed=(("request", len(query.items)),),
            removed=((Removal.NOT_IN_SNAPSHOT, len(unknown)),) if unknown else (),
            unknown_item_ids=unknown,
        )

    async def similar(self, query: SimilarQuery, budget: Budget) -> Answered:
        """Raises UnknownItem, SurfaceNotServed, or OutsideError: nothing can be done instead."""
        stages, trail, now_us = self._stages, self._trail(), self._clock.now_us()
        if stages.similar is None:
            raise SurfaceNotServed("SimilarItems", self.surfaces)
        if query.item_key is None or not self._held([query.item_key])[0]:
            raise UnknownItem(query.item_id)

        with trail.stage("retrieve"):
            near = await stages.similar(query.item_key, now_us, budget.share("similar"))
        trail.note(unless_known(near.keys, query.item_id))
        with trail.stage("filter"):
            proposal = Proposal("similar", len(near.keys), near.keys)
            allowed = stages.conditions(query.conditions)
            filtered = stages.filter([proposal], query.excluded, NONE, allowed)
            kept = np.isin(near.keys, filtered.kept[0].keys)
        with trail.stage("order"):
            candidates = Merged(near.keys[kept], (("similar",),) * int(kept.sum()))
            positions = order(candidates.keys, None, query.page_size)
            items = slate(candidates, positions, near.cosine[kept], self._names)

        return replace(
            self._answered(items, trail, NOTHING),
            proposed=(("similar", len(near.keys)),),
            removed=filtered.removed,
            cold_start=False,
        )

    async def _hydrated(
        self, person: Person, now_us: int, budget: Budget, trail: Trail
    ) -> UserRows:
        with trail.stage("hydrate"):
            read = self._stages.hydrate(person, now_us, budget.share("hydrate"))
            user = await trail.attempt("hydrate", read, NOTHING)
        trail.note(user.degradations)
        return user

    async def _scored(
        self, user: UserRows, keys: Keys, now_us: int, budget: Budget, trail: Trail
    ) -> Scores:
        if not len(keys):
            return Scores(None, user.oldest_us)
        with trail.stage("gather"):
            gathered = self._stages.gather(user, keys, now_us)
        trail.note(gathered.degradations)
        with trail.stage("rank"):
            answer = self._stages.rank(gathered, budget.share("rank"))
            probability = await trail.attempt("rank", answer, None)
        used = (user.oldest_us, None if probability is None else gathered.oldest_us)
        oldest_us = min((us for us in used if us is not None), default=None)
        return Scores(probability, oldest_us, gathered)

    async def _explained(
        self, items: Slate, positions: Positions, scores: Scores, budget: Budget, trail: Trail
    ) -> Slate:
        """The first items with their explanations; `positions` are those of their candidates."""
        if not items or scores.probability is None or scores.gathered is None:
            return items
        first = positions[:MOST_EXPLAINED]
        with trail.stage("explain"):
            work = self._stages.explain(
                scores.gathered, first, scores.probability[first], budget.share("explain")
            )
            found = await trail.attempt("explain", work, ())
        told = tuple(replace(i, explanation=e) for i, e in zip(items, found, strict=False))
        return told + items[len(told) :]

    def _require(self, surface: str, served: tuple[str, ...]) -> None:
        if surface not in served:
            raise SurfaceNotServed(surface, served)

    def _trail(self) -> Trail:
        return Trail(self._ticks, self._recorder)

    def _purchased(self, user: UserRows, query: Query) -> Keys:
        column = self._stages.purchased
        return user.items(column) if query.exclude_purchased and column else NONE

    def _held(self, keys: Sequence[int]) -> list[bool]:
        """Of each key, whether the snapshot has it."""
        held: list[bool] = (self.snapshot.positions(np.array(keys, dtype=np.int64)) >= 0).tolist()
        return held

    def _split(
        self, items: Sequence[tuple[str, int | None]]
    ) -> tuple[dict[int, str], tuple[str, ...]]:
        """Known candidates, each once, by key under the id as asked; and the ids of the others."""
        held = self._held([NULL_KEY if key is None else key for _, key in items])
        known: dict[int, str] = {}
        unknown = []
        for (item_id, key), has in zip(items, held, strict=True):
            if has and key is not None:
                known.setdefault(key, item_id)
            else:
                unknown.append(item_id)
        return known, tuple(unknown)

    def _names(self, keys: Keys) -> list[str]:
        return self.snapshot.item_ids(self.snapshot.positions(keys))

    def _answered(self, items: Slate, trail: Trail, user: UserRows) -> Answered:
        return Answered(
            items,
            self.bundle.bundle_id,
            self.snapshot.version,
            trail.timings,
            trail.degradations,
            cold_start=not user.rows,
            rows=user.versions,
        )


def _age_s(oldest_us: int | None, now_us: int) -> float | None:
    return None if oldest_us is None else max(0.0, (now_us - oldest_us) / 1e6)
