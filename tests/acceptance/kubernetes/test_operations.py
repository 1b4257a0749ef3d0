"""One registry for several writers; bundles that serve stay; the guide's commands bring all back."""

from collections.abc import Callable
from pathlib import Path

from tests.acceptance.kubernetes.test_manifests import passing
from tests.fakes.postgres import INITDB
from tests.integration.operations.guide import blocks
from tests.meta.k8s.manifests import environment, of_kind, workloads
from tests.meta.k8s.rendering import render_overlay
from tests.meta.k8s.rules_network import REGISTRY
from training.feast_registry import checked

PASSWORD = {"secretKeyRef": {"name": "registry-access", "key": "password"}}


def test_several_writers_of_one_registry_lose_nothing(measured: Callable[[str], None]) -> None:
    said = passing("tests/integration/features/test_registry.py")
    engines = "SQLite, PostgreSQL over TLS" if INITDB else "SQLite; PostgreSQL is not installed"
    measured(f"{engines}: {said}")


def test_the_registry_s_password_is_a_secret_of_the_two_jobs_that_ask_it(tmp_path: Path) -> None:
    objects = render_overlay(["sql-registry"], tmp_path)
    having = {
        (workload.name, container["name"])
        for workload in workloads(objects)
        for container in workload.containers
        for variable in container.get("env", [])
        if variable.get("valueFrom") == PASSWORD
    }
    assert having == {("materialize", "materialize"), ("backfill", "backfill")}
    told = {
        o["metadata"]["name"]: o["data"][REGISTRY]
        for o in of_kind(objects, "ConfigMap")
        if REGISTRY in o["data"]
    }
    assert [name.rpartition("-")[0] for name in told] == ["jobs"]
    assert all(checked(address) for address in told.values())  # it refuses one with a password


def test_what_serves_outlives_the_exports(tmp_path: Path, measured: Callable[[str], None]) -> None:
    objects = render_overlay(["canary"], tmp_path)
    (train,) = (w for w in workloads(objects) if w.name == "train")
    told = environment(objects, train.pod["containers"][0])
    assert told["RECSERVE_TRAINING_PINNED_BUNDLES"] == "current,current"
    measured(passing("tests/unit/training/bundle/test_bundle.py", "-k", "pinned"))


def test_the_guide_s_commands_bring_back_registry_store_and_streams(
    measured: Callable[[str], None],
) -> None:
    measured(f"{len(blocks())} blocks of commands: {passing('tests/integration/operations')}")
