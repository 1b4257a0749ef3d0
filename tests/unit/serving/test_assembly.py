import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from serving.assembly import build_pipeline
from serving.bundle import Bundle, SourcePolicy
from serving.errors import ArtefactError, SurfaceNotServed
from serving.features.read_plan import ReadPlan
from serving.features.snapshot import Snapshot
from serving.pipeline import Pipeline
from serving.policy import Budget
from serving.types import SimilarQuery
from tests.fakes.doors import FakeRows, FakeTriton
from tests.fakes.shop import MODELS, shop_bundle, shop_plan, shop_snapshot
from tests.fakes.sinks import ListRecorder
from tests.fakes.time import FakeClock, FakeTicks


def assembled(bundle: Bundle, snapshot: Snapshot | None = None) -> Pipeline:
    snapshot = snapshot or shop_snapshot()
    return build_pipeline(
        bundle, snapshot, FakeRows(), FakeTriton(MODELS), FakeClock(), ListRecorder(), FakeTicks()
    )


def with_source(source: SourcePolicy) -> Bundle:
    """Its models are the shop's, and one that finds nothing."""
    plan = shop_plan()
    blind = replace(plan.models["two_tower"], name="blind", outputs=())
    bundle = shop_bundle(replace(plan, models={**plan.models, "blind": blind}))
    return replace(bundle, policy=replace(bundle.policy, sources=(source,)))


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (SourcePolicy("astrology", 10, None, None), "astrology must name either a model or items"),
        (SourcePolicy("popular", 10, "two_tower", "user_history.owned_item"), "must name either"),
        (SourcePolicy("repeat", 10, None, "user_activity.visits"), "no list of keys"),
        (SourcePolicy("repeat", 10, None, "user_history.owned_score"), "no list of keys"),
        (
            SourcePolicy("near", 10, "similar", None),
            "asks similar, which takes item_id; a source's",
        ),
        (SourcePolicy("near", 10, "blind", None), "asks blind, which gives no candidate_id"),
    ],
)
def test_a_source_that_cannot_be_made_is_named(source: SourcePolicy, complaint: str):
    with pytest.raises(ArtefactError, match=complaint):
        assembled(with_source(source))


def narrow(plan: ReadPlan) -> ReadPlan:
    ranker = replace(plan.models["ranker"], pad_to=(64, 512))
    return replace(plan, models={**plan.models, "ranker": ranker})


def test_a_ranker_narrower_than_what_may_be_asked_is_refused():
    with pytest.raises(ArtefactError, match="at most 512 candidates, but 1000"):
        assembled(shop_bundle(narrow(shop_plan())))


def test_a_similar_model_without_a_plan_is_refused():
    bundle = shop_bundle()
    with pytest.raises(ArtefactError, match="look_alike"):
        assembled(replace(bundle, policy=replace(bundle.policy, similar_model="look_alike")))


def test_an_empty_snapshot_is_refused():
    empty = replace(shop_snapshot(), item_key=np.empty(0, dtype=np.int64))
    with pytest.raises(ArtefactError, match="holds no items"):
        assembled(shop_bundle(), empty)


async def test_a_bundle_without_a_similar_model_does_not_serve_similar_items():
    bundle = shop_bundle()
    pipeline = assembled(replace(bundle, policy=replace(bundle.policy, similar_model=None)))
    query = SimilarQuery("200", 200, 10, frozenset())
    with pytest.raises(SurfaceNotServed, match="SimilarItems"):
        await pipeline.similar(query, Budget.of(1, FakeTicks()))


ANSWERS = """
import asyncio, sys
from serving.clients.redis import RedisRows
from serving.clients.triton import TritonModels
from serving.policy import Budget
from tests.fakes.shop_pipeline import QUERY, Shop

async def main():
    shop = Shop()
    answered = await shop.pipeline.recommend(QUERY, shop.budget())
    assert answered.items

asyncio.run(main())
heavy = {"feast", "torch", "polars", "pandas", "pyarrow", "training"} & set(sys.modules)
sys.exit(f"imported: {sorted(heavy)}" if heavy else 0)
"""


def test_a_process_that_answers_imports_nothing_of_training():
    path = {"PYTHONPATH": "protos:."}
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS], env=path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
