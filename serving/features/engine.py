"""Feast's batch engine on polars: `batch_engine: {type: serving.features.engine.PolarsComputeEngine}`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from feast import Entity, FeatureView, OnDemandFeatureView
from feast.feature_view import DUMMY_ENTITY_ID
from feast.infra.common.materialization_job import (
    MaterializationJob,
    MaterializationJobStatus,
    MaterializationTask,
)
from feast.infra.compute_engines.base import ComputeEngine
from feast.infra.offline_stores.file_source import FileSource
from feast.infra.registry.base_registry import BaseRegistry
from feast.repo_config import FeastConfigBaseModel

from serving.errors import ArtefactError
from serving.features.feast_types import feast_layout, join_keys, joined_by
from serving.features.frames import Source, latest, pack_frame
from serving.features.online_store import RecserveOnlineStore
from serving.features.store import RowStore

SLICE = 5_000  # rows packed and sent at a time


class PolarsComputeEngineConfig(FeastConfigBaseModel):
    """`batch_engine` of feature_store.yaml."""

    type: Literal["serving.features.engine.PolarsComputeEngine"] = (
        "serving.features.engine.PolarsComputeEngine"
    )


@dataclass(frozen=True)
class Finished(MaterializationJob):
    """A job that is over when it is returned: what goes wrong is raised."""

    name: str

    def status(self) -> MaterializationJobStatus:
        return MaterializationJobStatus.SUCCEEDED

    def error(self) -> BaseException | None:
        return None

    def should_be_retried(self) -> bool:
        return False

    def job_id(self) -> str:
        return self.name

    def url(self) -> str | None:
        return None


class PolarsComputeEngine(ComputeEngine):
    """Materialises the parquet of a view into packed rows, whole columns at a time.

    A window holds its both ends. Historical retrieval is the offline store's.
    """

    def update(
        self,
        project: str,
        views_to_delete: Sequence[FeatureView],
        views_to_keep: Sequence[FeatureView | OnDemandFeatureView],
        entities_to_delete: Sequence[Entity],
        entities_to_keep: Sequence[Entity],
    ) -> None:
        """Nothing to prepare: the engine runs in the caller's process."""

    def teardown_infra(
        self, project: str, fvs: Sequence[FeatureView], entities: Sequence[Entity]
    ) -> None:
        """Nothing to remove."""

    def _materialize_one(
        self, registry: BaseRegistry, task: MaterializationTask, **kwargs: Any
    ) -> MaterializationJob:
        del registry, kwargs
        view, store = task.feature_view, self.online_store
        if not isinstance(store, RecserveOnlineStore):
            raise ArtefactError(
                f"this engine writes packed rows into RecserveOnlineStore, not into "
                f"{type(store).__name__}; name it as online_store in feature_store.yaml"
            )
        name = f"{view.name}-{task.start_time}-{task.end_time}"
        if not view.online:
            return Finished(name)
        _check_plain(view)
        self._fill(view, store.rows(self.repo_config), task)
        return Finished(name)

    def _fill(self, view: FeatureView, rows: RowStore, task: MaterializationTask) -> None:
        layout, source = feast_layout(view), self._source(view)
        frame = latest(source, task.start_time, task.end_time)
        bar = task.tqdm_builder(frame.height) if task.tqdm_builder else None
        if bar is not None:  # one without a length is false; Feast names all views before the first
            bar.unit = " rows"
            bar.set_description(f"{view.name:<14}")
        for part in frame.iter_slices(SLICE):
            packed = pack_frame(view.name, layout, source, part)
            rows.remember(packed.texts)
            rows.write(view.name, source.join_key, packed.keys, packed.rows)
            if bar is not None:
                bar.update(part.height)
        if bar is not None:
            bar.close()

    def _source(self, view: FeatureView) -> Source:
        source = view.batch_source
        if not isinstance(source, FileSource):
            raise ArtefactError(
                f"view {view.name} reads a {type(source).__name__}; this engine reads parquet files"
            )
        path = FileSource.get_uri_for_file_path(self.repo_config.repo_path, source.path)
        if not Path(path).exists():
            raise ArtefactError(
                f"{path}, the source of view {view.name}, is missing; prepare again"
            )
        ids = tuple(key for key in join_keys(view) if key.name != DUMMY_ENTITY_ID)
        return Source(
            path,
            joined_by(view),
            source.timestamp_field,
            source.created_timestamp_column or "",
            ids,
            source.field_mapping or {},
        )


def _check_plain(view: FeatureView) -> None:
    """Raises ArtefactError if the view's rows are more than what stands in its file."""
    if getattr(view, "feature_transformation", None) or getattr(view, "aggregations", None):
        raise ArtefactError(
            f"view {view.name} transforms or aggregates its source; this engine materialises what stands "
            "in the file: make the features there, or choose another batch_engine"
        )
