"""The bundle: self-contained, in agreement with what was trained, and refused when it isn't."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from serving.bundle import open_bundle
from serving.errors import ArtefactError
from serving.triton.launcher import running
from tests.acceptance.made import PYTHON, Made, run
from training.bundle.parity import graph_of


@pytest.fixture
def bundle(quick: Made) -> Path:
    return (quick.state / "bundles" / "current").resolve()


def test_point_6a_pre_processing_is_in_the_graph(
    bundle: Path, measured: Callable[[str], None]
) -> None:
    plan = json.loads((bundle / "read_plan.json").read_text())
    look_ups = 0
    for name in plan["models"]:
        assert (bundle / "models" / name / "config.pbtxt").is_file()
        assert (bundle / "golden" / f"{name}.npz").is_file()
        model = onnx.load(graph_of(bundle / "models", name))
        assert {v.name for v in model.graph.input} == {
            i["name"] for i in plan["models"][name]["inputs"]
        }
        assert model.ir_version <= 10
        assert max(o.version for o in model.opset_import if o.domain in ("", "ai.onnx")) <= 20
        look_ups += sum(node.op_type == "LabelEncoder" for node in model.graph.node)
    policy = json.loads((bundle / "policy.json").read_text())
    searches = {of["model"] for of in policy["sources"].values() if "model" in of}
    assert set(plan["models"]) == {*policy["members"], *searches, "two_tower", "similar"}
    assert look_ups > 0
    measured(f"{look_ups} vocabularies in the graphs")


def test_point_6b_the_served_triton_agrees_with_the_framework(
    quick: Made, bundle: Path, measured: Callable[[str], None]
) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text())
    assert set(manifest["parity"]) == set(open_bundle(bundle).plan.models)
    command = (PYTHON, "-m", "training.replay", "--bundle", bundle, "--triton", quick.system.triton)
    measured("; ".join(run(*command).stdout.strip().splitlines()))


def test_point_6c_a_changed_bundle_is_refused(
    bundle: Path, measured: Callable[[str], None], tmp_path: Path
) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    assert open_bundle(copy).bundle_id == bundle.name
    graph = graph_of(copy / "models", open_bundle(copy).policy.members[0])
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(ArtefactError, match="was changed after export") as caught:
        open_bundle(copy)
    measured(str(caught.value).replace(str(tmp_path), "..."))


def test_point_6d_a_bundle_of_another_feature_order_is_refused(
    quick: Made, bundle: Path, measured: Callable[[str], None], tmp_path: Path
) -> None:
    """Two columns change places in the read plan; the content's name is made to fit."""
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    plan = json.loads((copy / "read_plan.json").read_text())
    for model in plan["models"].values():  # of all members alike, as they take the same tensors
        for wanted in (i for i in model["inputs"] if i["name"] == "item_float"):
            columns = wanted["columns"]
            columns[0], columns[1] = columns[1], columns[0]
    (copy / "read_plan.json").write_text(json.dumps(plan))
    said = run(PYTHON, "-c", GATE, copy, quick.state / "prepared" / "features.yaml").stdout
    assert "refused" in said
    measured(said.strip().splitlines()[-1][:200])


GATE = """
import json, pathlib, sys, yaml
from serving.bundle import content_id
from training.errors import GateRefused
from training.gate import check
folder = pathlib.Path(sys.argv[1])
path = folder / "manifest.json"
manifest = json.loads(path.read_text())
path.write_text(json.dumps(manifest | {"bundle_id": content_id(folder)}))
try:
    check(folder, yaml.safe_load(pathlib.Path(sys.argv[2]).read_text()))
    print("accepted")
except GateRefused as refusal:
    print("refused:", refusal)
"""


def test_point_6e_an_existing_triton_is_used_by_its_url(
    quick: Made, bundle: Path, measured: Callable[[str], None], tmp_path: Path
) -> None:
    with running(bundle / "models", tmp_path) as endpoint:
        quick.system.make("start", f"TRITON_URL={endpoint}")
        status = quick.system.make("status", f"TRITON_URL={endpoint}").stdout
        shown = quick.system.make("demo").stdout
    row = next(line for line in status.splitlines() if line.startswith("triton"))
    quick.system.make("start")
    assert endpoint in row
    assert "healthy" in row
    # The embedded one is stopped, and the answers are ranked all the same.
    assert quick.system.triton not in status
    assert "Done less well  nothing" in shown
    measured(" ".join(row.split()))
