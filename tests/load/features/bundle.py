"""A bundle for the made-up shop, with a ranker of a few operators: what is measured is not the model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from serving.bundle import content_id
from serving.stages.fuse import alone
from tests.fakes.policies import described_policy
from tests.load.features import shop
from tests.load.features.plan import document

ONNX = {"int64": TensorProto.INT64, "float32": TensorProto.FLOAT, "bool": TensorProto.BOOL}
TRITON = {"int64": "TYPE_INT64", "float32": "TYPE_FP32", "bool": "TYPE_BOOL"}
SOURCES: dict[str, dict[str, Any]] = {
    "repeat": {"quota": 160, "items": "user_history.owned_item"},
    "popular": {"quota": 352},
}


def write_bundle(folder: Path) -> Path:
    """Read plan, policy, manifest, and the ranker as a Triton model."""
    plan = document()
    model = folder / "models/ranker"
    (model / "1").mkdir(parents=True)
    inputs = plan["models"]["ranker"]["inputs"]
    (model / "config.pbtxt").write_text(_config(inputs))
    onnx.save(_ranker(inputs), model / "1/model.onnx")
    _write(folder / "read_plan.json", plan)
    _write(folder / "policy.json", described_policy(SOURCES, alone("ranker")))
    manifest: dict[str, Any] = {
        "version": 1,
        "project": shop.PROJECT,
        "created_at": "2026-01-01T00:00:00Z",
        "feature_services": {},
        "horizon_days": 14,
    }
    _write(folder / "manifest.json", manifest)
    _write(folder / "manifest.json", manifest | {"bundle_id": content_id(folder)})
    return folder


def _shape(wanted: dict[str, Any]) -> list[int]:
    """Without dimension 0; -1 is the number of candidates."""
    width = len(wanted["columns"])
    return {
        "user": [width],
        "user_list": [wanted.get("length", 0)],
        "request_time": [1],
        "item": [-1, width],
    }.get(wanted["kind"], [-1])


def _ranker(inputs: list[dict[str, Any]]) -> onnx.ModelProto:
    """Probability = sigmoid of a hundredth of the sum of the item's floats, 0 where masked."""
    nodes = [
        helper.make_node("ReduceSum", ["item_float", "last"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "hundredth"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["all"]),
        helper.make_node("Where", ["mask", "all", "zero"], ["probability"]),
    ]
    constants = {
        "last": np.array([2], dtype=np.int64),
        "hundredth": np.array(0.01, dtype=np.float32),
        "zero": np.array(0, dtype=np.float32),
    }
    graph = helper.make_graph(
        nodes,
        "ranker",
        [
            helper.make_tensor_value_info(
                i["name"], ONNX[i["dtype"]], ["B", *("C" if n < 0 else n for n in _shape(i))]
            )
            for i in inputs
        ],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["B", "C"])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def _config(inputs: list[dict[str, Any]]) -> str:
    listed = ",\n".join(
        f'  {{ name: "{i["name"]}", data_type: {TRITON[i["dtype"]]}, dims: {_shape(i)} }}'
        for i in inputs
    )
    return f"""name: "ranker"
backend: "onnxruntime"
max_batch_size: 16
input [
{listed}
]
output [ {{ name: "probability", data_type: TYPE_FP32, dims: [-1] }} ]
dynamic_batching {{ max_queue_delay_microseconds: 500 }}
instance_group [ {{ count: 1, kind: KIND_CPU }} ]
"""


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document))
