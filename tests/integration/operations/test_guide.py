"""What the guide says of roll-outs and of the registry, done; and that no block is left out."""

import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
import yaml
from feast.infra.registry.sql import SqlRegistry, SqlRegistryConfig
from rich.console import Console
from sqlalchemy import create_engine, text

from tests.fakes.feast_twins import SHOP, USER
from tests.fakes.postgres import INITDB, PASSWORD, postgres, program
from tests.integration.features.registering import PROJECT, opened
from tests.integration.operations.guide import block, blocks, run
from tests.integration.operations.test_backup import REDIS
from tests.meta.imports import ROOT
from training.datasets.generated.generate import SEED, generate
from training.datasets.generated.shop import SHOP as SHOP_DOMAIN
from training.prepare.contract import open_data_set

APPLIED, NEXT = 'kubectl kustomize "$OVERLAY" > "$KEPT/applied.yaml"', "diff -u"
MOVED, MOVED_BACK = 'mv "$KEPT/next.yaml"', 'mv "$KEPT/before.yaml"'
BROUGHT = "training.datasets --data"
LINK = "ln -sfn"
ARTEFACTS_KEPT, ARTEFACTS_BACK = "dataset bundles", '< "$BACKUP/artefacts.tar"'
FILE_KEPT, FILE_BACK = 'cat "$FILE"', '"$FILE" < "$BACKUP/registry.db"'
DUMP, RESTORE = "pg_dump", "pg_restore"


def test_every_block_is_run() -> None:
    rolled = (APPLIED, NEXT, MOVED, MOVED_BACK, LINK)
    kept = (BROUGHT, ARTEFACTS_KEPT, ARTEFACTS_BACK, FILE_KEPT, FILE_BACK, DUMP, RESTORE)
    assert sorted(block(marker) for marker in (*rolled, *kept, *REDIS)) == sorted(blocks())


def test_two_upgrades_follow_one_another_and_the_second_goes_back(tmp_path: Path) -> None:
    """What stays is in one folder, whatever day's backup there was."""
    production, staging = (ROOT / "k8s/overlays" / name for name in ("production", "staging"))
    run(block(APPLIED), OVERLAY=production, KEPT=tmp_path)
    first = (tmp_path / "applied.yaml").read_text()
    kinds = [one["kind"] for one in yaml.safe_load_all(first)]
    assert {"Namespace", "Deployment", "ConfigMap"} <= set(kinds)
    said = run(block(NEXT), block(MOVED), OVERLAY=staging, KEPT=tmp_path)
    assert "-kind: HorizontalPodAutoscaler" in said
    second = (tmp_path / "applied.yaml").read_text()
    assert run(block(NEXT), OVERLAY=staging, KEPT=tmp_path) == ""
    said = run(block(NEXT), block(MOVED), OVERLAY=production, KEPT=tmp_path)
    assert "+kind: HorizontalPodAutoscaler" in said
    assert (tmp_path / "applied.yaml").read_text() == first
    assert (tmp_path / "before.yaml").read_text() == second
    run(block(MOVED_BACK), KEPT=tmp_path)
    assert (tmp_path / "applied.yaml").read_text() == second


def test_a_data_set_is_brought_whole_and_data_set_and_bundles_come_back(tmp_path: Path) -> None:
    state, backup = tmp_path / "state", tmp_path / "backup"
    (state / "bundles/0123456789abcdef").mkdir(parents=True)
    (state / "bundles/0123456789abcdef/manifest.json").write_text("{}")
    (state / "bundles/current").symlink_to("0123456789abcdef")
    backup.mkdir()
    generate(SHOP_DOMAIN, tmp_path / "tables", 60, SEED, Console(file=StringIO()))
    run(block(BROUGHT), DATA=tmp_path / "tables", ON="", STATE=state)
    assert not (state / "brought").exists()
    was = open_data_set(state / "dataset").events.collect()
    assert was.height > 100
    run(block(ARTEFACTS_KEPT), ON="", STATE=state, BACKUP=backup)
    for lost in ("dataset", "bundles"):
        shutil.rmtree(state / lost)
    run(block(ARTEFACTS_BACK), ON="", STATE=state, BACKUP=backup)
    assert open_data_set(state / "dataset").events.collect().equals(was)
    assert (state / "bundles/current/manifest.json").read_text() == "{}"


def test_the_bundle_before_is_current_again(tmp_path: Path) -> None:
    for name in ("0123456789abcdef", "fedcba9876543210"):
        (tmp_path / "bundles" / name).mkdir(parents=True)
        run(block(LINK), BUNDLE=name, STATE=tmp_path)
        assert (tmp_path / "bundles/current").resolve().name == name


def test_a_file_of_the_registry_comes_back(tmp_path: Path) -> None:
    opened(tmp_path, "").registry.apply_entity(SHOP, PROJECT)
    said = {"ON": "", "FILE": tmp_path / "feast/registry.db", "BACKUP": tmp_path}
    run(block(FILE_KEPT), **said)
    opened(tmp_path, "").registry.apply_entity(USER, PROJECT)
    run(block(FILE_BACK), **said)
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
    run(block(DUMP), REGISTRY=at_the_desk(server), **said)
    apply(server, USER)
    run(block(RESTORE), REGISTRY=at_the_desk(server), **said)
    assert entities(server) == ["shop"]
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    run(block(RESTORE), REGISTRY=at_the_desk(server), **said)
    assert entities(server) == ["shop"]


def at_the_desk(address: str) -> str:
    """As PostgreSQL's own programs take it."""
    return address.replace("+psycopg", "")


def apply(address: str, entity: object) -> None:
    registry = SqlRegistry(SqlRegistryConfig(path=address), PROJECT, None)
    registry.apply_entity(entity, PROJECT)
    registry.write_engine.dispose()


def entities(address: str) -> list[str]:
    registry = SqlRegistry(SqlRegistryConfig(path=address), PROJECT, None)
    found = [one.name for one in registry.list_entities(PROJECT)]
    registry.write_engine.dispose()
    return found
