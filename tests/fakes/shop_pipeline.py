"""The small shop's pipeline, with every outside system in memory."""

from dataclasses import dataclass, field

from serving.assembly import build_pipeline
from serving.items import ItemSnapshot
from serving.pipeline import Pipeline
from serving.policy import Budget
from serving.stages.fuse import Fusion, alone
from serving.types import Consent, OfferTable, Person, Query
from tests.fakes.doors import FakeRows, FakeTriton
from tests.fakes.shop import MODELS, person_rows, shop_bundle, shop_plan, shop_snapshot
from tests.fakes.sinks import ListRecorder
from tests.fakes.time import FakeClock, FakeTicks

PRODUCT = "SURFACE_PRODUCT"
PERSON = Person("5", 5, Consent(personalization=True))
QUERY = Query(PERSON, PRODUCT, 10, exclude_purchased=False, excluded=frozenset())


@dataclass
class Shop:
    """A pipeline and everything around it."""

    rows: FakeRows = field(
        default_factory=lambda: FakeRows(person_rows(shop_plan(), 5, owned=[200, 150]))
    )
    triton: FakeTriton = field(default_factory=lambda: FakeTriton(MODELS))
    offers: OfferTable | None = None
    fusion: Fusion = field(default_factory=lambda: alone("ranker"))
    ticks: FakeTicks = field(default_factory=FakeTicks)
    recorder: ListRecorder = field(default_factory=ListRecorder)

    @property
    def snapshot(self) -> ItemSnapshot:
        return shop_snapshot(offers=self.offers)

    @property
    def pipeline(self) -> Pipeline:
        return build_pipeline(
            shop_bundle(fusion=self.fusion),
            self.snapshot,
            self.rows,
            self.triton,
            FakeClock(),
            self.recorder,
            self.ticks,
        )

    def budget(self, seconds: float = 0.5) -> Budget:
        return Budget.of(seconds, self.ticks)
