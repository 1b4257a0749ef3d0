"""An overlay as kubectl renders it: at the data set's own time, and with what an operator changes."""

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from tests.meta.k8s.manifests import Objects, of_kind
from tests.meta.k8s.rendering import K8S, render

CLOCK = K8S / "components/historical-clock"
NAMESPACE = "recserve"
RESTARTED = "kubectl.kubernetes.io/restartedAt"


class Overlay:
    """Renders one overlay, again and again, through two kustomizations of its own in `scratch`.

    `bundle` is the id that an operator names in it.
    """

    def __init__(self, name: str, bundle: str, now: datetime, scratch: Path) -> None:
        """Raises CalledProcessError, with kubectl's words on stderr, if it doesn't build."""
        self._gateway: Mapping[str, str] = {}
        self._restarted: dict[tuple[str, str], str] = {}  # when, by kind and name
        folder = K8S / "overlays" / name
        self._bundle = bundle
        self._clocked, self._changed = scratch / "clocked", scratch / "changed"
        for made in (self._clocked, self._changed):
            made.mkdir(parents=True, exist_ok=True)
        has_clock = any(o["metadata"]["name"].startswith("clock-") for o in maps(render(folder)))
        components = [] if has_clock else [os.path.relpath(CLOCK, self._clocked)]
        write(
            self._clocked,
            {"resources": [os.path.relpath(folder, self._clocked)], "components": components},
        )
        told = {"now": now.isoformat(), "offset_s": now.timestamp() - time.time()}
        (self._changed / "clock.json").write_text(json.dumps(told))

    def configure(self, gateway: Mapping[str, str]) -> None:
        """Settings of the gateway, in what is rendered from now on."""
        self._gateway = gateway

    def restart(self, kind: str, name: str) -> None:
        """As `kubectl rollout restart` does, in what is rendered from now on."""
        self._restarted[kind, name] = datetime.now(UTC).isoformat(timespec="seconds")

    def render(self) -> Objects:
        clock = {"name": "clock", "files": ["clock.json"]}
        shared = {"name": "shared", "literals": [f"BUNDLE={self._bundle}"]}
        literals = [f"{key}={value}" for key, value in self._gateway.items()]
        settings = [{"name": "gateway", "literals": literals}] if literals else []
        generated = [clock, shared, *settings]
        merged = [{**one, "namespace": NAMESPACE, "behavior": "merge"} for one in generated]
        patches = [{"patch": yaml.safe_dump(_restart(*at))} for at in self._restarted.items()]
        write(
            self._changed,
            {
                "resources": [os.path.relpath(self._clocked, self._changed)],
                "configMapGenerator": merged,
                "patches": patches,
            },
        )
        return render(self._changed)


def maps(objects: Objects) -> Objects:
    return of_kind(objects, "ConfigMap")


def write(folder: Path, kustomization: Mapping[str, Any]) -> None:
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(dict(kustomization)))


def _restart(workload: tuple[str, str], at: str) -> dict[str, Any]:
    """The patch that `kubectl rollout restart` makes."""
    kind, name = workload
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"template": {"metadata": {"annotations": {RESTARTED: at}}}},
    }
