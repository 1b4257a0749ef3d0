from collections.abc import Iterator

import grpc
import polars as pl
import pytest
from recserve.v1.search_service_pb2_grpc import SearchServiceStub

from tests.acceptance.made import Made


@pytest.fixture(scope="module")
def search(generated_shop: Made) -> Iterator[SearchServiceStub]:
    with grpc.insecure_channel(generated_shop.system.gateway) as channel:
        yield SearchServiceStub(channel)


@pytest.fixture(scope="module")
def catalogue(generated_shop: Made) -> pl.DataFrame:
    return pl.read_parquet(generated_shop.state / "prepared/catalogue.parquet")
