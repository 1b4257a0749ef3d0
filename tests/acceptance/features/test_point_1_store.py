"""A plain Feast repository on packed rows answers as on Feast's SQLite store, on one Redis or a cluster."""

import json
import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import polars as pl
import pytest
import yaml

from serving.triton.ports import free_ports
from tests.acceptance.made import PYTHON, run
from tests.fakes.certificates import Authority
from tests.fakes.redis_servers import HOST, cluster, server, tls_files, tls_proxy

FEAST = PYTHON.parent / "feast"
Note = Callable[[str], None]
DEFINITIONS = """
from pathlib import Path
from feast import Entity, FeatureView, Field, FileSource, PushSource
from feast.types import Array, Bool, Bytes, Float64, Int32, Int64, String, UnixTimestamp
from feast.value_type import ValueType

user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
shop = Entity(name="shop", join_keys=["shop_id"], value_type=ValueType.INT64)
file = FileSource(
    name="file", path=str(Path(__file__).parent / "visits.parquet"), timestamp_field="at"
)
visits = FeatureView(
    name="visits",
    entities=[user, shop],
    schema=[
        Field(name="user_id", dtype=String),
        Field(name="shop_id", dtype=Int64),
        Field(name="count", dtype=Int32),
        Field(name="spent", dtype=Float64),
        Field(name="member", dtype=Bool),
        Field(name="note", dtype=String),
        Field(name="badge", dtype=Bytes),
        Field(name="last", dtype=UnixTimestamp),
        Field(name="tags", dtype=Array(String), tags={"max_length": "3"}),
        # more fields
    ],
    source=PushSource(name="pushed", batch_source=file),
)
"""
ASK = """
import json, sys
from feast import FeatureStore
store = FeatureStore(repo_path=sys.argv[1])
view = store.get_feature_view("visits")
people = [{"user_id": u, "shop_id": s} for u in ("ada", "bob", "", "new") for s in (1, -1)]
answer = store.get_online_features([f"visits:{f.name}" for f in view.features], people)
statuses = [list(v.statuses) for v in answer.proto.results]
print(json.dumps([answer.to_dict(include_event_timestamps=True), statuses], default=repr))
"""
PUSH = """
import sys
import pandas as pd
from feast import FeatureStore
store = FeatureStore(repo_path=sys.argv[1])
order = {"forwards": 1, "backwards": -1}[sys.argv[2]]
at = pd.Timestamp("2024-05-01", tz="UTC")
frames = [
    pd.DataFrame({
        "user_id": ["ada", "new"], "shop_id": [1, -1], "at": [at + pd.Timedelta(n, "h")] * 2,
        "count": [n, -1], "spent": [float("inf"), None], "member": [n % 2 == 0, None],
        "note": ["", f"{n}"], "badge": [b"", b"x"], "last": [at, None], "tags": [[], None],
    })
    for n in (1, 2, 3)
]
for n, frame in list(enumerate(frames))[::order]:
    (store.push if n % 2 else lambda _, f: store.write_to_online_store("visits", f))("pushed", frame)
"""


def repository(folder: Path, online_store: dict[str, object]) -> Path:
    folder.mkdir(parents=True)
    settings: dict[str, object] = {
        "project": "visits",
        "provider": "local",
        "registry": str(folder / "registry.db"),
        "online_store": online_store,
        "entity_key_serialization_version": 3,
    }
    if online_store["type"] != "sqlite":
        settings["batch_engine"] = {"type": "serving.features.engine.PolarsComputeEngine"}
    (folder / "feature_store.yaml").write_text(yaml.safe_dump(settings))
    (folder / "definitions.py").write_text(DEFINITIONS)
    rows = {
        "user_id": ["ada", "bob", "", "ada"],
        "shop_id": [1, 1, -1, 1],
        "at": ["2024-05-01", "2024-05-01", "2024-05-01", "2024-04-01"],
        "count": [2**31 - 1, None, -(2**31), 5],
        "spent": [-1.0, None, float("nan"), 5.0],
        "member": [True, None, False, False],
        "note": ["", None, "zoë", "old"],
        "badge": [b"x", None, b"", b"old"],
        "last": ["2024-05-01", None, "1969-12-31", "2024-01-01"],
        "tags": [["a", ""], None, [], ["old"]],
    }
    instant = pl.Datetime("us", "UTC")
    pl.DataFrame(rows, schema_overrides={"count": pl.Int32}).with_columns(
        pl.col("at").str.to_datetime(time_unit="us", time_zone="UTC").cast(instant),
        pl.col("last").str.to_datetime(time_unit="us", time_zone="UTC").cast(instant),
    ).write_parquet(folder / "visits.parquet")
    return folder


def feast(folder: Path, *arguments: str, check: bool = True, **environment: str) -> str:
    done = run(FEAST, "-c", folder, *arguments, check=check, **environment)
    return done.stdout + done.stderr


def asked(folder: Path, **environment: str) -> list[object]:
    said = run(PYTHON, "-c", ASK, folder, **environment).stdout
    found: list[object] = json.loads(said.splitlines()[-1])
    return found


def fill(folder: Path, order: str, **environment: str) -> None:
    """Pushed frames in an order, before or after what is materialised."""
    feast(folder, "apply", **environment)
    if order == "backwards":
        run(PYTHON, "-c", PUSH, folder, order, **environment)
    feast(folder, "materialize", "2024-03-01T00:00:00", "2024-05-01T00:00:00", **environment)
    if order == "forwards":
        run(PYTHON, "-c", PUSH, folder, order, **environment)


def on_rows(url: str) -> dict[str, object]:
    return {"type": "serving.features.online_store.RecserveOnlineStore", "redis_url": url}


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> list[object]:
    """What the SQLite store answers, which was given everything in order."""
    folder = tmp_path_factory.mktemp("stock") / "repository"
    repository(folder, {"type": "sqlite", "path": str(folder / "online.db")})
    fill(folder, "forwards")
    return asked(folder)


def test_point_1a_one_redis(stock: list[object], tmp_path: Path, measured: Note) -> None:
    """Everything in the other order; then another layout; then nothing is left."""
    (port,) = free_ports(1)
    with server(tmp_path / "redis", port) as client:
        folder = repository(tmp_path / "repository", on_rows(f"redis://{HOST}:{port}"))
        fill(folder, "backwards")
        assert asked(folder) == stock
        definitions = folder / "definitions.py"
        changed = DEFINITIONS.replace("# more fields", 'Field(name="extra", dtype=Int64),')
        definitions.write_text(changed)
        feast(folder, "apply")
        told = run(PYTHON, "-c", ASK, folder, check=False)
        assert told.returncode
        assert re.search(
            r"visits: layout [0-9a-f]{16}, expected [0-9a-f]{16}; materialise", told.stderr
        )
        keys = len(client.keys())
        feast(folder, "teardown")
        assert client.keys() == []
    measured(f"answers, statuses and times as SQLite's; {keys} keys before teardown, none after")


def test_point_1b_a_cluster_over_tls_with_passwords_outside_the_file(
    stock: list[object], tmp_path: Path, measured: Note
) -> None:
    authority, files = Authority(), tls_files(tmp_path, Authority())
    files.ca.write_bytes(authority.certificate)
    with ExitStack() as stack:
        outer = free_ports(3)
        made = stack.enter_context(cluster(tmp_path / "cluster", announced=outer))
        for inner, announced in zip(made.ports, outer, strict=True):
            stack.enter_context(tls_proxy(tmp_path, authority, inner, announced))
        for node in made.nodes:
            node.execute_command("ACL", "SETUSER", "feast", "on", ">s3cret", "~*", "+@all")
        url = f"rediss+cluster://feast@{HOST}:{outer[0]}?ca_file={files.ca}&password_env=PASSWORD"
        folder = repository(tmp_path / "repository", on_rows(url))
        assert "s3cret" not in (folder / "feature_store.yaml").read_text()
        fill(folder, "backwards", PASSWORD="s3cret")
        assert asked(folder, PASSWORD="s3cret") == stock
        counts = [len(names) for names in made.names()]
        assert all(counts)
        refused = feast(folder, "apply", check=False, PASSWORD="wrong-one")
        assert "wrong-one" not in refused
        assert "Redis at rediss+cluster" in refused
        feast(folder, "teardown", PASSWORD="s3cret")
        assert made.names() == [[], [], []]
    measured(f"keys on the three nodes: {', '.join(map(str, counts))}")


def test_point_1c_random_histories_of_every_type(measured: Note) -> None:
    """Many more examples of what the integration tests try."""
    said = run(
        PYTHON,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--timeout",
        "3000",
        "tests/integration/features/test_stock_answers.py",
        RECSERVE_TEST_EXAMPLES="200",
    ).stdout
    assert re.search(r"\d+ passed", said)
    assert "failed" not in said
    measured("200 random histories and 400 rows of raw values as SQLite's")
