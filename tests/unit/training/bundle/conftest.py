from pathlib import Path

import pytest

from tests.unit.training.bundle.bundles import write_bundle
from tests.unit.training.bundle.shop import prepared_shop, random_models
from training.bundle.shipped import ShippedModel
from training.data import Prepared


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepared_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def models(prepared: Prepared) -> tuple[ShippedModel, ...]:
    return random_models(prepared)


@pytest.fixture(scope="session")
def sound(
    prepared: Prepared, models: tuple[ShippedModel, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A bundle that the gate lets pass; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(folder, prepared, models)
    return folder
