"""How the manifests start Triton, by a stub that says with what: never without the bundle's models."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.meta.k8s.manifests import workloads
from tests.meta.k8s.rendering import K8S, render_any

STUB = "#!/bin/sh\nprintf '%s\\n' \"$@\"\n"


class Pod:
    """The container `triton` of one workload, whose volumes are folders below `root`."""

    def __init__(self, component: str, workload: str, root: Path) -> None:
        objects = render_any(K8S / component, root)
        (found,) = (w for w in workloads(objects) if w.name == workload)
        (container,) = found.pod["containers"]
        self.root, self.arguments = root, container["args"]
        self._command = [self._put(word) for word in [*container["command"], *container["args"]]]
        (root / "bin").mkdir()
        (root / "bin/tritonserver").write_text(STUB)
        (root / "bin/tritonserver").chmod(0o755)

    def _put(self, word: str) -> str:
        for mounted in ("/state", "/models"):
            word = word.replace(f'"{mounted}/', f'"{self.root}{mounted}/')
            word = word.replace(f"={mounted}/", f"={self.root}{mounted}/")
            word = word.replace(f" {mounted}/", f" {self.root}{mounted}/")
        return word

    def start(self, bundle: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.root / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            self._command,
            env={"PATH": path, "BUNDLE": bundle},
            check=False,
            capture_output=True,
            text=True,
        )


@pytest.fixture(
    params=[("base", "triton"), ("components/canary", "triton-canary")], ids=lambda p: p[1]
)
def pod(request: pytest.FixtureRequest, tmp_path: Path) -> Pod:
    component, workload = request.param
    return Pod(component, workload, tmp_path)


def repositories(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    option = "--model-repository="
    return [w.removeprefix(option) for w in done.stdout.splitlines() if w.startswith(option)]


def test_links_to_bundle_and_encoder_are_followed_at_the_start(pod: Pod) -> None:
    for folder in ("bundles/aaaa", "encoders/eeee"):
        (pod.root / "state" / folder / "models").mkdir(parents=True)
        (pod.root / "state" / folder).with_name("current").symlink_to(Path(folder).name)
    done = pod.start("current")
    of_bundle, of_encoder = repositories(done)
    assert of_bundle == f"{pod.root}/state/bundles/aaaa/models"
    assert of_encoder == f"{pod.root}/state/encoders/eeee/models"
    assert done.stdout.splitlines()[2:] == pod.arguments


def test_the_encoder_alone_may_be_missing(pod: Pod) -> None:
    (pod.root / "state/bundles/aaaa/models").mkdir(parents=True)
    assert repositories(pod.start("aaaa")) == [f"{pod.root}/state/bundles/aaaa/models"]


@pytest.mark.parametrize("bundle", ["aaab", "current", ""])
def test_without_the_bundles_models_nothing_starts(pod: Pod, bundle: str) -> None:
    (pod.root / "state/bundles/aaaa/models").mkdir(parents=True)
    (pod.root / "state/encoders/current/models").mkdir(parents=True)
    done = pod.start(bundle)
    assert done.returncode
    assert done.stdout == ""
    assert f"bundle {bundle} has no models" in done.stderr


def test_a_gpu_serves_what_the_init_container_copied(tmp_path: Path) -> None:
    pod = Pod("components/gpu", "triton", tmp_path)
    bundle, encoder = (f"{tmp_path}/models/{name}" for name in ("bundle", "encoder"))
    assert repositories(pod.start("aaaa")) == [bundle]
    Path(encoder).mkdir(parents=True)
    assert repositories(pod.start("aaaa")) == [bundle, encoder]
