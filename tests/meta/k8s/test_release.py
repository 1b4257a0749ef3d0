"""`make release` writes what a registry says, or nothing; one that speaks the API runs here."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8s.release import ReleaseRefused, digest, images, main, pinned, told
from tests.meta.k8s.manifests import workloads
from tests.meta.k8s.rendering import K8S, ROOT, render
from tests.meta.k8s.rules_pods import images_are_pinned

KNOWN = {"team/recserve-gateway:0.1.0": "a", "team/recserve-jobs:0.1.0": "b", "redis:7.2.6": "c"}
OVERLAY = """# An overlay.
resources: [../../base]
images: # pinned by a release
  - {name: recserve-gateway, newTag: 0.1.0}
  - {name: recserve-jobs, newTag: 0.1.0}
"""


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
def overlay(tmp_path: Path) -> Path:
    path = tmp_path / "mine" / "kustomization.yaml"
    path.parent.mkdir()
    path.write_text(OVERLAY)
    return path


def run(overlay: Path, *arguments: str) -> int:
    return main([*arguments, "--overlays", str(overlay.parents[1]), overlay.parent.name])


def test_a_release_writes_registry_and_digests(
    overlay: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(overlay, "--registry", registry) == 0
    text = overlay.read_text()
    assert text.startswith(OVERLAY.partition("images:")[0])
    assert yaml.safe_load(text)["images"] == [
        {"name": name, "newName": f"{registry}/{name}", "digest": f"sha256:{letter * 64}"}
        for name, letter in (("recserve-gateway", "a"), ("recserve-jobs", "b"))
    ]
    assert "every image is pinned" in capsys.readouterr().out


def test_a_second_release_goes_by_the_tags_that_are_kept_beside(
    overlay: Path, registry: str
) -> None:
    run(overlay, "--registry", registry)
    text = overlay.read_text()
    assert [image.tag for image in images(overlay)] == ["0.1.0", "0.1.0"]
    run(overlay, "--registry", registry)
    assert overlay.read_text() == text


def test_nothing_is_written_where_one_is_missing(
    overlay: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(overlay, "--registry", registry, "--tag", "9.9.9") == 1
    assert overlay.read_text() == OVERLAY
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


def test_what_is_no_list_of_images_is_told(overlay: Path, registry: str) -> None:
    overlay.write_text(OVERLAY + "patches: []\n")
    with pytest.raises(ReleaseRefused, match="is no image"):
        pinned(overlay, registry, None)


def test_the_check_says_what_is_not_pinned(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == [
        "staging",
        "production",
    ]


@pytest.mark.parametrize(
    ("bundle", "said"),
    [
        ("none-chosen # put one here", True),
        ("current", True),
        ("0123456789abcdef", False),
    ],
)
def test_the_check_says_where_no_bundle_is_named(
    overlay: Path, capsys: pytest.CaptureFixture[str], bundle: str, *, said: bool
) -> None:
    overlay.write_text(
        OVERLAY.replace("images:", f"  - literals:\n      - BUNDLE={bundle}\nimages:")
    )
    assert run(overlay, "--check") == 0
    assert ("names no bundle" in capsys.readouterr().out) is said


def test_production_waits_for_a_bundle_to_be_named() -> None:
    assert "BUNDLE=none-chosen names no bundle" in told(
        K8S / "overlays/production/kustomization.yaml"
    )


@pytest.mark.parametrize("name", ["staging", "production"])
def test_an_overlay_lists_every_image_that_it_runs(name: str) -> None:
    rendered = render(K8S / "overlays" / name)
    run_there = {c["image"].partition("@")[0] for w in workloads(rendered) for c in w.containers}
    listed = {
        image.repository if image.digest else f"{image.repository}:{image.tag}"
        for image in images(K8S / "overlays" / name / "kustomization.yaml")
    }
    assert listed == run_there


def test_a_pinned_overlay_renders_by_digest(tmp_path: Path, registry: str) -> None:
    at = tmp_path / "k8s"
    at.mkdir()
    text = OVERLAY.replace("../../base", "base")
    (at / "base").mkdir()
    for path in (K8S / "base").iterdir():
        (at / "base" / path.name).write_bytes(path.read_bytes())
    (at / "kustomization.yaml").write_text(text)
    (at / "kustomization.yaml").write_text(pinned(at / "kustomization.yaml", registry, None))
    rendered = render(at)
    gateway = next(w for w in workloads(rendered) if w.name == "gateway")
    assert gateway.containers[0]["image"] == f"{registry}/recserve-gateway@sha256:{'a' * 64}"
    assert images_are_pinned(rendered) == []


def test_the_tags_are_the_versions_of_the_release() -> None:
    version = (ROOT / "pyproject.toml").read_text().partition('version = "')[2].partition('"')[0]
    for name in ("staging", "production"):
        ours = [
            i
            for i in images(K8S / "overlays" / name / "kustomization.yaml")
            if "recserve-" in i.name
        ]
        assert {i.tag for i in ours} == {version}
