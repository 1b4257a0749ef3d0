"""Is a graph, and its Triton configuration, of the form that the read plan says?"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import onnx
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from serving.features.read_plan import InputPlan, ModelPlan
from training.bundle.graph import HIGHEST_IR, ML_DOMAIN, ML_OPSET, ONNX_TYPES, OPSET
from training.bundle.triton_config import GRAPH, version_of

HIGHEST_OPSETS = {"": OPSET, ML_DOMAIN: ML_OPSET}
TYPE_NAMES: dict[int, str] = {int(number): name for name, number in ONNX_TYPES.items()}
TRITON_NAMES = {"TYPE_INT64": "int64", "TYPE_FP32": "float32", "TYPE_BOOL": "bool"}
FREE = -1  # a dimension that may differ between calls

Form = tuple[str, tuple[int, ...]]  # dtype, and shape without dimension 0


def graph_problems(bundle: Path, plan: ModelPlan) -> Iterator[str]:
    """Each problem names the model."""
    folder = bundle / "models" / plan.triton_model
    path = folder / plan.triton_version / GRAPH
    missing = [f.name for f in (path, folder / "config.pbtxt") if not f.is_file()]
    if missing:
        yield f"{plan.name}: {', '.join(missing)} is missing"
        return
    graph = path.read_bytes()
    if (version := version_of(graph)) != plan.triton_version:
        yield f"{plan.name}: its graph is of version {version}, the plan asks for {plan.triton_version}"
    model = onnx.load_from_string(graph)
    yield from (f"{plan.name}: {problem}" for problem in _versions(model))
    config = text_format.Parse(
        (folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig()
    )
    planned_inputs = {i.name: _planned(i, plan) for i in plan.inputs}
    described: dict[str, Mapping[str, Form]] = {
        "model.onnx": {v.name: _of_graph(v) for v in model.graph.input},
        "config.pbtxt": {t.name: _of_config(t) for t in config.input},
    }
    for where, found in described.items():
        yield from _differences(f"{plan.name}: {where}", planned_inputs, found)
    yield from _outputs(plan, model, config)


def _versions(model: onnx.ModelProto) -> Iterator[str]:
    if model.ir_version > HIGHEST_IR:
        yield f"IR version {model.ir_version}, at most {HIGHEST_IR} is served"
    for imported in model.opset_import:
        highest = HIGHEST_OPSETS.get(imported.domain)
        name = imported.domain or "ai.onnx"
        if highest is None:
            yield f"operators of {name}, which the server has not"
        elif imported.version > highest:
            yield f"opset {imported.version} of {name}, at most {highest} is served"


def _planned(wanted: InputPlan, plan: ModelPlan) -> Form:
    candidates = plan.pad_to[0] if len(plan.pad_to) == 1 else FREE
    width = len(wanted.columns)
    shapes: dict[str, tuple[int, ...]] = {
        "user": (width,),
        "user_list": (wanted.length,),
        "request_time": (1,),
        "item_id": (candidates,),
        "item": (candidates, width),
        "mask": (candidates,),
        "eligible": (wanted.length,),
    }
    return wanted.dtype, shapes[wanted.kind]


def _of_graph(value: onnx.ValueInfoProto) -> Form:
    tensor = value.type.tensor_type
    sizes = [d.dim_value if d.HasField("dim_value") else FREE for d in tensor.shape.dim]
    kind = TYPE_NAMES.get(tensor.elem_type, f"ONNX type {tensor.elem_type}")
    if not sizes or sizes[0] != FREE:
        kind += " with a fixed batch"
    return kind, tuple(sizes[1:])


def _of_config(
    tensor: model_config_pb2.ModelInput | model_config_pb2.ModelOutput,
) -> Form:
    name = model_config_pb2.DataType.Name(tensor.data_type)
    return TRITON_NAMES.get(name, name), tuple(tensor.dims)


def _differences(
    where: str, planned: Mapping[str, Form], found: Mapping[str, Form]
) -> Iterator[str]:
    if set(planned) != set(found):
        yield (
            f"{where} has inputs {sorted(found.keys() - planned.keys())} beyond the plan's and lacks "
            f"{sorted(planned.keys() - found.keys())}"
        )
    for name in planned.keys() & found.keys():
        if planned[name] != found[name]:
            yield f"{where} has {name} as {_text(found[name])}, the plan as {_text(planned[name])}"


def _outputs(
    plan: ModelPlan, model: onnx.ModelProto, config: model_config_pb2.ModelConfig
) -> Iterator[str]:
    planned = dict(plan.outputs)
    graph = {v.name: _of_graph(v) for v in model.graph.output}
    served = {t.name: _of_config(t) for t in config.output}
    kinds: Sequence[tuple[str, Mapping[str, Form]]] = (
        ("model.onnx", graph),
        ("config.pbtxt", served),
    )
    for where, found in kinds:
        if {name: dtype for name, (dtype, _) in found.items()} != planned:
            yield f"{plan.name}: {where} gives {found}, the plan {planned}"
    if graph != served:
        yield f"{plan.name}: model.onnx gives {graph}, config.pbtxt {served}"


def _text(form: Form) -> str:
    return f"{form[0]} {list(form[1])}"
