"""Puts a bundle, a snapshot and the doors together into a pipeline; all stages and sources are here."""

import time
from collections.abc import Sequence

from serving.bundle import Bundle, SourcePolicy
from serving.errors import ArtefactError
from serving.features.filter_fields import Conditions
from serving.features.inputs import UserFiller
from serving.features.item_inputs import ItemFiller
from serving.features.item_values import ItemColumns
from serving.features.read_plan import ModelPlan
from serving.features.rows import UserRowsReader
from serving.items import ItemSnapshot
from serving.pipeline import Pipeline, Stages
from serving.rpc.validation import MOST_RANKED
from serving.stages.eligible import Eligible
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
from serving.stages.sources import KEYS, ModelSearch, NearSeeds, OwnList, Popular
from serving.types import ModelDoor, Recorder, RowsDoor, Ticks, WallClock

SEED_QUOTA = 128  # candidates that the request's seeds may propose, before all others
POPULAR = "popular"  # the source that needs neither a model nor a list
OF_PERSON = ("user", "user_list", "request_time", "eligible")  # kinds of input


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
    seeds = (
        [Source("similar", SEED_QUOTA, NearSeeds(similar, snapshot), "seeds")] if similar else []
    )
    rank = Rank(triton_door, plan, policy.fusion)
    read = ReadThrough(ItemColumns(plan), rows_door, snapshot)
    items = ItemFiller(ranker, plan, snapshot)
    gather = Gather(snapshot, UserFiller(ranker, plan), items, metrics)
    stages = Stages(
        Known(Hydrate(UserRowsReader(plan, rows_door, snapshot, metrics)), read),
        read,
        Retrieve([*seeds, *(_source(s, bundle, snapshot, triton_door) for s in policy.sources)]),
        Conditions(plan, snapshot),
        Eligible(bundle.catalogue, snapshot),
        Filter(snapshot),
        Score(gather, rank, Explain(rank, ranker)),
        Popular(snapshot),
        similar,
        Offers(snapshot.offers, snapshot) if snapshot.offers else None,
        next((s.items for s in policy.sources if s.items), None),
    )
    return Pipeline(bundle, snapshot, stages, clock, metrics, ticks)


def _source(
    source: SourcePolicy, bundle: Bundle, snapshot: ItemSnapshot, door: ModelDoor
) -> Source:
    """Of the kind that the policy says: a model's, a list of the person, or what is popular."""
    name, quota = source.name, source.quota
    match source.model, source.items:
        case str(model), None:
            plan = _searching(name, bundle, model)
            search = ModelSearch(door, plan, UserFiller(plan, bundle.plan))
            columns = [column for wanted in plan.inputs for column in wanted.columns]
            return Source(name, quota, search, "model", _views(columns))
        case None, str(column):
            return Source(name, quota, OwnList(_list_of(source, bundle)), views=_views([column]))
        case None, None if name == POPULAR:
            return Source(name, quota, Popular(snapshot))
    raise ArtefactError(
        f"bundle {bundle.bundle_id}: source {name} must name either a model or items; only "
        f"{POPULAR} has neither"
    )


def _views(columns: Sequence[str]) -> frozenset[str]:
    return frozenset(column.partition(".")[0] for column in columns)


def _searching(source: str, bundle: Bundle, name: str) -> ModelPlan:
    model = bundle.plan.models[name]
    strange = [i.name for i in model.inputs if i.kind not in OF_PERSON]
    if strange:
        raise ArtefactError(
            f"bundle {bundle.bundle_id}: source {source} asks {name}, which takes "
            f"{', '.join(strange)}; a source's model takes inputs of the person, and what is eligible"
        )
    if KEYS not in dict(model.outputs):
        raise ArtefactError(
            f"bundle {bundle.bundle_id}: source {source} asks {name}, which gives no {KEYS}"
        )
    return model


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


def _similar(bundle: Bundle, snapshot: ItemSnapshot, door: ModelDoor) -> Similar | None:
    name = bundle.policy.similar_model
    if name is None:
        return None
    if name not in bundle.plan.models:
        raise ArtefactError(f"bundle {bundle.bundle_id}: {name}, of similar, has no plan")
    model = bundle.plan.models[name]
    return Similar(door, model, snapshot, ItemFiller(model, bundle.plan, snapshot))
