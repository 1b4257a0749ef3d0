"""Writes a model as ONNX whose inputs are the contract's raw tensors.

The TorchScript exporter is used on purpose: the newer one writes opset 18 at the least and can't convert
these graphs back, is slower by an order, and has written wrong graphs without a word. Whatever an
exporter does, parity.py compares its graph with the framework.

A module takes, beside an input of keys, `<name>__row`: the same keys as vocabulary rows. Those look-ups
become LabelEncoder nodes, one a column, that are put in front of the exported graph.
"""

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import onnx
import torch
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper
from torch import Tensor, nn
from torch.jit._trace import TracerWarning
from torch.nn.modules import rnn  # whose checks of its own sizes warn while they are traced

from training.data import Vocabulary
from training.errors import ExportError
from training.models.inputs import NULL_ROW
from training.schema import Input

OPSET, ML_OPSET, HIGHEST_IR = 17, 2, 10
ML_DOMAIN = "ai.onnx.ml"
ROW = "__row"
NULL_KEY, UNKNOWN_ROW = -1, 0
ONNX_TYPES = {"int64": TensorProto.INT64, "float32": TensorProto.FLOAT, "bool": TensorProto.BOOL}
TORCH_TYPES = {"int64": torch.int64, "float32": torch.float32, "bool": torch.bool}
TRACED = {"B": 2, "C": 3, "L": 5}  # any sizes: no module's flow depends on them

Vocabularies = Mapping[str, Sequence[Vocabulary]]  # by input, one a column


class Positional(nn.Module):
    """The exporter passes tensors by place; the models take them by name."""

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.model, self.names = model, list(names)

    def forward(self, *tensors: Tensor) -> object:
        return self.model(dict(zip(self.names, tensors, strict=True)))


def export_graph(
    model: nn.Module,
    inputs: Sequence[Input],
    outputs: Sequence[str],
    vocabularies: Vocabularies,
    candidates: str | int = "C",
) -> ModelProto:
    """The graph of `model`; the same weights give the same bytes.

    Args:
        model: forward over a mapping of `inputs` and their `__row` twins, in eval mode.
        inputs: the graph's inputs, in order.
        outputs: names of what forward returns; each has the request as dimension 0.
        vocabularies: of the inputs that have a twin.
        candidates: the number of candidates, "C" if it may differ between calls.

    Raises:
        ExportError: the exporter would have to fix a value that depends on the inputs.
    """
    shapes = {i.name: tensor_shape(i, candidates) for i in inputs}
    types = {i.name: TORCH_TYPES[i.dtype] for i in inputs}
    for name in vocabularies:
        shapes[name + ROW], types[name + ROW] = shapes[name], torch.int64
    graph = traced(model, shapes, types, outputs)
    _look_up(graph, inputs, shapes, vocabularies)
    onnx.checker.check_model(graph, full_check=True)
    return graph


def tensor_shape(wanted: Input, candidates: str | int) -> list[str | int]:
    """As in the contract's table of kinds; a name is a size that may differ between calls."""
    width = len(wanted.columns)
    shapes: dict[str, list[str | int]] = {
        "user": ["B", width],
        "user_list": ["B", wanted.length],
        "request_time": ["B", 1],
        "item_id": ["B", candidates],
        "item": ["B", candidates, width],
        "mask": ["B", candidates],
        "eligible": ["B", wanted.length],
    }
    return shapes[wanted.kind]


def traced(
    model: nn.Module,
    shapes: Mapping[str, list[str | int]],
    types: Mapping[str, torch.dtype],
    outputs: Sequence[str],
) -> ModelProto:
    """The graph of a module that takes a mapping of these tensors; a name in a shape is a free size.

    Raises:
        ExportError: the exporter would have to fix a value that depends on the inputs.
    """
    samples = tuple(
        torch.ones([TRACED[d] if isinstance(d, str) else d for d in shape], dtype=types[name])
        for name, shape in shapes.items()
    )
    free = {
        name: {place: d for place, d in enumerate(shape) if isinstance(d, str)}
        for name, shape in shapes.items()
    }
    given = _answers(model, shapes, samples)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as raised:
        warnings.simplefilter("always")
        written = Path(folder, "model.onnx")
        torch.onnx.export(
            Positional(model, list(shapes)).eval(),
            samples,
            written,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(shapes),
            output_names=list(outputs),
            dynamic_axes=free | _output_axes(shapes, outputs, given),
        )
        graph = onnx.load_from_string(written.read_bytes())
    fixed = [
        str(w.message)
        for w in raised
        if issubclass(w.category, TracerWarning) and w.filename != rnn.__file__
    ]
    if fixed:
        raise ExportError(f"the graph would not follow its inputs: {fixed[0]}")
    _declare_sizes(graph, given)
    return graph


def _answers(
    model: nn.Module, shapes: Mapping[str, list[str | int]], samples: Sequence[Tensor]
) -> tuple[Tensor, ...]:
    with torch.no_grad():
        answer = model(dict(zip(shapes, samples, strict=True)))
    return answer if isinstance(answer, tuple) else (answer,)


def _declare_sizes(graph: ModelProto, given: Sequence[Tensor]) -> None:
    """Fixed sizes that the exporter lost, as it does behind the padding of a small catalogue."""
    for value, tensor in zip(graph.graph.output, given, strict=True):
        for place, dimension in enumerate(value.type.tensor_type.shape.dim):
            if place and dimension.dim_param not in ("B", "C"):
                dimension.dim_value = tensor.shape[place]


def _output_axes(
    shapes: Mapping[str, list[str | int]], outputs: Sequence[str], given: Sequence[Tensor]
) -> dict[str, dict[int, str]]:
    """Dimension 0 of every output is the request; one as wide as the candidates follows them."""
    follows = any("C" in shape for shape in shapes.values())
    return {
        name: {0: "B"} | ({1: "C"} if follows and tensor.shape[1] == TRACED["C"] else {})
        for name, tensor in zip(outputs, given, strict=True)
    }


def _look_up(
    model: ModelProto,
    inputs: Sequence[Input],
    shapes: Mapping[str, list[str | int]],
    vocabularies: Vocabularies,
) -> None:
    """Takes the `__row` inputs away and computes them from the raw keys, in place."""
    taken = {value.name for value in model.graph.input}
    nodes = [
        node
        for name, columns in vocabularies.items()
        if name + ROW in taken
        for node in encoders(name, columns)
    ]
    raw: list[ValueInfoProto] = [
        helper.make_tensor_value_info(i.name, ONNX_TYPES[i.dtype], shapes[i.name]) for i in inputs
    ]
    rest = list(model.graph.node)
    del model.graph.node[:], model.graph.input[:]
    model.graph.node.extend([*nodes, *rest])
    model.graph.input.extend(raw)
    others = [imported for imported in model.opset_import if imported.domain != ML_DOMAIN]
    del model.opset_import[:]
    model.opset_import.extend([*others, helper.make_opsetid(ML_DOMAIN, ML_OPSET)])


def encoders(name: str, columns: Sequence[Vocabulary]) -> list[NodeProto]:
    """Nodes from `name` to `name__row`; several columns lie along the last dimension."""
    if len(columns) == 1:
        return [_encoder(name, name + ROW, columns[0])]
    split = [f"{name}__column_{j}" for j in range(len(columns))]
    rows = [f"{name}{ROW}_{j}" for j in range(len(columns))]
    return [
        helper.make_node("Split", [name], split, name=f"{name}__split", axis=-1),
        *map(_encoder, split, rows, columns),
        helper.make_node("Concat", rows, [name + ROW], name=f"{name}__concat", axis=-1),
    ]


def _encoder(key: str, row: str, vocabulary: Vocabulary) -> NodeProto:
    return helper.make_node(
        "LabelEncoder",
        [key],
        [row],
        name=f"{row}__look_up",
        domain=ML_DOMAIN,
        keys_int64s=[NULL_KEY, *vocabulary.keys.tolist()],
        values_int64s=[NULL_ROW, *vocabulary.rows.tolist()],
        default_int64=UNKNOWN_ROW,
    )
