"""The suspended CronJob `backfill`, as it is rendered, fills a Redis that came up empty."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from redis import Redis

from serving.features.store import RowStore
from tests.integration.features.conftest import NOW
from tests.meta.k8s.manifests import Objects, environment, expanded, workloads
from tests.meta.k8s.rendering import K8S, ROOT, render
from training.errors import StoreError
from training.feast_project import REPOSITORY, write_store_file
from training.online_rows import check_rows, expected_views

PROJECT = "corner_shop"


@pytest.fixture(scope="module")
def url(redis_server: str) -> str:
    """A database of its own."""
    return f"{redis_server}?db=4"


def command(objects: Objects) -> tuple[list[str], dict[str, str]]:
    (found,) = (w for w in workloads(objects) if w.name == "backfill")
    (container,) = (one for one in found.containers if one["name"] == "backfill")
    given = environment(objects, container)
    return [expanded(part, given) for part in container["command"]], given


def test_a_backfill_writes_the_last_row_of_every_entity(state: Path, url: str) -> None:
    told, given = command(render(K8S / "base"))
    assert Path(given["FEAST_FS_YAML_FILE_PATH"]) == Path("/state/feast/feature_store.yaml")
    assert (ROOT / told[2]).samefile(REPOSITORY)
    file = write_store_file(state, PROJECT, url)
    variables = (
        os.environ | given | {"FEAST_FS_YAML_FILE_PATH": str(file), "RECSERVE_REDIS_URL": url}
    )
    feast = Path(sys.executable).with_name(told[0])

    def run(*arguments: str) -> None:
        subprocess.run(
            [feast, *arguments], cwd=ROOT, env=variables, check=True, capture_output=True
        )

    run("-c", "feature_repo", "apply")
    with Redis.from_url(url) as client:
        client.flushdb()
    prepared = state / "prepared"
    views = expected_views(prepared, yaml.safe_load((prepared / "features.yaml").read_text()), NOW)
    with RowStore(url, PROJECT) as rows:
        with pytest.raises(StoreError, match="found 0"):
            check_rows(rows, views, NOW)
        run(*told[1:])
        check_rows(rows, views, NOW)
