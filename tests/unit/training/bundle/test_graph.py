from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from torch import Tensor, nn

from training.bundle.graph import HIGHEST_IR, OPSET, export_graph
from training.bundle.parity import graph_of
from training.bundle.shipped import ShippedModel
from training.data import Vocabulary
from training.errors import ExportError
from training.schema import Input

PLAIN = Input("item_key", "item", "int64", ("p.shelf",))
WIDE = Input("item_key", "item", "int64", ("p.shelf", "p.maker", "p.size"))
VOCABULARIES = (
    Vocabulary(np.array([3, 8, 2**62 + 1]), np.array([4, 2, 3]), 5),
    Vocabulary(np.array([0, 3]), np.array([2, 3]), 4),
    Vocabulary(np.array([], dtype=np.int64), np.array([], dtype=np.int64), 2),
)
KEYS = np.array([-1, 0, 3, 8, 2**62, 2**62 + 1, 2**63 - 1])


class Rows(nn.Module):
    """Gives back the rows that it is given."""

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return inputs["item_key__row"] * 1


class Branching(nn.Module):
    """What it does depends on the values it is traced with."""

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        rows = inputs["item_key__row"]
        return rows * 2 if bool(rows.sum() > 100) else rows


def looked_up(keys: np.ndarray, of: Vocabulary) -> list[int]:
    rows = dict(zip(of.keys.tolist(), of.rows.tolist(), strict=True)) | {-1: 1}
    return [rows.get(key, 0) for key in keys.tolist()]


@pytest.mark.parametrize("wanted", [PLAIN, WIDE], ids=["one column", "three columns"])
def test_keys_become_the_rows_of_their_columns_vocabulary(wanted: Input):
    columns = VOCABULARIES[: len(wanted.columns)]
    graph = export_graph(Rows(), [wanted], ["rows"], {"item_key": columns})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    draw = np.random.default_rng(0)
    keys = draw.choice(KEYS, (5, 9, len(columns)))
    (rows,) = session.run(None, {"item_key": keys})
    for j, of in enumerate(columns):
        assert rows[..., j].ravel().tolist() == looked_up(keys[..., j].ravel(), of)


def test_the_graph_takes_the_raw_inputs_and_nothing_else(
    whole: Path, models: tuple[ShippedModel, ...]
):
    for model in models:
        session = onnxruntime.InferenceSession(graph_of(whole / "models", model.name))
        assert [i.name for i in session.get_inputs()] == [i.name for i in model.inputs]
        assert [o.name for o in session.get_outputs()] == [o.name for o in model.outputs]


def test_the_graph_stays_within_the_versions_that_the_server_reads():
    graph = export_graph(Rows(), [PLAIN], ["rows"], {"item_key": VOCABULARIES[:1]})
    assert {o.domain: o.version for o in graph.opset_import} == {"": OPSET, "ai.onnx.ml": 2}
    assert graph.ir_version <= HIGHEST_IR


def test_the_same_weights_give_the_same_bytes(whole: Path, models: tuple[ShippedModel, ...]):
    for model in models:
        assert exported(model) == graph_of(whole / "models", model.name).read_bytes()


def test_a_model_whose_flow_follows_values_is_refused():
    with pytest.raises(ExportError, match="would not follow its inputs"):
        export_graph(Branching(), [PLAIN], ["rows"], {"item_key": VOCABULARIES[:1]})


def test_a_model_is_left_in_the_mode_it_came_in(models: tuple[ShippedModel, ...]):
    exported(models[0])
    assert not any(part.training for part in models[0].module.modules())


def test_sizes_of_batch_and_candidates_are_free():
    graph = export_graph(Rows(), [PLAIN], ["rows"], {"item_key": VOCABULARIES[:1]})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    for shape in ((1, 1, 1), (4, 65, 1)):
        (rows,) = session.run(None, {"item_key": np.full(shape, 8)})
        assert rows.shape == shape
        assert (rows == 2).all()


def exported(model: ShippedModel) -> bytes:
    graph = export_graph(
        model.module,
        model.inputs,
        [o.name for o in model.outputs],
        model.vocabularies,
        model.candidates,
    )

    content: bytes = graph.SerializeToString(deterministic=True)
    return content


def test_rows_given_by_the_framework_are_those_of_the_graph(models: tuple[ShippedModel, ...]):
    ranker = models[0]
    columns = ranker.vocabularies["item_key"]
    keys = np.random.default_rng(0).choice(np.append(columns[0].keys, [-1, 5]), (20, len(columns)))
    for j, of in enumerate(columns):
        assert of.look_up(keys[:, j]).tolist() == looked_up(keys[:, j], of)
