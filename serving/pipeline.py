"""The request, from a valid query to an answer, top to bottom."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from serving.bundle import Bundle
from serving.errors import SurfaceNotServed, UnknownItem
from serving.features.filter_fields import Conditions
from serving.features.rows import NOTHING, UserRows
from serving.items import ItemSnapshot
from serving.policy import Budget
from serving.stages.eligible import Eligible
from serving.stages.filter import Filter, counted
from serving.stages.known import Known, split
from serving.stages.merge import Merged, Proposal, merge
from serving.stages.narrow import narrowed
from serving.stages.offers import SOURCE, Offers
from serving.stages.order import order, slate
from serving.stages.read_items import ReadThrough
from serving.stages.retrieve import NONE, Retrieve
from serving.stages.score import Score
from serving.stages.similar import Similar, unless_known
from serving.stages.sources import Asked, Popular
from serving.trail import Trail
from serving.types import (
    Answered,
    Condition,
    Keys,
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


@dataclass(frozen=True, slots=True)
class Stages:
    """What a request passes through; `purchased` names the list that `exclude_purchased` reads."""

    known: Known
    read: ReadThrough
    retrieve: Retrieve
    conditions: Conditions
    eligible: Eligible
    filter: Filter
    score: Score
    popular: Popular
    similar: Similar | None
    offers: Offers | None
    purchased: str | None


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
        self.bundle, self.snapshot, self.stages = bundle, snapshot, stages
        self._clock, self._recorder, self._ticks = clock, recorder, ticks
        self._offered = stages.offers.surfaces if stages.offers else frozenset[str]()

    @property
    def surfaces(self) -> tuple[str, ...]:
        """What `recommend` answers: with items, then with offers."""
        return (*self.bundle.policy.surfaces, *sorted(self._offered))

    async def recommend(self, query: Query, budget: Budget) -> Answered:
        """Raises SurfaceNotServed; outside failures degrade the answer instead."""
        if self.stages.offers and query.surface in self._offered:
            return await self._recommend_offers(self.stages.offers, query, budget)
        self._require(query.surface, self.surfaces)
        stages, trail, now_us = self.stages, self.trail(), self.now_us()

        user, read = await stages.known(query.person, query.seeds, now_us, budget, trail)
        with trail.stage("retrieve"):
            allowed = stages.conditions(query.conditions, now_us)
            eligible = stages.eligible(allowed, query.excluded)
            seeds = np.array(query.seeds, dtype=np.int64)
            asked = Asked(user, now_us, seeds, eligible, allowed, read)
            found = await stages.retrieve(asked, budget.share("retrieve"), trail)
        with trail.stage("filter"):
            purchased = self._purchased(user, query)
            filtered = stages.filter(found, query.excluded, purchased, allowed)
            tested_us = self.tested(query.conditions, filtered.kept, now_us, trail)
        with trail.stage("merge"):
            merged = merge(filtered.kept, self.bundle.policy.max_candidates)
            candidates, cut = narrowed(merged, budget.share("rank"))
        scores = await self.stages.score(user, candidates.keys, now_us, budget, trail)
        with trail.stage("order"):
            positions = order(candidates.keys, scores.probability, query.page_size)
            items = slate(candidates, positions, scores.probability, self.names)
        if query.explain:
            items = await self.stages.score.explained(items, positions, scores, budget, trail)

        return replace(
            self.answered(items, trail, user),
            oldest_age_s=age_s(now_us, scores.oldest_us, tested_us),
            proposed=tuple((proposal.source, len(proposal.keys)) for proposal in found),
            removed=counted(filtered.removed, stages.filter.unproposed(found, allowed), cut),
        )

    async def _recommend_offers(self, offers: Offers, query: Query, budget: Budget) -> Answered:
        """The candidates are the items of the offers that run."""
        stages, trail, now_us = self.stages, self.trail(), self.now_us()

        user, _ = await stages.known(query.person, (), now_us, budget, trail)
        with trail.stage("retrieve"):
            running = offers.running(query.surface, query.excluded_ids, now_us)
            proposal = Proposal(SOURCE, len(running.keys), running.keys)
        with trail.stage("filter"):
            allowed = stages.conditions(query.conditions, now_us)
            purchased = self._purchased(user, query)
            filtered = stages.filter([proposal], query.excluded, purchased, allowed)
            tested_us = self.tested(query.conditions, filtered.kept, now_us, trail)
        with trail.stage("merge"):
            kept = filtered.kept[0].keys
            whole = Merged(kept, ((SOURCE,),) * len(kept))
            most = self.bundle.policy.max_candidates
            candidates, cut = narrowed(whole, budget.share("rank"), most)
        scores = await self.stages.score(user, candidates.keys, now_us, budget, trail)
        with trail.stage("order"):
            chosen = offers.slate(
                running, candidates.keys, scores.probability, query.page_size, self.names
            )
        items = chosen.items
        if query.explain:
            items = await self.stages.score.explained(
                items, chosen.first_target, scores, budget, trail
            )

        return replace(
            self.answered(items, trail, user),
            oldest_age_s=age_s(now_us, scores.oldest_us, tested_us),
            proposed=((SOURCE, len(running.keys)),),
            removed=counted(running.removed, filtered.removed, cut),
        )

    async def rank(self, query: RankQuery, budget: Budget) -> Answered:
        """Raises SurfaceNotServed; outside failures degrade the answer instead."""
        self._require(query.surface, self.bundle.policy.surfaces)
        trail, now_us = self.trail(), self.now_us()

        asked = [key for _, key in query.items]
        user, read = await self.stages.known(query.person, asked, now_us, budget, trail)
        with trail.stage("filter"):
            known, unknown = split(query.items, self.snapshot, read)
            keys = np.fromiter(known, dtype=np.int64)
        scores = await self.stages.score(user, keys, now_us, budget, trail, read)
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
            items = await self.stages.score.explained(items, positions, scores, budget, trail)

        return replace(
            self.answered(items, trail, user),
            oldest_age_s=age_s(now_us, scores.oldest_us),
            proposed=(("request", len(query.items)),),
            removed=((Removal.NOT_IN_SNAPSHOT, len(unknown)),) if unknown else (),
            unknown_item_ids=unknown,
            stored_item_ids=tuple(known[key] for key in read.keys.tolist()) if read else (),
        )

    async def similar(self, query: SimilarQuery, budget: Budget) -> Answered:
        """Raises UnknownItem, SurfaceNotServed, or OutsideError: nothing can be done instead."""
        stages, trail, now_us = self.stages, self.trail(), self.now_us()
        if stages.similar is None:
            raise SurfaceNotServed("SimilarItems", self.surfaces)
        if query.item_key is None:
            raise UnknownItem(query.item_id)

        with trail.stage("retrieve"):
            read = None
            if len(lacking := stages.read.lacking([query.item_key])):
                read = await stages.read(lacking, budget.share("items"))
                if not len(read.keys):
                    raise UnknownItem(query.item_id)
            near = await stages.similar(query.item_key, now_us, budget.share("similar"), read)
        trail.note((*near.degradations, *unless_known(near.keys, query.item_id)))
        with trail.stage("filter"):
            proposal = Proposal("similar", len(near.keys), near.keys)
            allowed = stages.conditions(query.conditions, now_us)
            filtered = stages.filter([proposal], query.excluded, NONE, allowed)
            tested_us = self.tested(query.conditions, filtered.kept, now_us, trail)
            kept = np.isin(near.keys, filtered.kept[0].keys)
        with trail.stage("order"):
            candidates = Merged(near.keys[kept], (("similar",),) * int(kept.sum()))
            positions = order(candidates.keys, None, query.page_size)
            items = slate(candidates, positions, near.cosine[kept], self.names)

        return replace(
            self.answered(items, trail, NOTHING),
            oldest_age_s=age_s(now_us, near.oldest_us, tested_us),
            proposed=(("similar", len(near.keys)),),
            removed=filtered.removed,
            cold_start=False,
        )

    def tested(
        self,
        conditions: Sequence[Condition],
        kept: Sequence[Proposal],
        now_us: int,
        trail: Trail,
    ) -> int | None:
        """Says what values let the items pass; the oldest's time."""
        if not conditions:
            return None
        keys = np.unique(np.concatenate([proposal.keys for proposal in kept]))
        said, oldest_us = self.stages.conditions.judged(conditions, keys, now_us)
        trail.note(said)
        return oldest_us

    def _require(self, surface: str, served: tuple[str, ...]) -> None:
        if surface not in served:
            raise SurfaceNotServed(surface, served)

    def now_us(self) -> int:
        return self._clock.now_us()

    def trail(self) -> Trail:
        trail = Trail(self._ticks, self._recorder)
        trail.note(self.snapshot.degradations)
        return trail

    def _purchased(self, user: UserRows, query: Query) -> Keys:
        column = self.stages.purchased
        return user.items(column) if query.exclude_purchased and column else NONE

    def names(self, keys: Keys) -> list[str]:
        return self.snapshot.names(keys)

    def answered(self, items: Slate, trail: Trail, user: UserRows) -> Answered:
        return Answered(
            items,
            self.bundle.bundle_id,
            self.snapshot.version,
            trail.timings,
            trail.degradations,
            cold_start=not user.rows,
            rows=user.versions,
        )


def age_s(now_us: int, *times_us: int | None) -> float | None:
    """Of the oldest."""
    known = [us for us in times_us if us is not None]
    return max(0.0, (now_us - min(known)) / 1e6) if known else None
