"""`make release` writes what a registry says, or nothing; one that speaks the API runs here."""

import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8s.release import IMAGES, ReleaseRefused, digest, images, main, pinned, told
from tests.meta.k8s.manifests import workloads
from tests.meta.k8s.rendering import K8S, ROOT, folders, render

KNOWN = {"team/recserve-gateway:0.1.0": "a", "team/recserve-jobs:0.1.0": "b", "redis:7.2.6": "c"}
LISTED = """# Every image.
kind: Component
images: # pinned by a release
  - {name: recserve-gateway, newTag: 0.1.0}
  - {name: recserve-jobs, newTag: 0.1.0}
"""
REGISTRY = "registry.example:5000/team"
UNNAMED = "BUNDLE=none-chosen names no bundle"
THERE_ALREADY = ("autoscaling", "user-hash-key", "images")  # in production


class Registry(BaseHTTPRequestHandler):
    """HEAD of a manifest, and a token first where the server says so."""

    def do_HEAD(self) -> None:
        token = self.server.token  # type: ignore[attr-defined]
        if token and self.headers.get("Authorization") != f"Bearer {token}":
            realm = f"http://127.0.0.1:{self.server.server_address[1]}/token"  # type: ignore[misc]
            challenge = f'Bearer realm="{realm}",service="here",scope="repository:x:pull"'
            return self._reply(401, {"WWW-Authenticate": challenge})
        path, _, tag = self.path.removeprefix("/v2/").rpartition("/manifests/")
        found = KNOWN.get(f"{path}:{tag}")
        if found is None or "oci.image.index" not in self.headers["Accept"]:
            return self._reply(404, {})
        return self._reply(200, {"Docker-Content-Digest": f"sha256:{found * 64}"})

    def do_GET(self) -> None:
        token = self.server.token  # type: ignore[attr-defined]
        known = (
            "service=here" in self.path and self.headers.get("Authorization") == "Basic bWU6aXQ="
        )
        self._reply(200 if known else 401, {}, f'{{"token": "{token}"}}'.encode())

    def _reply(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), Registry) as running:
        running.token = ""  # type: ignore[attr-defined]
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def registry(server: HTTPServer) -> str:
    return f"127.0.0.1:{server.server_address[1]}/team"


@pytest.fixture
def component(tmp_path: Path) -> Path:
    path = tmp_path / "kustomization.yaml"
    path.write_text(LISTED)
    return path


def release(component: Path, *arguments: str) -> int:
    """Over no overlay, as there is none beside it."""
    return main([*arguments, "--images", str(component), "--overlays", str(component.parent)])


def test_a_release_writes_registry_and_digests(component: Path, registry: str) -> None:
    assert release(component, "--registry", registry) == 0
    text = component.read_text()
    assert text.startswith(LISTED.partition("images:")[0])
    assert yaml.safe_load(text)["images"] == [
        {"name": name, "newName": f"{registry}/{name}", "digest": f"sha256:{letter * 64}"}
        for name, letter in (("recserve-gateway", "a"), ("recserve-jobs", "b"))
    ]


def test_a_second_release_goes_by_the_tags_that_are_kept_beside(
    component: Path, registry: str
) -> None:
    release(component, "--registry", registry)
    text = component.read_text()
    assert [image.tag for image in images(component)] == ["0.1.0", "0.1.0"]
    release(component, "--registry", registry)
    assert component.read_text() == text


def test_nothing_is_written_where_one_is_missing(
    component: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert release(component, "--registry", registry, "--tag", "9.9.9") == 1
    assert component.read_text() == LISTED
    assert "recserve-gateway:9.9.9: the registry says 404" in capsys.readouterr().err


def test_a_token_is_fetched_with_the_password(
    server: HTTPServer, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.token = "t0ken"  # type: ignore[attr-defined]
    with pytest.raises(ReleaseRefused, match="401"):
        digest(f"{registry}/recserve-gateway", "0.1.0", own=True)
    monkeypatch.setenv("RELEASE_USER", "me")
    monkeypatch.setenv("RELEASE_PASSWORD", "it")
    assert digest(f"{registry}/recserve-gateway", "0.1.0", own=True) == f"sha256:{'a' * 64}"
    with pytest.raises(ReleaseRefused, match="401"):  # somebody else's isn't shown it
        digest(f"{registry}/recserve-gateway", "0.1.0", own=False)


def test_a_registry_that_is_not_there_is_told() -> None:
    with pytest.raises(ReleaseRefused, match="can't be reached"):
        digest("127.0.0.1:1/team/recserve-gateway", "0.1.0", own=True)


def test_what_is_no_list_of_images_is_told(component: Path, registry: str) -> None:
    component.write_text(LISTED + "patches: []\n")
    with pytest.raises(ReleaseRefused, match="is no image"):
        pinned(component, registry, None)


def test_the_check_says_what_each_overlay_runs_unpinned(
    released: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay(released / "overlays/mine", ["object-storage", "images"])
    overlay(released / "overlays/yours", ["object-storage"])
    assert main(["--check", "--overlays", str(released / "overlays")]) == 0
    said = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert {"local", "staging", "production", "mine", "yours"} <= set(said)
    assert said["staging"] == "every image is pinned by its digest"
    assert said["mine"] == said["production"] == f"{said['staging']}; {UNNAMED}"
    assert said["yours"] == f"not pinned: rclone/rclone:1.68.2; {UNNAMED}"


@pytest.mark.parametrize("bundle", ["current", "0123456789abcdef"])
def test_the_check_says_where_no_bundle_is_named(released: Path, bundle: str) -> None:
    at = overlay(released / "overlays" / f"of-{bundle}", ["images"])
    name = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shared"}}
    patch = {"patch": yaml.safe_dump({**name, "data": {"BUNDLE": bundle}})}
    with (at / "kustomization.yaml").open("a") as file:
        yaml.safe_dump({"patches": [patch]}, file)
    assert ("names no bundle" in told(at)) is (bundle == "current")


def test_the_check_tells_what_does_not_build(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay(tmp_path / "overlays/mine", ["nothing"])
    assert main(["--check", "--overlays", str(tmp_path / "overlays")]) == 1
    assert "release: mine: " in capsys.readouterr().err


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the manifests after a release."""
    at = tmp_path_factory.mktemp("released") / "k8s"
    shutil.copytree(K8S, at)
    written = at / IMAGES.relative_to(K8S)
    written.write_text(pinned(written, REGISTRY, None, lambda *_, own: f"sha256:{own:064}"))
    return at


def overlay(at: Path, components: list[str]) -> Path:
    """One of somebody's own over production."""
    at.mkdir(parents=True)
    listed = [f"../../components/{name}" for name in components]
    given = {"resources": ["../production"], "components": listed}
    (at / "kustomization.yaml").write_text(yaml.safe_dump(given))
    return at


@pytest.mark.parametrize(
    "name", ["images", *(p.name for p in folders("components") if p.name not in THERE_ALREADY)]
)
def test_what_a_component_brings_to_production_is_pinned_too(released: Path, name: str) -> None:
    added = [] if name == "images" else [name]
    rendered = render(overlay(released / "overlays" / f"with-{name}", [*added, "images"]))
    run = {c["image"] for w in workloads(rendered) for c in w.containers}
    ours = {image for image in run if "recserve-" in image}
    assert {i for i in ours if not re.fullmatch(rf"{REGISTRY}/[\w-]+@sha256:0{{63}}1", i)} == set()
    assert {i for i in run - ours if not i.endswith(f"@sha256:{0:064}")} == set()
    assert ours
    assert run - ours


def test_every_image_of_base_and_components_is_listed() -> None:
    text = "\n".join(p.read_text() for p in K8S.rglob("*.yaml") if p != IMAGES)
    named = {i.partition(":")[0] for i in re.findall(r"^\s*image: (\S+)", text, re.MULTILINE)}
    assert {image.name for image in images(IMAGES)} == named


def test_the_tags_are_the_versions_of_the_release() -> None:
    """Wherever one of our images stands with a tag, in manifests and in commands."""
    version = (ROOT / "pyproject.toml").read_text().partition('version = "')[2].partition('"')[0]
    tagged: dict[str, set[str]] = {}
    for path in (*K8S.rglob("*.yaml"), *K8S.rglob("*.md"), K8S / "image/Containerfile"):
        text = path.read_text()
        tags = re.findall(r"recserve-(?:gateway|ingest|jobs):([\w.-]+)", text)
        tags += re.findall(r"name: recserve-\w+,?\s+newTag: ([\w.-]+)", text)
        tags += re.findall(r"\{name: recserve-.* # (\S+)$", text, re.MULTILINE)  # pinned
        if tags:
            tagged[path.relative_to(K8S).as_posix()] = set(tags)
    assert {tag for tags in tagged.values() for tag in tags} == {version}
    assert {
        "base/kustomization.yaml",
        "components/images/kustomization.yaml",
        "components/canary/kustomization.yaml",
        "components/local-snapshot/kustomization.yaml",
        "README.md",
        "image/Containerfile",
    } <= set(tagged)
