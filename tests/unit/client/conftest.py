from collections.abc import Iterator

import pytest

from tests.fakes.scripted_gateway import ScriptedGateway, serving


@pytest.fixture
def gateway() -> ScriptedGateway:
    return ScriptedGateway()


@pytest.fixture
def endpoint(gateway: ScriptedGateway) -> Iterator[str]:
    with serving(gateway) as where:
        yield where
