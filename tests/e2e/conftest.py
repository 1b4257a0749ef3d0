from collections.abc import Iterator

import grpc
import pytest
from recserve.v1 import recommendation_service_pb2_grpc as stubs

from tests.e2e.system import ROOT, System, new_system


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """The quick profile, made anew where the code changed, running until the tests end."""
    made = new_system(ROOT / "build/test")
    try:
        made.make("start")
        yield made
    finally:
        made.make("down", check=False)


@pytest.fixture(scope="session")
def stub(system: System) -> Iterator[stubs.RecommendationServiceStub]:
    with grpc.insecure_channel(system.gateway) as channel:
        yield stubs.RecommendationServiceStub(channel)
