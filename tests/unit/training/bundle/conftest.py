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
def whole(
    prepared: Prepared, models: tuple[ShippedModel, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A bundle of every model; not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    write_bundle(folder, prepared, models)
    return folder


@pytest.fixture(scope="session")
def sound(
    prepared: Prepared, models: tuple[ShippedModel, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A bundle of a model a kind, that the gate lets pass; to be copied, not changed."""
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(folder, prepared, [m for m in models if m.name in ("mlp", "two_tower", "similar")])
    return folder
