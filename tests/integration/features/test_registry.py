"""Several writers of one registry: in a database none undoes another's, in a file one does."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
import yaml
from feast import FeatureView
from feast.infra.registry.sql import SqlRegistry, SqlRegistryConfig
from sqlalchemy import create_engine, text

from tests.fakes.feast_twins import SHOP, USER
from tests.fakes.postgres import INITDB, PASSWORD, postgres
from tests.integration.features.conftest import VIEWS, write_prepared
from tests.integration.features.registering import PROJECT, opened
from training.errors import RegistryError
from training.feast_registry import applying, told

COUNT = 5  # applies of each writer
NO_POSTGRES = pytest.mark.skipif(INITDB is None, reason="PostgreSQL's programs are not installed")
DATABASES = ("sqlite", pytest.param("postgresql", marks=NO_POSTGRES))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as address:
        yield address


@pytest.fixture(params=DATABASES)
def registry(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """An empty database's address."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'shared.db'}"
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    address: str = request.getfixturevalue("server")
    _emptied(address)
    return address


def _emptied(address: str) -> None:
    engine = create_engine(address)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def views_of(project: str, address: str) -> list[FeatureView]:
    """As another process finds them."""
    found = SqlRegistry(SqlRegistryConfig(path=address), project, None)
    try:
        views: list[FeatureView] = found.list_feature_views(project)
        return views
    finally:
        found.write_engine.dispose()


def at_once(folder: Path, *writers: tuple[str, ...]) -> None:
    """Runs the writers of `registering.py`, which begin together."""
    go = folder / "go"
    command = (sys.executable, "-m", "tests.integration.features.registering")
    environment = os.environ | {"GO": str(go)}
    running = [
        subprocess.Popen([*command, *one], env=environment, stderr=subprocess.PIPE, text=True)
        for one in writers
    ]
    try:
        while len(list(folder.glob("go.*"))) < len(writers):
            assert all(one.poll() is None for one in running), running[0].communicate()[1]
            time.sleep(0.05)
        go.touch()
        for one in running:
            said = one.communicate(timeout=120)[1]
            assert one.returncode == 0, said[-3000:]
    finally:
        for one in running:
            one.kill()


def test_two_writers_at_once_lose_nothing(tmp_path: Path, registry: str) -> None:
    with told(registry), applying(registry):
        pass  # the tables, which Feast's own command would make too, and one of two would fail
    names = ("a", "b")
    at_once(tmp_path, *(("plain", str(tmp_path), registry, n, str(COUNT)) for n in names))
    found = {view.name for view in views_of(PROJECT, registry)}
    assert found == {f"{name}_{number}" for name in names for number in range(COUNT)}


@pytest.mark.parametrize(  # each job imports Feast, which is slow: by one of them
    "registry", ["sqlite" if INITDB is None else "postgresql"], indirect=True
)
def test_two_jobs_at_once_fill_an_empty_registry(
    tmp_path: Path, registry: str, redis_server: str
) -> None:
    """Two data sets' jobs, with two databases of Redis; none of them finds the tables there."""
    writers = []
    for number, project in enumerate(("corner_shop", "market_hall")):
        state = tmp_path / project
        write_prepared(state)
        described = state / "prepared" / "features.yaml"
        described.write_text(described.read_text().replace("corner_shop", project))
        writers.append(("ours", str(state), registry, f"{redis_server}?db={5 + number}"))
    at_once(tmp_path, *writers)
    for project in ("corner_shop", "market_hall"):
        views = views_of(project, registry)
        assert {view.name for view in views} == set(VIEWS)
        assert all(len(view.materialization_intervals) == 1 for view in views)
        written = (tmp_path / project / "feast" / "feature_store.yaml").read_text()
        assert yaml.safe_load(written)["registry"]["path"] == registry
        assert PASSWORD not in written


def test_of_two_writers_of_a_file_one_undoes_the_other(tmp_path: Path) -> None:
    """As `feast apply` does: it reads, changes, and writes the whole at its end."""
    first, second = (opened(tmp_path, "").registry for _ in range(2))
    first.apply_entity(USER, PROJECT, commit=False)
    second.apply_entity(SHOP, PROJECT, commit=False)
    first.commit()
    second.commit()
    assert [one.name for one in opened(tmp_path, "").list_entities()] == ["shop"]


@NO_POSTGRES
def test_a_wrong_password_is_told_without_it(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PGPASSWORD", "of-somebody-else")
    failing = pytest.raises(RegistryError, match="password authentication failed")
    with failing as wrong, told(server), applying(server):
        pass
    assert server in str(wrong.value)
    assert "of-somebody-else" not in str(wrong.value)


def test_a_database_that_is_away_is_told() -> None:
    away = "postgresql+psycopg://recserve@127.0.0.1:1/registry"
    failing = pytest.raises(RegistryError, match=r"127\.0\.0\.1:1/registry: .*refused")
    with failing, told(away), applying(away):
        pass


def test_a_second_apply_waits_for_the_first(registry: str) -> None:
    """What is registered is then all of one apply's."""
    order: list[str] = []

    def second() -> None:
        with applying(registry):
            order.append("second")

    waiting = Thread(target=second)
    with applying(registry):
        waiting.start()
        waiting.join(timeout=1)
        assert waiting.is_alive()
        order.append("first")
    waiting.join(timeout=60)
    assert order == ["first", "second"]
