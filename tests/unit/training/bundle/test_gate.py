import copy
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tests.unit.training.bundle.bundles import (
    FIGURES,
    edit,
    edit_graph,
    renew_golden,
    set_weight,
    sign,
)
from training import gate
from training.bundle.golden_files import Golden, read_golden, write_golden
from training.bundle.parity import graph_of
from training.data import Prepared
from training.errors import GateRefused


@pytest.fixture
def bundle(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "bundle"))


@pytest.fixture
def refusal(bundle: Path, prepared: Prepared) -> Callable[[], str]:
    """Signs the bundle anew, so that only its content can be the reason, and gives the reason."""

    def reason() -> str:
        sign(bundle)
        with pytest.raises(GateRefused) as refused:
            gate.check(bundle, prepared.features)
        return str(refused.value)

    return reason


@pytest.mark.parametrize("bundle", ["sound", "whole"])
def test_a_sound_bundle_passes(bundle: str, prepared: Prepared, request: pytest.FixtureRequest):
    gate.check(request.getfixturevalue(bundle), prepared.features)


def test_a_changed_byte_is_noticed_by_the_name(bundle: Path, prepared: Prepared):
    path = graph_of(bundle / "models", "mlp")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(GateRefused, match="was changed after export"):
        gate.check(bundle, prepared.features)


def test_a_changed_weight_is_noticed_by_the_answers(bundle: Path, refusal: Callable[[], str]):
    edit_graph(bundle, "mlp", lambda g: set_weight(g, "network.last.bias", 0.5))
    assert "mlp: the graph's answer to the golden batch differs by" in refusal()


def test_a_graph_that_is_not_the_plans_version_is_refused(bundle: Path, refusal: Callable[[], str]):
    path = graph_of(bundle / "models", "mlp")
    path.parent.rename(path.parent.with_name("1"))
    edit(bundle / "read_plan.json", lambda p: p["models"]["mlp"].update(triton_version="1"))
    assert f"mlp: its graph is of version {path.parent.name}, the plan asks for 1" in refusal()


def test_swapped_columns_are_refused(bundle: Path, refusal: Callable[[], str]):
    def swap(plan: dict[str, Any]) -> None:
        columns = plan["models"]["mlp"]["inputs"][0]["columns"]
        columns[0], columns[1] = columns[1], columns[0]

    edit(bundle / "read_plan.json", swap)
    assert "mlp: input user_float has other columns, or another order" in refusal()


def test_a_row_layout_that_is_not_the_feature_repositorys_is_refused(
    sound: Path, prepared: Prepared
):
    features = copy.deepcopy(prepared.features)
    fields = features["views"]["user_activity"]["fields"]
    fields[0], fields[1] = fields[1], fields[0]
    with pytest.raises(GateRefused, match="view user_activity has fingerprint"):
        gate.check(sound, features)


def test_another_feature_service_is_refused(bundle: Path, refusal: Callable[[], str]):
    edit(bundle / "manifest.json", lambda m: m["feature_services"].update(ranker="0" * 16))
    assert "feature service ranker has fingerprint 0000000000000000 in the manifest" in refusal()


@pytest.mark.parametrize(
    ("model", "old", "new", "reason"),
    [
        ("mlp", "dims: [512]", "dims: [511]", "config.pbtxt has owned_item as int64 [511]"),
        ("mlp", "TYPE_BOOL", "TYPE_FP32", "config.pbtxt has mask as float32 [-1]"),
        ("mlp", '"request_time"', '"time"', "lacks ['request_time']"),
        ("two_tower", "dims: [32]", "dims: [33]", "model.onnx gives"),
    ],
)
def test_a_configuration_that_is_not_the_plans_is_refused(
    bundle: Path, refusal: Callable[[], str], model: str, old: str, new: str, reason: str
):
    path = bundle / "models" / model / "config.pbtxt"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert reason in refusal()


def test_a_graph_with_another_width_is_refused(bundle: Path, refusal: Callable[[], str]):
    def narrow(graph: ModelProto) -> None:
        value = next(v for v in graph.graph.input if v.name == "user_float")
        value.type.tensor_type.shape.dim[1].dim_value -= 1

    edit_graph(bundle, "mlp", narrow)
    assert "mlp: model.onnx has user_float as float32" in refusal()


def test_a_graph_with_a_fixed_batch_is_refused(bundle: Path, refusal: Callable[[], str]):
    def fix(graph: ModelProto) -> None:
        value = next(v for v in graph.graph.input if v.name == "user_float")
        value.type.tensor_type.shape.dim[0].dim_value = 2

    edit_graph(bundle, "mlp", fix)
    assert "with a fixed batch" in refusal()


def test_newer_operators_than_the_server_reads_are_refused(
    bundle: Path, refusal: Callable[[], str]
):
    def renew(graph: ModelProto) -> None:
        graph.opset_import[0].version = 21
        graph.ir_version = 11

    edit_graph(bundle, "mlp", renew)
    found = refusal()
    assert "mlp: opset 21 of ai.onnx, at most 17 is served" in found
    assert "mlp: IR version 11, at most 10 is served" in found


def test_a_nan_is_refused(bundle: Path, refusal: Callable[[], str]):
    edit_graph(bundle, "mlp", lambda g: set_weight(g, "network.last.bias", float("nan")))
    renew_golden(bundle, "mlp")
    assert "mlp: some probabilities are NaN" in refusal()


def test_a_constant_score_is_refused(bundle: Path, refusal: Callable[[], str]):
    edit_graph(bundle, "mlp", lambda g: behind(g, "Mul", np.float32(0.0)))
    renew_golden(bundle, "mlp")
    assert "mlp: every candidate has the same probability" in refusal()


def test_a_score_outside_0_to_1_is_refused(bundle: Path, refusal: Callable[[], str]):
    edit_graph(bundle, "mlp", lambda g: behind(g, "Mul", np.float32(3.0)))
    renew_golden(bundle, "mlp")
    assert "outside 0 to 1" in refusal()


def test_a_masked_candidate_with_a_score_is_refused(bundle: Path, refusal: Callable[[], str]):
    edit_graph(bundle, "mlp", lambda g: behind(g, "Add", np.float32(0.01)))
    renew_golden(bundle, "mlp")
    assert "masked candidates have a probability other than 0" in refusal()


@pytest.mark.parametrize(
    ("axis", "reason"),
    [
        (0, "scores change with the requests that share a batch"),
        (1, "scores change with padding"),
    ],
)
def test_a_score_that_hangs_on_its_neighbours_is_refused(
    bundle: Path, refusal: Callable[[], str], axis: int, reason: str
):
    edit_graph(bundle, "mlp", lambda g: less_mean(g, axis))
    renew_golden(bundle, "mlp")
    assert f"mlp: {reason}" in refusal()


def test_a_retriever_that_returns_what_is_owned_is_refused(
    bundle: Path, refusal: Callable[[], str]
):
    golden = read_golden(bundle, "two_tower")
    inputs = dict(golden.inputs)
    inputs["owned_item"] = inputs["owned_item"].copy()
    inputs["owned_item"][0, 0] = golden.outputs["candidate_id"][0, 0]
    write_golden(bundle / "golden" / "two_tower.npz", Golden(inputs, golden.outputs))
    edit_graph(bundle, "two_tower", forget_owned)
    assert "two_tower: request 0: an item that was passed in comes back" in refusal()


def test_a_retriever_that_returns_what_is_not_eligible_is_refused(
    bundle: Path, refusal: Callable[[], str]
):
    edit_graph(bundle, "two_tower", forget_eligible)
    assert "two_tower: request 3: an item comes back that is not eligible" in refusal()


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({}, "mlp: the validation lacks log_loss_calibrated, bought_share"),
        (FIGURES | {"log_loss_calibrated": 0.3}, "validation log loss is 0.3000"),
        (FIGURES | {"log_loss_calibrated": float("nan")}, "validation log loss is nan"),
        (FIGURES | {"bought_share": 0.0}, "which judges nothing"),
    ],
)
def test_a_ranker_that_knows_no_more_than_the_base_rate_is_refused(
    bundle: Path, refusal: Callable[[], str], figures: dict[str, float], reason: str
):
    edit(bundle / "manifest.json", lambda m: m["metrics"].update(mlp=figures))
    assert reason in refusal()


@pytest.mark.parametrize(
    ("parity", "reason"),
    [
        ({"onnxruntime": 1e-3, "served": 1e-7}, "similar: onnxruntime and the framework differ"),
        ({"onnxruntime": 1e-7, "served": float("inf")}, "similar: served and the framework differ"),
        ({"onnxruntime": 1e-7, "served": None}, "similar: no parity result for served"),
    ],
)
def test_without_parity_no_bundle_passes(
    bundle: Path, refusal: Callable[[], str], parity: dict[str, float], reason: str
):
    edit(bundle / "manifest.json", lambda m: m["parity"].update(similar=parity))
    assert reason in refusal()


def test_every_reason_is_given_at_once(bundle: Path, refusal: Callable[[], str]):
    edit(bundle / "manifest.json", lambda m: m["metrics"].update(mlp={}))
    edit(bundle / "manifest.json", lambda m: m["parity"].update(similar={}))
    found = refusal()
    assert "validation lacks" in found
    assert "no parity result" in found


def behind(graph: ModelProto, operator: str, value: np.generic) -> None:
    """Puts one more operator with a constant behind the output."""
    constant = numpy_helper.from_array(np.array(value), "more")
    graph.graph.initializer.append(constant)
    last = rename_output(graph)
    graph.graph.node.append(helper.make_node(operator, [last, "more"], ["probability"]))


def less_mean(graph: ModelProto, axis: int) -> None:
    """A probability, less some of the mean of the batch's user floats, or the request's item floats."""
    last = rename_output(graph)
    wanted = "user_float" if axis == 0 else "item_float"
    axes = [0, 1] if axis == 0 else [1, 2]
    zero = numpy_helper.from_array(np.float32(0), "zero")
    small = numpy_helper.from_array(np.float32(1e-4), "small")
    graph.graph.initializer.extend([zero, small])
    graph.graph.node.extend(
        [
            helper.make_node("IsNaN", [wanted], ["is_nan"]),
            helper.make_node("Where", ["is_nan", "zero", wanted], ["real"]),
            helper.make_node("ReduceMean", ["real"], ["mean"], axes=axes, keepdims=0),
            helper.make_node("Mul", ["mean", "small"], ["less"]),
            helper.make_node("Cast", ["mask"], ["shown"], to=TensorProto.FLOAT),
            *per_request(axis),
            helper.make_node("Mul", ["shown", "spread"], ["taken"]),
            helper.make_node("Sub", [last, "taken"], ["probability"]),
        ]
    )
    if axis == 1:
        ones = numpy_helper.from_array(np.array([1], dtype=np.int64), "last_axis")
        graph.graph.initializer.append(ones)


def per_request(axis: int) -> list[Any]:
    if axis == 0:
        return [helper.make_node("Identity", ["less"], ["spread"])]
    return [helper.make_node("Unsqueeze", ["less", "last_axis"], ["spread"])]


def rename_output(graph: ModelProto) -> str:
    """The graph's output under another name, so that more can follow."""
    for node in graph.graph.node:
        for place, name in enumerate(node.output):
            if name == "probability":
                node.output[place] = "probability_before"
    return "probability_before"


def forget_owned(graph: ModelProto) -> None:
    """Every item counts as not owned: the scatter writes what was there before."""
    node = next(n for n in graph.graph.node if n.op_type == "Greater")
    node.op_type = "Less"


def forget_eligible(graph: ModelProto) -> None:
    """Barred is only what is both in the list and not eligible."""
    node = next(n for n in graph.graph.node if n.op_type == "Or")
    node.op_type = "And"
