from pathlib import Path

import pytest
import torch

from tests.unit.training.bundle.shop import (
    QUOTAS,
    prepared_shop,
    random_ranker,
    random_retrievers,
)
from training.candidates import Sources, sources_at
from training.data import Prepared, known_users, open_prepared
from training.known import Known, known_at
from training.models.ranker import Ranker
from training.models.retrievers import Retrievers
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
def searches(prepared: Prepared) -> Retrievers:
    """Every kind, with random weights."""
    torch.manual_seed(3)
    return random_retrievers(prepared, dimension=8)


@pytest.fixture(scope="session")
def ranker(prepared: Prepared, searches: Retrievers) -> Ranker:
    torch.manual_seed(4)
    return random_ranker(prepared, searches, "mlp")


@pytest.fixture(scope="session")
def sources(prepared: Prepared, of: Schema, searches: Retrievers, known: Known) -> Sources:
    return sources_at(prepared, of, searches, QUOTAS, known.cutoff, 24)
