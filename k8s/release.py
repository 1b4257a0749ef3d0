"""Pins all images by digest: `python -m k8s.release --registry HOST[/PATH]`.

They stand in `components/images`, which overlays list last. Our own are looked for in the registry, the
others where their names say. That registry alone is shown RELEASE_USER and RELEASE_PASSWORD. Nothing is
written unless every digest was found; `--check` only tells, by what each overlay renders.
"""

import argparse
import base64
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import yaml

IMAGES = Path(__file__).parent / "components/images/kustomization.yaml"
OVERLAYS = Path(__file__).parent / "overlays"
KUBECTL = Path(sys.prefix) / "bin" / "kubectl"
OURS = "recserve-"
HUB, HUB_HOST = "docker.io", "registry-1.docker.io"
LOCAL = ("localhost", "127.0.0.1", "[::1]")
PATIENCE_S = 30.0
MANIFESTS = ", ".join(
    f"application/vnd.{kind}+json"
    for kind in (
        "oci.image.index.v1",
        "oci.image.manifest.v1",
        "docker.distribution.manifest.list.v2",
        "docker.distribution.manifest.v2",
    )
)
LINE = re.compile(r"^  - \{(name: .+)\}$")
UNNAMED = {"", "current", "none-chosen"}  # of BUNDLE
SCALERS = ("HorizontalPodAutoscaler", "ScaledObject")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class ReleaseRefused(Exception):
    """Images can't be pinned, or an overlay doesn't build; says why."""


@dataclass(frozen=True, slots=True)
class Image:
    """A line of `images:`."""

    name: str  # in the manifests
    new_name: str | None
    tag: str
    digest: str | None

    @property
    def repository(self) -> str:
        return self.new_name or self.name

    def __str__(self) -> str:
        fields = {
            "name": self.name,
            "newName": self.new_name,
            "newTag": self.tag,
            "digest": self.digest,
        }
        if self.digest:  # kustomize takes one of both; the tag stays readable
            del fields["newTag"]
            return f"  - {{{_joined(fields)}}} # {self.tag}"
        return f"  - {{{_joined(fields)}}}"


def _joined(fields: Mapping[str, str | None]) -> str:
    return ", ".join(f"{key}: {value}" for key, value in fields.items() if value)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m k8s.release")
    parser.add_argument("--registry", help="where recserve-gateway and the others were pushed")
    parser.add_argument("--tag", help="of our own images, where it isn't the one that is written")
    parser.add_argument("--check", action="store_true", help="say which overlays are not pinned")
    parser.add_argument("--images", type=Path, default=IMAGES)
    parser.add_argument("--overlays", type=Path, default=OVERLAYS)
    given = parser.parse_args(arguments)
    if not (given.check or given.registry):
        parser.error("--registry is needed: make release REGISTRY=<host/path>")
    try:
        if not given.check:
            given.images.write_text(pinned(given.images, given.registry.rstrip("/"), given.tag))
        for path in sorted(given.overlays.glob("*/kustomization.yaml")):
            sys.stdout.write(f"{told(path.parent)}\n")
    except (ReleaseRefused, OSError) as error:
        sys.stderr.write(f"release: {error}\n")
        return 1
    return 0


def images(path: Path) -> list[Image]:
    """The component's list, which is the last of the file.

    Raises:
        ReleaseRefused: there is none, or something else stands in or behind it.
    """
    _, found, listed = path.read_text().partition("\nimages:")
    lines = listed.splitlines()[1:]
    if not found or not lines:
        raise ReleaseRefused(f"{path} has no list of images at its end")
    return [_image(path, line) for line in lines]


def _image(path: Path, line: str) -> Image:
    text, _, tag = line.partition(" # ")
    if (found := LINE.match(text)) is None:
        raise ReleaseRefused(f"{path}: {line!r} is no image")
    fields = dict(field.split(": ", 1) for field in found[1].split(", "))
    return Image(
        fields["name"], fields.get("newName"), fields.get("newTag") or tag, fields.get("digest")
    )


def told(overlay: Path) -> str:
    """What isn't pinned: images that the overlay runs, and the bundle of one that can grow.

    Raises:
        ReleaseRefused: it doesn't build.
    """
    done = subprocess.run(
        [KUBECTL, "kustomize", overlay], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise ReleaseRefused(f"{overlay.name}: {done.stderr.strip()}")
    objects = list(yaml.safe_load_all(done.stdout))
    loose = sorted({image for image in run(objects) if "@sha256:" not in image})
    state = f"not pinned: {', '.join(loose)}" if loose else "every image is pinned by its digest"
    bundles = {o["data"]["BUNDLE"] for o in objects if "BUNDLE" in o.get("data", {})}
    if any(o["kind"] in SCALERS for o in objects):
        state += "".join(f"; BUNDLE={b} names no bundle" for b in sorted(bundles & UNNAMED))
    return f"{overlay.name}: {state}"


def run(rendered: object) -> list[str]:
    """The images of an object's containers, whatever the object's kind."""
    if isinstance(rendered, list):
        return [image for value in rendered for image in run(value)]
    if not isinstance(rendered, dict):
        return []
    listed = [*rendered.get("initContainers", []), *rendered.get("containers", [])]
    return [*(c["image"] for c in listed), *(i for v in rendered.values() for i in run(v))]


def digest(repository: str, tag: str, *, own: bool) -> str:
    """What the registry says that the tag is; only one of our `own` is shown the password.

    Raises:
        ReleaseRefused: it doesn't know it, can't be reached or wants somebody else.
    """
    host, path = _place(repository)
    scheme = "http" if host.rpartition(":")[0] in LOCAL or host in LOCAL else "https"
    url = f"{scheme}://{host}/v2/{path}/manifests/{tag}"
    try:
        try:
            answered = _head(url, {})
        except HTTPError as error:
            if error.code != HTTPStatus.UNAUTHORIZED:
                raise
            answered = _head(
                url, _authorization(error.headers.get("WWW-Authenticate", ""), own=own)
            )
    except HTTPError as error:
        raise ReleaseRefused(
            f"{repository}:{tag}: the registry says {error.code} {error.reason}"
        ) from error
    except URLError as error:
        raise ReleaseRefused(
            f"{repository}:{tag}: {host} can't be reached: {error.reason}"
        ) from error
    if not DIGEST.fullmatch(answered):
        raise ReleaseRefused(
            f"{repository}:{tag}: the registry reports {answered!r}, which is no digest"
        )
    return answered


def pinned(path: Path, registry: str, tag: str | None, ask: Callable[..., str] = digest) -> str:
    """The file's text with the digests that registries report now.

    Raises:
        ReleaseRefused: one of them doesn't.
    """
    found = []
    for image in images(path):
        wanted = image
        if image.name.startswith(OURS):
            wanted = replace(image, new_name=f"{registry}/{image.name}", tag=tag or image.tag)
        reported = ask(wanted.repository, wanted.tag, own=wanted is not image)
        found.append(replace(wanted, digest=reported))
    head, start, listed = path.read_text().partition("\nimages:")
    comment = listed.partition("\n")[0]
    return "\n".join([f"{head}{start}{comment}", *map(str, found)]) + "\n"


def _place(repository: str) -> tuple[str, str]:
    """Host and path, by the rule of container engines: a first part with a dot or a port is a host."""
    first, _, rest = repository.partition("/")
    if not rest or not ("." in first or ":" in first or first == "localhost"):
        return HUB_HOST, repository if rest else f"library/{repository}"
    return (HUB_HOST if first == HUB else first), rest


def _head(url: str, headers: Mapping[str, str]) -> str:
    asked = Request(url, method="HEAD", headers={"Accept": MANIFESTS, **headers})  # noqa: S310
    with urlopen(asked, timeout=PATIENCE_S) as answer:  # noqa: S310 - the scheme is ours
        return str(answer.headers.get("Docker-Content-Digest", ""))


def _authorization(challenge: str, *, own: bool) -> Mapping[str, str]:
    """What the registry asks for: the user's password, or a token that another service gives for it."""
    shown = _basic() if own else {}
    kind, _, rest = challenge.partition(" ")
    if kind.lower() == "basic":
        return shown
    wanted = dict(CHALLENGE.findall(rest))
    realm = wanted.pop("realm", "")
    if kind.lower() != "bearer" or urlsplit(realm).scheme not in ("https", "http"):
        raise ReleaseRefused(
            f"the registry wants an authorization that is not known here: {challenge!r}"
        )
    if urlsplit(realm).scheme == "http" and urlsplit(realm).hostname not in LOCAL:
        raise ReleaseRefused(f"a password isn't sent in the clear, to {realm}")
    asked = Request(f"{realm}?{urlencode(wanted)}", headers=dict(shown))  # noqa: S310
    with urlopen(asked, timeout=PATIENCE_S) as answer:  # noqa: S310
        given = json.loads(answer.read())
    return {"Authorization": f"Bearer {given.get('token') or given['access_token']}"}


def _basic() -> Mapping[str, str]:
    user, password = os.environ.get("RELEASE_USER"), os.environ.get("RELEASE_PASSWORD")
    if not (user and password):
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


if __name__ == "__main__":
    sys.exit(main())
