from collections.abc import Iterator

import grpc
import pytest
from recserve.v1 import recommendation_service_pb2_grpc as stubs

from tests.e2e.shop import Shop
from tests.e2e.system import ROOT, System, new_system
from training.offline import Models, open_models
from training.settings import read_settings


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """The made-up shop, quickly taught, made anew where the code changed; running until the tests end."""
    made = new_system(ROOT / "build/test", dataset="shop")
    try:
        made.make("start")
        yield made
    finally:
        made.make("down", check=False)


@pytest.fixture(scope="session")
def channel(system: System) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(system.gateway) as channel:
        yield channel


@pytest.fixture(scope="session")
def stub(channel: grpc.Channel) -> stubs.RecommendationServiceStub:
    return stubs.RecommendationServiceStub(channel)


@pytest.fixture(scope="session")
def shop(system: System) -> Iterator[Shop]:
    shop = Shop(system.state)
    yield shop
    shop.redis.close()


@pytest.fixture(scope="session")
def models(system: System) -> Models:
    """The checkpoints that the running bundle was exported from, in PyTorch."""
    return open_models(read_settings(system.state, {"RECSERVE_TRAINING_PROFILE": "quick"}))
