"""What the guide says of roll-outs and of the registry, done; and that no block is left out."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from feast.infra.registry.sql import SqlRegistry, SqlRegistryConfig
from sqlalchemy import create_engine, text

from tests.fakes.feast_twins import SHOP, USER
from tests.fakes.postgres import INITDB, PASSWORD, postgres, program
from tests.integration.features.registering import PROJECT, opened
from tests.integration.operations.guide import block, blocks, run
from tests.integration.operations.test_backup import REDIS
from tests.meta.imports import ROOT

APPLIED, NEXT = 'kubectl kustomize "$OVERLAY" > "$BACKUP/applied.yaml"', "next.yaml"
LINK = "ln -sfn"
FILE_KEPT, FILE_BACK = 'cp "$STATE/feast', 'cp "$BACKUP/registry'
DUMP, RESTORE = "pg_dump", "pg_restore"


def test_every_block_is_run() -> None:
    markers = (APPLIED, NEXT, LINK, FILE_KEPT, FILE_BACK, DUMP, RESTORE, *REDIS)
    assert sorted(block(marker) for marker in markers) == sorted(blocks())


def test_a_rendering_is_kept_and_compared_with_the_next(tmp_path: Path) -> None:
    production, staging = (ROOT / "k8s/overlays" / name for name in ("production", "staging"))
    run(block(APPLIED), OVERLAY=production, BACKUP=tmp_path)
    kept = [one["kind"] for one in yaml.safe_load_all((tmp_path / "applied.yaml").read_text())]
    assert {"Namespace", "Deployment", "ConfigMap"} <= set(kept)
    assert run(block(NEXT), OVERLAY=production, BACKUP=tmp_path) == ""
    assert "-kind: HorizontalPodAutoscaler" in run(block(NEXT), OVERLAY=staging, BACKUP=tmp_path)


def test_the_bundle_before_is_current_again(tmp_path: Path) -> None:
    for name in ("0123456789abcdef", "fedcba9876543210"):
        (tmp_path / "bundles" / name).mkdir(parents=True)
        run(block(LINK), BUNDLE=name, STATE=tmp_path)
        assert (tmp_path / "bundles/current").resolve().name == name


def test_a_file_of_the_registry_comes_back(tmp_path: Path) -> None:
    opened(tmp_path, "").registry.apply_entity(SHOP, PROJECT)
    run(block(FILE_KEPT), STATE=tmp_path, BACKUP=tmp_path)
    opened(tmp_path, "").registry.apply_entity(USER, PROJECT)
    run(block(FILE_BACK), STATE=tmp_path, BACKUP=tmp_path)
    assert [one.name for one in opened(tmp_path, "").list_entities()] == ["shop"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with postgres() as address:
        yield address


@pytest.mark.skipif(INITDB is None, reason="PostgreSQL's programs are not installed")
def test_a_database_of_the_registry_comes_back(server: str, tmp_path: Path) -> None:
    """After the worst, with what came since left out."""
    said = {"path": program("pg_dump").parent, "BACKUP": tmp_path}
    apply(server, SHOP)
    run(block(DUMP), RECSERVE_TRAINING_FEAST_REGISTRY=server, **said)
    apply(server, USER)
    run(block(RESTORE), RECSERVE_TRAINING_FEAST_REGISTRY=server, **said)
    assert entities(server) == ["shop"]
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    run(block(RESTORE), RECSERVE_TRAINING_FEAST_REGISTRY=server, **said)
    assert entities(server) == ["shop"]


def apply(address: str, entity: object) -> None:
    registry = SqlRegistry(SqlRegistryConfig(path=address), PROJECT, None)
    registry.apply_entity(entity, PROJECT)
    registry.write_engine.dispose()


def entities(address: str) -> list[str]:
    registry = SqlRegistry(SqlRegistryConfig(path=address), PROJECT, None)
    found = [one.name for one in registry.list_entities(PROJECT)]
    registry.write_engine.dispose()
    return found
