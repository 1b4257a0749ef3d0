"""The shell scripts of components do what their heads say."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.patience import eventually
from tests.meta.k8s.rendering import K8S
from training.bundle.triton_config import TensorForm, config_text

OBJECT_STORAGE = K8S / "components/object-storage"
GPU = K8S / "components/gpu/gpu-models.sh"
FAKE = Path(__file__).with_name("rclone.sh")
RCLONES = ["fake", *(["real"] if shutil.which("rclone") else [])]


class Store:
    """A bucket, what publishes to it and a pod that fetches from it."""

    def __init__(self, folder: Path, rclone: str) -> None:
        self.bucket, self.jobs, self.pod = (folder / name for name in ("bucket", "jobs", "pod"))
        for made in (self.bucket, self.jobs, self.pod, folder / "bin"):
            made.mkdir()
        config = folder / "rclone.conf"
        config.write_text(f"[store]\ntype = alias\nremote = {self.bucket}\n")
        self.environment = os.environ | {"STORE": str(self.bucket), "RCLONE_CONFIG": str(config)}
        if rclone == "fake":
            shutil.copy(FAKE, folder / "bin/rclone")
            (folder / "bin/rclone").chmod(0o755)
            self.environment["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"

    def export(self, kind: str, version: str, text: str = "graph") -> None:
        folder = self.jobs / kind / version
        (folder / "models/mlp/1").mkdir(parents=True)
        (folder / "models/mlp/1/model.onnx").write_text(text)
        (folder / "manifest.json").write_text("{}")
        (self.jobs / kind / "current").unlink(missing_ok=True)
        (self.jobs / kind / "current").symlink_to(version)

    def publish(self, *kinds: str) -> str:
        return self._run("publish.sh", self.jobs, *kinds).stdout

    def fetch(self, *kinds: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self._run("fetch.sh", self.pod, "0", *kinds, check=check)

    def following(self, *kinds: str) -> subprocess.Popen[str]:
        script = OBJECT_STORAGE / "fetch.sh"
        return subprocess.Popen(
            ["sh", script, self.pod, "store:recserve", "1", *kinds],
            env=self.environment,
            text=True,
            start_new_session=True,
        )

    def _run(
        self, script: str, state: Path, *rest: str, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", OBJECT_STORAGE / script, state, "store:recserve", *rest],
            env=self.environment,
            check=check,
            capture_output=True,
            text=True,
        )

    def versions(self, kind: str) -> set[str]:
        found = (self.pod / kind).iterdir()
        return {p.name for p in found if not p.name.startswith(".")} - {"current"}

    def current(self, kind: str) -> str:
        link = self.pod / kind / "current"
        assert (link / "manifest.json").is_file()
        return str(link.readlink())


@pytest.fixture(params=RCLONES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(tmp_path, request.param)


def test_what_is_published_arrives(store: Store) -> None:
    store.export("bundles", "aaaa")
    store.export("snapshots", "v1")
    assert "bundles: aaaa is published" in store.publish("bundles", "snapshots", "search")
    store.fetch("bundles=current", "snapshots", "search")
    assert (store.current("bundles"), store.current("snapshots")) == ("aaaa", "v1")
    assert (store.pod / "bundles/aaaa/models/mlp/1/model.onnx").read_text() == "graph"
    assert (store.pod / ".fetched").is_file()
    assert store.publish("bundles", "snapshots") == ""  # it is there already


def test_a_bundle_by_its_id_is_that_one(store: Store) -> None:
    for version in ("aaaa", "bbbb"):
        store.export("bundles", version, version)
        store.publish("bundles")
    store.fetch("bundles=aaaa")
    assert store.current("bundles") == "aaaa"
    store.fetch("bundles=current")
    assert store.current("bundles") == "bbbb"


def test_a_bundle_that_was_never_current_when_published_arrives_too(store: Store) -> None:
    for version in ("aaaa", "bbbb", "cccc"):
        store.export("bundles", version, version)
    told = store.publish("bundles")
    assert [line for line in told.splitlines() if line.endswith("is published")] == [
        f"bundles: {version} is published" for version in ("aaaa", "bbbb", "cccc")
    ]
    store.fetch("bundles=bbbb")
    assert store.current("bundles") == "bbbb"
    store.fetch("bundles=current")
    assert store.current("bundles") == "cccc"


def test_a_version_whose_digests_fail_is_not_published_and_is_later(store: Store) -> None:
    store.export("bundles", "aaaa")
    broken = store.jobs.parent / "bin/sha256sum"
    broken.write_text("#!/bin/sh\necho 'of one file'; exit 1\n")
    broken.chmod(0o755)
    path = {"PATH": f"{broken.parent}:{os.environ['PATH']}"}
    told = store.environment
    store.environment = told | path
    with pytest.raises(subprocess.CalledProcessError):
        store.publish("bundles")
    broken.unlink()
    store.environment = told
    assert "bundles: aaaa is published" in store.publish("bundles")
    store.fetch("bundles=current")
    assert store.current("bundles") == "aaaa"


def test_of_other_kinds_the_current_one_is_published_alone(store: Store) -> None:
    for version in ("v1", "v2"):
        store.export("snapshots", version)
    assert "v1" not in store.publish("snapshots")


def test_what_was_changed_underway_is_refused(store: Store) -> None:
    store.export("bundles", "aaaa")
    store.publish("bundles")
    store.fetch("bundles=current")
    store.export("bundles", "bbbb")
    store.publish("bundles")
    (store.bucket / "recserve/bundles/bbbb/models/mlp/1/model.onnx").write_text("grapH")
    done = store.fetch("bundles=current", check=False)
    assert done.returncode
    assert "bundles bbbb: a file is not as it was published" in done.stderr
    assert store.current("bundles") == "aaaa"


def test_what_an_attempt_before_brought_is_not_brought_again_and_not_trusted(store: Store) -> None:
    store.export("bundles", "aaaa")
    store.publish("bundles")
    begun = store.pod / "bundles/.fresh-aaaa"
    begun.mkdir(parents=True)
    (begun / "manifest.json").write_text("[]")  # of the same size, and not what was published
    (store.pod / "bundles/.fresh-gone").mkdir()
    done = store.fetch("bundles=current", check=False)
    if done.returncode:  # it was taken for the same file
        assert "a file is not as it was published" in done.stderr
        store.fetch("bundles=current")
    assert store.current("bundles") == "aaaa"
    assert not list((store.pod / "bundles").glob(".fresh-*"))


@pytest.mark.parametrize("how", ["missing", "additional"])
def test_another_list_of_files_is_refused(store: Store, how: str) -> None:
    store.export("bundles", "aaaa")
    store.publish("bundles")
    changed = (
        store.bucket / "recserve/bundles/aaaa" / ("manifest.json" if how == "missing" else "more")
    )
    if how == "missing":
        changed.unlink()
    else:
        changed.write_text("")
    done = store.fetch("bundles=current", check=False)
    assert done.returncode
    assert "other files than were published" in done.stderr
    assert not (store.pod / "bundles/current").exists()


def test_an_upload_that_was_cut_short_is_no_version(store: Store) -> None:
    store.export("bundles", "aaaa")
    store.publish("bundles")
    (store.bucket / "recserve/bundles/current").unlink()
    done = store.fetch("bundles=current", check=False)
    assert done.returncode
    assert "no bundle is published" in done.stderr


def test_old_versions_leave_but_for_the_one_before(store: Store) -> None:
    for version in ("v1", "v2", "v3"):
        store.export("snapshots", version)
        store.publish("snapshots")
        store.fetch("snapshots")
    assert store.versions("snapshots") == {"v2", "v3"}


def test_a_sidecar_follows_snapshots_and_leaves_the_bundle(store: Store) -> None:
    store.export("bundles", "aaaa")
    store.export("snapshots", "v1")
    store.publish("bundles", "snapshots")
    sidecar = store.following("bundles=current", "snapshots")
    try:
        eventually(lambda: (store.pod / ".fetched").exists() or None, "a first fetch")
        store.export("bundles", "bbbb")
        store.export("snapshots", "v2")
        store.publish("bundles", "snapshots")
        eventually(lambda: store.current("snapshots") == "v2" or None, "the next snapshot")
        assert store.current("bundles") == "aaaa"
        store.export("snapshots", "v3")
        store.publish("snapshots")
        eventually(
            lambda: store.versions("snapshots") == {"v2", "v3"} or None, "the first one gone"
        )
        sidecar.terminate()
        assert sidecar.wait(10) == 0
    finally:
        if sidecar.poll() is None:
            os.killpg(sidecar.pid, signal.SIGKILL)
            sidecar.wait()


def test_models_move_to_gpus_in_a_copy(tmp_path: Path) -> None:
    bundle, encoder, to = (tmp_path / name for name in ("bundle/models", "encoder/models", "gpu"))
    to.mkdir()
    arguments = ["sh", GPU, to, bundle, encoder]
    nothing = subprocess.run(arguments, check=False, capture_output=True, text=True)
    assert nothing.returncode
    assert f"there are no models of a bundle at {bundle}" in nothing.stderr
    text = _model(bundle / "mlp")
    for _ in range(2):  # a container that starts again finds what it left
        subprocess.run(arguments, check=True)
    moved = (to / "bundle/mlp/config.pbtxt").read_text()
    assert moved == text.replace("KIND_CPU", "KIND_GPU") != text
    assert (to / "bundle/mlp/1/model.onnx").read_text() == "graph"
    assert (bundle / "mlp/config.pbtxt").read_text() == text
    assert not (to / "encoder").exists()
    _model(encoder / "text_encoder")
    subprocess.run(arguments, check=True)
    assert (to / "encoder/text_encoder/1/model.onnx").is_file()
    (bundle / "mlp/config.pbtxt").write_text(text.replace("KIND_CPU", "KIND_AUTO"))
    assert subprocess.run(arguments, check=False, stderr=subprocess.DEVNULL).returncode


def _model(folder: Path) -> str:
    (folder / "1").mkdir(parents=True)
    (folder / "1/model.onnx").write_text("graph")
    form = TensorForm("x", "float32", (-1,))
    text = config_text(folder.name, 8, [form], [form], {"small": 64})
    (folder / "config.pbtxt").write_text(text)
    return text
