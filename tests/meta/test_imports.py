"""Imports point one way."""

import subprocess
import sys

import pytest

from tests.meta.imports import GATEWAY, OURS, ROOT, closure, imported_names, imports, modules

# From the outside inwards; a module may import its own layer and those below it.
LAYERS = (
    ("serving.app", "serving.process.supervisor", "serving.process.worker"),
    ("serving.api",),
    ("serving.assembly",),
    ("serving.pipeline",),
    ("serving.stages",),
    ("serving.clients",),
    ("serving.policy", "serving.trail"),
    ("serving.types",),
    ("serving.errors",),
)
TOO_HEAVY = {
    "feast",
    "torch",
    "polars",
    "pandas",
    "pyarrow",
    "pytorch_lightning",
    "onnx",
    "onnxruntime",
}
DOORS = {
    "tritonclient": ("serving.clients.triton", "serving.triton."),
    "redis": ("serving.clients.", "serving.features.", "serving.local."),
}
SERVING = modules("serving")
CLIENT = [m for m in SERVING if m.startswith("serving.client.src.")]
# What the client's distribution depends on; its extras are for frames alone.
OF_CLIENT = {"click", "google", "grpc", "grpc_status", "recserve", "rich", *sys.stdlib_module_names}
EXTRAS = {"pandas", "polars"}


def test_the_layers_exist() -> None:
    known = set(SERVING)
    assert [name for layer in LAYERS for name in layer if name not in known] == []


@pytest.mark.parametrize("module", SERVING)
def test_no_module_imports_an_outer_layer(module: str) -> None:
    own = _layer(module)
    outward = [
        m
        for m in imports(module)
        if (other := _layer(m)) is not None and own is not None and other < own
    ]
    assert outward == []


@pytest.mark.parametrize("module", ["serving.types", "serving.errors", "serving.clock"])
def test_the_innermost_modules_import_nothing_of_ours(module: str) -> None:
    assert [m for m in imports(module) if m.startswith(OURS) and m != "serving.errors"] == []


def test_serving_never_imports_training_or_the_feature_repository() -> None:
    wrong = [
        (module, m)
        for module in SERVING
        for m in imports(module)
        if m.split(".")[0] in {"training", "feature_repo"}
    ]
    assert wrong == []


def test_a_gateway_process_imports_nothing_heavy() -> None:
    assert {m.split(".")[0] for m in closure(*GATEWAY)} & TOO_HEAVY == set()


def test_a_started_worker_has_loaded_nothing_heavy() -> None:
    code = (
        "import sys, serving.process.worker, serving.api, serving.assembly;"
        f"print(*({TOO_HEAVY!r} & {{m.split('.')[0] for m in sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize("library", DOORS)
def test_an_outside_system_has_one_door(library: str) -> None:
    elsewhere = [
        module
        for module in SERVING
        if not module.startswith(DOORS[library])
        and library in {m.split(".")[0] for m in imports(module)}
    ]
    assert elsewhere == []


@pytest.mark.parametrize("module", CLIENT)
def test_the_client_imports_its_dependencies_alone(module: str) -> None:
    allowed = OF_CLIENT | (EXTRAS if module.endswith(".frames") else set())
    assert {m.split(".")[0] for m in imports(module)} - allowed == set()


def test_only_the_command_line_needs_click_and_rich() -> None:
    library = [m for m in CLIENT if ".cli." not in m]
    assert len(library) > 10
    assert [m for m in library if {n.split(".")[0] for n in imports(m)} & {"click", "rich"}] == []


def test_the_server_needs_no_client() -> None:
    server = [m for m in SERVING if not m.startswith("serving.client.")]
    assert [m for m in server if any("recserve.client" in n for n in imports(m))] == []


def test_no_module_is_a_drawer() -> None:
    drawers = ("utils", "helpers", "common", "misc")
    everywhere = [p for top in (*OURS, "tests", "k8s") for p in (ROOT / top).rglob("*.py")]
    assert [p for p in everywhere if p.stem in drawers] == []


def test_an_upward_import_would_be_noticed() -> None:
    inner, outer = _layer("serving.stages.rank"), _layer("serving.pipeline")
    assert inner is not None
    assert outer is not None
    assert outer < inner
    assert "serving.errors" in imports("serving.bundle")
    assert "numpy" in closure("serving.bundle")


def test_an_import_is_found_wherever_it_runs() -> None:
    text = """
import a.b, c as d
from serving import api
from serving.features.keys import string_key
if TYPE_CHECKING:
    import only_for_types
def f():
    from torch import nn
"""
    expected = {"a.b", "c", "serving.api", "serving.features.keys", "torch"}
    assert imported_names(text) == expected


def _layer(module: str) -> int | None:
    for number, names in enumerate(LAYERS):
        if any(module == name or module.startswith(f"{name}.") for name in names):
            return number
    return None
