"""Entities, views and services of the prepared data set whose state folder feature_store.yaml names."""

import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import yaml
from feast import Entity, FeatureService, FeatureView, Field, FileSource
from feast.types import Int64, String
from feast.utils import get_default_yaml_file_path
from feast.value_type import ValueType

from serving.features.feast_types import FEAST_TYPES, MAX_LENGTH

REPOSITORY = Path(__file__).resolve().parent


def entity(name: str) -> Entity:
    """`user` or `item`; its key is the shop's own id."""
    kind = ValueType.INT64 if _integer_ids() else ValueType.STRING
    return Entity(name=name, join_keys=[f"{name}_id"], value_type=kind)


def view(name: str, of: Entity) -> FeatureView | None:
    """The view as features.yaml describes it; None if the data set has none of that name."""
    described = FEATURES["views"].get(name)
    if described is None:
        return None
    key = Field(name=of.join_key, dtype=Int64 if _integer_ids() else String)
    return FeatureView(
        name=name,
        entities=[of],
        schema=[key, *(_field(field) for field in described["fields"])],
        ttl=timedelta(seconds=described["max_age_s"]),
        tags={"stale_action": described.get("stale_action", "serve_marked")},
        source=FileSource(
            name=f"{name}_source",
            path=str(PREPARED / "views" / f"{name}.parquet"),
            timestamp_field="event_timestamp",
            created_timestamp_column="created_timestamp",
        ),
    )


def service(name: str, *views: FeatureView | None) -> FeatureService:
    """The features of one model."""
    defined = {v.name: v for v in views if v is not None}
    chosen: Mapping[str, list[str]] = FEATURES["services"][name]
    undefined = (set(FEATURES["views"]) | set(chosen)) - set(defined)
    if undefined:
        sys.exit(f"features.yaml has views that no file of {REPOSITORY} defines: {undefined}")
    return FeatureService(name=name, features=[defined[v][names] for v, names in chosen.items()])


def _field(described: Mapping[str, Any]) -> Field:
    tags = {MAX_LENGTH: str(described[MAX_LENGTH])} if MAX_LENGTH in described else {}
    return Field(name=described["name"], dtype=FEAST_TYPES[described["dtype"]], tags=tags)


def _integer_ids() -> bool:
    return bool(FEATURES["id_kind"] == "integer")


def _store_file() -> Path:
    """The feature_store.yaml in force: of -f, of FEAST_FS_YAML_FILE_PATH, or this folder's."""
    context = click.get_current_context(silent=True)
    chosen = (context.obj or {}).get("FS_YAML_FILE") if context else None
    file = Path(chosen or get_default_yaml_file_path(REPOSITORY))
    if not file.is_file():
        sys.exit(f"{file} is missing or relative; name feature_store.yaml by its absolute path")
    return file


def _prepared(settings: Mapping[str, Any]) -> Path:
    folder = Path(REPOSITORY, settings["online_store"]["state"]).resolve() / "prepared"
    if not (folder / "features.yaml").is_file():
        sys.exit(
            f"{folder} has no prepared data; run `make up`, or name another state folder's file"
        )
    return folder


def _features(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    features: dict[str, Any] = yaml.safe_load((PREPARED / "features.yaml").read_text())
    if features["project"] != settings["project"]:
        sys.exit(
            f"{_store_file()} is of project {settings['project']}, but {PREPARED} holds "
            f"{features['project']}; use the feature_store.yaml in that state folder's feast/"
        )
    return features


_SETTINGS: Mapping[str, Any] = yaml.safe_load(os.path.expandvars(_store_file().read_text()))
PREPARED = _prepared(_SETTINGS)
FEATURES = _features(_SETTINGS)
