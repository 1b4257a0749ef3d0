from pathlib import Path

import pytest
import torch

from tests.unit.training.bundle.shop import prepared_shop
from training.data import Prepared, known_users, open_prepared
from training.known import Known, known_at
from training.learning.feature_config import feature_config
from training.models.ranker import Ranker, RankerConfig
from training.models.two_tower import TwoTower, TwoTowerConfig
from training.schema import Schema, schema


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    prepared_shop(folder)
    return folder


@pytest.fixture(scope="session")
def prepared(state: Path) -> Prepared:

    return open_prepared(state / "prepared")


@pytest.fixture(scope="session")
def of(prepared: Prepared) -> Schema:
    return schema(prepared.features, "ranker")


@pytest.fixture(scope="session")
def known(prepared: Prepared, of: Schema) -> Known:
    """Everybody at the last cut-off whose labels are known."""
    cutoff = prepared.cutoffs[-2]
    return known_at(prepared, of, cutoff, known_users(prepared, cutoff))


@pytest.fixture(scope="session")
def tower(prepared: Prepared, of: Schema) -> TwoTower:
    torch.manual_seed(3)
    return TwoTower(TwoTowerConfig(feature_config(prepared, of), dimension=8)).eval()


@pytest.fixture(scope="session")
def ranker(prepared: Prepared, of: Schema, tower: TwoTower) -> Ranker:
    torch.manual_seed(4)
    return Ranker(RankerConfig(feature_config(prepared, of), tower.config)).eval()
