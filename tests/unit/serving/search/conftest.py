import pytest

from serving.search.index import OpenIndex
from tests.unit.serving.search.made import opened


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> OpenIndex:
    return opened(tmp_path_factory.mktemp("index"))
