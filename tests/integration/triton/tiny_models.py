"""Small graphs in a Triton model repository, for tests of the embedded server."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import tritonclient.grpc as triton
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

CONFIG = """
backend: "onnxruntime"
max_batch_size: 16
{tensors}
dynamic_batching {{ max_queue_delay_microseconds: 300000 }}
instance_group [ {{ count: 1, kind: KIND_CPU }} ]
{extra}
"""


def add_sums(repository: Path, name: str = "sums", extra: str = "") -> None:
    """Gives total = a + b and difference = a - b, three floats a row."""
    write(
        repository,
        name,
        [
            helper.make_node("Add", ["a", "b"], ["total"]),
            helper.make_node("Sub", ["a", "b"], ["difference"]),
        ],
        inputs=["a", "b"],
        outputs=["total", "difference"],
        extra=extra,
    )


def add_look_up(repository: Path, name: str = "look_up") -> None:
    """Gives found = 10 times the row number, for rows 0 to 4; any other fails at run time."""
    write(
        repository,
        name,
        [helper.make_node("Gather", ["table", "row"], ["found"])],
        inputs=["row"],
        outputs=["found"],
        input_type=TensorProto.INT64,
        width=1,
        constants={"table": np.arange(5, dtype=np.float32) * 10},
    )


def add_column_means(repository: Path, name: str = "means") -> None:
    """Means over dimension 0, which a batched model must not take: it loses rows."""
    write(
        repository,
        name,
        [helper.make_node("ReduceMean", ["a"], ["mean"], axes=[0], keepdims=1)],
        inputs=["a"],
        outputs=["mean"],
    )


def write(
    repository: Path,
    name: str,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[str],
    outputs: Sequence[str],
    input_type: int = TensorProto.FLOAT,
    width: int = 3,
    constants: dict[str, NDArray[np.float32]] | None = None,
    extra: str = "",
) -> None:
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(i, input_type, ["N", width]) for i in inputs],
        [helper.make_tensor_value_info(o, TensorProto.FLOAT, ["N", width]) for o in outputs],
        [numpy_helper.from_array(values, key) for key, values in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    folder = repository / name
    (folder / "1").mkdir(parents=True)
    onnx.save(model, folder / "1/model.onnx")
    kind = "TYPE_INT64" if input_type == TensorProto.INT64 else "TYPE_FP32"
    tensors = [f'input {{ name: "{i}", data_type: {kind}, dims: [{width}] }}' for i in inputs]
    tensors += [f'output {{ name: "{o}", data_type: TYPE_FP32, dims: [{width}] }}' for o in outputs]
    config = CONFIG.format(tensors="\n".join(tensors), extra=extra)
    (folder / "config.pbtxt").write_text(config)


def tensor(name: str, values: NDArray[np.generic]) -> triton.InferInput:
    kind = "INT64" if values.dtype == np.int64 else "FP32"
    wanted = triton.InferInput(name, list(values.shape), kind)
    wanted.set_data_from_numpy(values)
    return wanted
