"""A Triton that somebody else runs, in place of the embedded one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from recserve.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

from serving.triton.launcher import running
from tests.e2e.asking import SECONDS, ids, recommend
from tests.e2e.patience import eventually
from tests.e2e.shop import Shop
from tests.e2e.system import System
from training.bundle.parity import graph_of


@pytest.fixture
def embedded_again(system: System) -> Iterator[None]:
    yield
    system.make("start")


def shift_weights(graph: Path) -> None:
    """As another training would."""
    model = onnx.load(graph)
    weights = next(
        w for w in model.graph.initializer if numpy_helper.to_array(w).dtype == np.float32
    )
    shifted = numpy_helper.to_array(weights) + np.float32(1)
    weights.CopyFrom(numpy_helper.from_array(shifted, weights.name))
    onnx.save(model, graph)


def test_one_with_the_bundles_models_serves_and_one_with_others_is_refused(
    system: System,
    shop: Shop,
    stub: RecommendationServiceStub,
    embedded_again: None,
    tmp_path: Path,
):
    before = ids(stub.Recommend(recommend(shop.regular), timeout=SECONDS))
    beside = [(system.state / "encoders/current/models").resolve()]
    with running(shop.bundle.folder / "models", tmp_path / "same", beside=beside) as same:
        system.make("start", f"TRITON_URL={same}")
        assert "triton" not in {p.stem for p in (system.state / "run").glob("*.json")}

        def whole() -> list[str] | None:
            answer = stub.Recommend(recommend(shop.regular), timeout=SECONDS)
            return None if answer.answer.degradations else ids(answer)

        assert eventually(whole, "a whole answer") == before

    shutil.copytree(shop.bundle.folder / "models", tmp_path / "models")
    shift_weights(graph_of(tmp_path / "models", shop.bundle.policy.members[0]))
    with running(tmp_path / "models", tmp_path / "other", beside=beside) as other:
        refused = system.make("start", f"TRITON_URL={other}", check=False)
    assert refused.returncode != 0
    assert "answers otherwise than bundle" in refused.stderr
