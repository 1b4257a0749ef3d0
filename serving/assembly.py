"""Puts a bundle, a snapshot and the doors together into a pipeline; all stages and sources are here."""

import time
from collections.abc import Callable, Mapping

from serving.bundle import Bundle, SourcePolicy
from serving.errors import ArtefactError
from serving.features.filter_fields import Conditions
from serving.features.inputs import UserFiller
from serving.features.item_inputs import ItemFiller
from serving.features.item_values import ItemColumns
from serving.features.read_plan import ReadPlan
from serving.features.rows import UserRowsReader
from serving.items import ItemSnapshot
from serving.pipeline import Pipeline, Stages
from serving.rpc.validation import MOST_RANKED
from serving.stages.explain import Explain
from serving.stages.filter import Filter
from serving.stages.gather import Gather
from serving.stages.hydrate import Hydrate
from serving.stages.known import Known
from serving.stages.offers import Offers
from serving.stages.rank import Rank
from serving.stages.read_items import ReadThrough
from serving.stages.retrieve import Retrieve, Source
from serving.stages.score import Score
from serving.stages.similar import Similar
from serving.stages.sources import NearSeeds, Popular, Propose, Repeat, TwoTower
from serving.types import ModelDoor, Recorder, RowsDoor, Ticks, WallClock

SEED_QUOTA = 128  # candidates that the request's seeds may propose, before all others


def build_pipeline(
    bundle: Bundle,
    snapshot: ItemSnapshot,
    rows_door: RowsDoor,
    triton_door: ModelDoor,
    clock: WallClock,
    metrics: Recorder,
    ticks: Ticks = time.monotonic,
) -> Pipeline:
    """The pipeline of a bundle.

    Raises:
        ArtefactError: the bundle names a source that this program lacks or lacks what a source
            needs, its members are too narrow for its policy, or the snapshot is empty.
    """
    plan, policy = bundle.plan, bundle.policy
    ranker = plan.models[policy.members[0]]  # all members take the same tensors
    if not snapshot.count:
        raise ArtefactError(f"snapshot {snapshot.version} holds no items; build it again")
    if max(ranker.pad_to, default=0) < (widest := max(policy.max_candidates, MOST_RANKED)):
        raise ArtefactError(
            f"bundle {bundle.bundle_id}: {ranker.name} takes at most {max(ranker.pad_to, default=0)} "
            f"candidates, but {widest} can be asked for; export it with a wider pad_to"
        )
    similar = _similar(bundle, snapshot, triton_door)
    seeds = [Source("similar", SEED_QUOTA, NearSeeds(similar, snapshot), True)] if similar else []
    rank = Rank(triton_door, plan, policy.fusion)
    read = ReadThrough(ItemColumns(plan), rows_door, snapshot)
    items = ItemFiller(ranker, plan, snapshot)
    gather = Gather(snapshot, UserFiller(ranker, plan), items, metrics)
    stages = Stages(
        Known(Hydrate(UserRowsReader(plan, rows_door, snapshot, metrics)), read),
        read,
        Retrieve([*seeds, *(_source(s, bundle, snapshot, triton_door) for s in policy.sources)]),
        Conditions(plan, snapshot),
        Filter(snapshot),
        Score(gather, rank, Explain(rank, ranker)),
        similar,
        Offers(snapshot.offers, snapshot) if snapshot.offers else None,
        next((s.items for s in policy.sources if s.items), None),
    )
    return Pipeline(bundle, snapshot, stages, clock, metrics, ticks)


def _source(
    source: SourcePolicy, bundle: Bundle, snapshot: ItemSnapshot, door: ModelDoor
) -> Source:
    makers = _makers(source, bundle, snapshot, door)
    if source.name not in makers:
        raise ArtefactError(
            f"bundle {bundle.bundle_id}: source {source.name!r} is unknown; this program has "
            f"{', '.join(makers)}"
        )
    views = _read_by(source, bundle.plan)
    return Source(source.name, source.quota, makers[source.name](), views=views)


def _read_by(source: SourcePolicy, plan: ReadPlan) -> frozenset[str]:
    """The views of the person that the source goes by."""
    inputs = plan.models[source.model].inputs if source.model else ()
    columns = [column for wanted in inputs for column in wanted.columns]
    return frozenset(
        c.partition(".")[0] for c in [*columns, *([source.items] if source.items else [])]
    )


def _makers(
    source: SourcePolicy, bundle: Bundle, snapshot: ItemSnapshot, door: ModelDoor
) -> Mapping[str, Callable[[], Propose]]:
    """All candidate sources that there are."""
    return {
        "repeat": lambda: Repeat(_list_of(source, bundle)),
        "two_tower": lambda: _two_tower(source, bundle, door),
        "popular": lambda: Popular(snapshot),
    }


def _list_of(source: SourcePolicy, bundle: Bundle) -> str:
    lists = [
        f"{view.name}.{column.name}"
        for view in bundle.plan.views_of("user")
        for column in view.layout.columns
        if column.length and column.integer
    ]
    if source.items not in lists:
        raise ArtefactError(
            f"bundle {bundle.bundle_id}: source {source.name} reads {source.items!r}, which is no "
            "list of keys in a view of the user"
        )
    return source.items


def _two_tower(source: SourcePolicy, bundle: Bundle, door: ModelDoor) -> TwoTower:
    if source.model is None:
        raise ArtefactError(f"bundle {bundle.bundle_id}: source {source.name} names no model")
    model = bundle.plan.models[source.model]
    return TwoTower(door, model, UserFiller(model, bundle.plan))


def _similar(bundle: Bundle, snapshot: ItemSnapshot, door: ModelDoor) -> Similar | None:
    name = bundle.policy.similar_model
    if name is None:
        return None
    if name not in bundle.plan.models:
        raise ArtefactError(f"bundle {bundle.bundle_id}: {name}, of similar, has no plan")
    model = bundle.plan.models[name]
    return Similar(door, model, snapshot, ItemFiller(model, bundle.plan, snapshot))
