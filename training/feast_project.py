"""The Feast project of a state folder: its feature_store.yaml, apply and materialize."""

import os
import sys
from datetime import datetime
from pathlib import Path

import yaml

from training.atomic import replace_text
from training.feast_registry import applying, feast_settings, told

REPOSITORY = Path(__file__).resolve().parents[1] / "feature_repo"
STORE_FILE = "FEAST_FS_YAML_FILE_PATH"
REDIS_URL = "RECSERVE_REDIS_URL"


def write_store_file(
    state: Path, project: str, redis_url: str | None, registry: str | None = None
) -> Path:
    """Writes `<state>/feast/feature_store.yaml`: the repository's own with this state's paths.

    A Redis that is not the state folder's own is named by an environment variable, since its URL
    may hold a password; the `registry`'s address never does.
    """
    settings = yaml.safe_load((REPOSITORY / "feature_store.yaml").read_text())
    state = state.resolve()
    settings["project"] = project
    settings["registry"] = feast_settings(registry, state)
    settings["online_store"]["state"] = str(state)
    if redis_url:
        settings["online_store"]["redis_url"] = f"${{{REDIS_URL}}}"
    path = state / "feast" / "feature_store.yaml"
    replace_text(path, yaml.safe_dump(settings, sort_keys=False))
    return path


def apply_and_materialize(
    store_file: Path,
    redis_url: str | None,
    start: datetime,
    end: datetime,
    registry: str | None = None,
) -> None:
    """What `feast apply` and `feast materialize START END` do, with Feast loaded once.

    Raises:
        RegistryError: the database of the registry can't be reached, or refuses.
    """
    from feast import FeatureStore  # noqa: PLC0415 - takes seconds; what is wrong is told before
    from feast.repo_config import load_repo_config  # noqa: PLC0415
    from feast.repo_operations import apply_total  # noqa: PLC0415

    os.environ[STORE_FILE] = str(store_file)
    if redis_url:
        os.environ[REDIS_URL] = redis_url
    sys.path.append(str(REPOSITORY))
    config = load_repo_config(REPOSITORY, store_file)
    with told(registry):
        with applying(registry):
            apply_total(config, REPOSITORY, skip_source_validation=False)
        FeatureStore(repo_path=str(REPOSITORY), fs_yaml_file=store_file).materialize(start, end)
