"""Renders kustomizations with the kubectl of the environment."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

from tests.meta.k8s.manifests import Object, Objects

ROOT = Path(__file__).parents[3]
KUBECTL = Path(sys.prefix) / "bin" / "kubectl"
K8S = ROOT / "k8s"


class Loader(yaml.CSafeLoader):
    """Leaves what looks like a time a text, as Kubernetes does."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as its parent declares it
        first: [(tag, pattern) for tag, pattern in known if not tag.endswith(":timestamp")]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def render(folder: Path) -> Objects:
    """Raises CalledProcessError, with kubectl's words on stderr, if it doesn't build."""
    done = subprocess.run(
        [KUBECTL, "kustomize", folder], check=True, stdout=subprocess.PIPE, text=True
    )
    return loaded(done.stdout)


def loaded(text: str) -> Objects:
    found: list[Object] = list(yaml.load_all(text, Loader))
    return [o for o in found if o]


def render_any(folder: Path, scratch: Path) -> Objects:
    """The base, an overlay, or the base with the component."""
    is_component = folder.parent.name == "components"
    return render_overlay([folder.name], scratch) if is_component else render(folder)


def render_overlay(components: list[str], scratch: Path, **more: object) -> Objects:
    """The base with these components, in this order."""
    kustomization = {
        "resources": [os.path.relpath(K8S / "base", scratch)],
        "components": [os.path.relpath(K8S / "components" / name, scratch) for name in components],
        **more,
    }
    (scratch / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return render(scratch)


def folders(under: str) -> list[Path]:
    return sorted(p.parent for p in (K8S / under).glob("*/kustomization.yaml"))
