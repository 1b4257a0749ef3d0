import pytest

from serving.search.engine import Engine
from serving.search.index import OpenIndex
from tests.unit.serving.search.made import opened
from tests.unit.serving.search.shop import shop_engine


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> OpenIndex:
    return opened(tmp_path_factory.mktemp("index"))


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return shop_engine(tmp_path_factory.mktemp("shop"))
