import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from serving.bundle import open_bundle
from serving.errors import Failed, Unavailable
from serving.triton.launcher import running
from serving.triton.ports import free_ports
from tests.fakes.policies import blended
from tests.unit.training.bundle.bundles import FIGURES, sign
from tests.unit.training.bundle.shop import QUOTAS, prepared_shop, random_models
from training.bundle.golden_files import Golden, read_golden, write_golden
from training.bundle.parity import TOLERANCE, check_parity
from training.bundle.shipped import Shipped, ShippedModel
from training.bundle.triton_calls import Call, ask
from training.data import Prepared
from training.errors import GateRefused
from training.export import export
from training.models.ranker import NETWORKS
from training.models.retrievers import NAMES
from training.replay import replay
from training.settings import TrainingSettings, read_settings


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    return read_settings(tmp_path_factory.mktemp("state"), {})


@pytest.fixture(scope="module")
def prepared(settings: TrainingSettings) -> Prepared:
    return prepared_shop(settings.state)


@pytest.fixture(scope="module")
def models(prepared: Prepared) -> tuple[ShippedModel, ...]:
    return random_models(prepared)


@pytest.fixture(scope="module")
def shipped(models: tuple[ShippedModel, ...]) -> Shipped:
    return Shipped(models, blended(*NETWORKS), QUOTAS)


@pytest.fixture(scope="module")
def bundle(settings: TrainingSettings, prepared: Prepared, shipped: Shipped) -> Path:
    write_figures(settings, FIGURES)
    return export(settings, prepared, shipped, Console(file=StringIO()))


@pytest.fixture(scope="module")
def endpoint(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(bundle / "models", tmp_path_factory.mktemp("server")) as address:
        yield address


def write_figures(settings: TrainingSettings, member: dict[str, float]) -> None:
    settings.models.mkdir(exist_ok=True)
    (settings.models / "retriever.json").write_text("{}")
    ranker = FIGURES | {"members": dict.fromkeys(NETWORKS, member)}
    (settings.models / "ranker.json").write_text(json.dumps(ranker))


def test_what_is_exported_is_the_current_bundle_with_its_parity(
    settings: TrainingSettings, bundle: Path
):
    opened = open_bundle(settings.bundles / "current")
    assert opened.folder == bundle.resolve()
    assert set(opened.manifest["parity"]) == {*NETWORKS, *NAMES, "similar"}
    assert opened.policy.members == tuple(NETWORKS)
    for parity in opened.manifest["parity"].values():
        assert 0 <= parity["onnxruntime"] <= TOLERANCE
        assert 0 <= parity["served"] <= TOLERANCE
    assert [p.name for p in settings.bundles.iterdir() if p.name.startswith(".")] == []


def test_another_models_answers_are_no_parity(bundle: Path, endpoint: str, prepared: Prepared):
    ranker = random_models(prepared)[0]
    assert ranker.name == "mlp"
    ranker.module.get_submodule("network.last").get_parameter("bias").data += 0.01  # type: ignore[operator]
    (other,) = check_parity([ranker], bundle / "models", endpoint)
    assert other.onnxruntime > TOLERANCE
    assert other.served is not None
    assert other.served > TOLERANCE
    assert not other.holds


def test_a_refused_bundle_leaves_the_current_one(
    settings: TrainingSettings, prepared: Prepared, shipped: Shipped, bundle: Path
):
    before = sorted(p.name for p in settings.bundles.iterdir())
    write_figures(settings, FIGURES | {"log_loss_calibrated": 0.9})
    with pytest.raises(GateRefused, match=r"validation log loss is 0\.9000"):
        export(settings, prepared, shipped, Console(file=StringIO()))
    assert sorted(p.name for p in settings.bundles.iterdir()) == before
    assert (settings.bundles / "current").resolve() == bundle.resolve()


def test_a_replay_of_the_golden_batch_passes(bundle: Path, endpoint: str):
    done = replay_command(bundle, endpoint)
    assert done.returncode == 0, done.stderr
    for name in (*NETWORKS, *NAMES, "similar"):
        assert f"{name}: differs by" in done.stdout


def test_a_replay_against_a_server_of_another_bundle_is_refused(
    bundle: Path, endpoint: str, tmp_path: Path
):
    other = Path(shutil.copytree(bundle, tmp_path / "other"))
    golden = read_golden(other, "transformer")
    moved = {name: values + 0.01 for name, values in golden.outputs.items()}
    write_golden(other / "golden" / "transformer.npz", Golden(golden.inputs, moved))
    sign(other)
    with pytest.raises(
        GateRefused, match=r"answers otherwise than bundle .*: transformer by 1\.0e-02"
    ):
        replay(open_bundle(other), endpoint)


def test_a_replay_where_nobody_listens_says_so(bundle: Path):
    (port,) = free_ports(1)
    done = replay_command(bundle, f"127.0.0.1:{port}")
    assert done.returncode == 1
    assert f"replay: no Triton answers at 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_request_that_triton_refuses_says_why(bundle: Path, endpoint: str):
    inputs = read_golden(bundle, "similar").inputs
    with pytest.raises(Failed, match=r"refused nothing_such: .*unknown model"):
        ask(endpoint, [Call("nothing_such", inputs, ("candidate_id",))])
    with pytest.raises(Unavailable):
        ask("127.0.0.1:1", [Call("similar", inputs, ("candidate_id",))])


def replay_command(bundle: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    """Runs where importing torch would be seen."""
    program = (
        "import sys; from training.replay import main; code = main(); "
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    return subprocess.run(
        [sys.executable, "-c", program, "--bundle", str(bundle), "--triton", endpoint],
        check=False,
        capture_output=True,
        text=True,
    )
