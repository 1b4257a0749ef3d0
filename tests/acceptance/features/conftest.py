from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import grpc
import polars as pl
import pytest
from recserve.v1 import recommendation_service_pb2 as pb
from recserve.v1 import recommendation_service_pb2_grpc as stubs

from serving.bundle import Bundle, open_bundle
from serving.clock import read_clock
from tests.acceptance.features.feast_writer import FeastWriter, feast_writer
from tests.acceptance.made import Made
from tests.e2e.asking import SECONDS

IDS = count(9_000_000)


@dataclass(frozen=True)
class Running:
    """The generated shop as it runs."""

    made: Made
    stub: stubs.RecommendationServiceStub

    @cached_property
    def bundle(self) -> Bundle:
        return open_bundle(self.made.state / "bundles/current")

    def now_s(self) -> float:
        """On the system's clock."""
        return read_clock(self.made.state / "run/clock.json").now_s()

    def row(self, view: str) -> dict[str, Any]:
        """The features of an item, or a person, that has all of them."""
        path = self.made.state / f"prepared/views/{view}.parquet"
        frame = pl.scan_parquet(path).sort("event_timestamp").tail(1).collect()
        return frame.drop("event_timestamp", "created_timestamp").to_dicts()[0]

    def rank(self, *item_ids: str, user: str = "") -> pb.RankResponse:
        request = pb.RankRequest(
            surface=pb.SURFACE_PRODUCT,
            item_ids=item_ids,
            user_id=user,
            consent=pb.Consent(personalization=bool(user)),
        )
        answer: pb.RankResponse = self.stub.Rank(request, timeout=SECONDS)
        return answer


@pytest.fixture(scope="session")
def running(generated_shop: Made) -> Iterator[Running]:
    with grpc.insecure_channel(generated_shop.system.gateway) as channel:
        yield Running(generated_shop, stubs.RecommendationServiceStub(channel))


@pytest.fixture(scope="session")
def writer(generated_shop: Made) -> Iterator[FeastWriter]:
    with feast_writer(generated_shop) as writer:
        yield writer


@pytest.fixture
def new_id() -> int:
    """Nobody's yet: neither an item's nor a person's."""
    return next(IDS)
