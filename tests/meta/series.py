"""What our programs expose: every metric, its series, their labels and the values that these take."""

from collections.abc import Mapping
from typing import Any, cast, get_args

import grpc
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from serving.clients.triton import BREAK
from serving.ingest.apply import Outcome
from serving.ingest.telemetry import OfIngest
from serving.ingest.watch import File
from serving.process.pages import OfSupervisor
from serving.rpc.calls import FULL_NAMES
from serving.telemetry import Metrics
from serving.types import ArtefactKind, CertificateOf, FeatureState, Reason, SearchOutcome
from tests.fakes.ingest_worker import IdleWorker

PARTS = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",), "gauge": ("",)}
STATUSES = frozenset(code.name for code in grpc.StatusCode)
ANY = None  # of artefacts, addresses or numbers
VALUES: Mapping[tuple[str, str], frozenset[str] | None] = {
    ("recserve_requests", "method"): frozenset(FULL_NAMES),
    ("recserve_requests", "code"): STATUSES,
    ("recserve_request_seconds", "method"): frozenset(FULL_NAMES),
    ("recserve_stage_seconds", "stage"): ANY,
    ("recserve_degradations", "stage"): ANY,
    ("recserve_degradations", "reason"): frozenset(Reason),
    ("recserve_features", "view"): ANY,
    ("recserve_features", "state"): frozenset(get_args(FeatureState)),
    ("recserve_triton_calls", "model"): ANY,
    ("recserve_triton_calls", "outcome"): STATUSES | {BREAK},
    ("recserve_triton_call_seconds", "model"): ANY,
    ("recserve_search_changes", "outcome"): frozenset(get_args(SearchOutcome)),
    ("recserve_artefact_info", "kind"): frozenset(get_args(ArtefactKind)),
    ("recserve_artefact_info", "version"): ANY,
    ("recserve_certificate_end_seconds", "certificate"): frozenset(get_args(CertificateOf)),
    ("recserve_ingest_events", "outcome"): frozenset(get_args(Outcome)),
    ("recserve_redis_memory_bytes", "node"): ANY,
    ("recserve_redis_memory_limit_bytes", "node"): ANY,
    ("recserve_redis_file_ok", "node"): ANY,
    ("recserve_redis_file_ok", "file"): frozenset(get_args(File)),
}
Labels = dict[str, frozenset[str] | None]  # with the values of each, None: any


class _Nobody:
    """A supervisor without workers."""

    serving = restarts = 0


def families() -> list[Metric]:
    """Every metric of ours."""
    registry = CollectorRegistry()
    Metrics(registry)
    supervisor = OfSupervisor(cast("Any", _Nobody()))
    return [*registry.collect(), *supervisor.collect(), *OfIngest(IdleWorker()).collect()]


def exposed() -> dict[str, Labels]:
    """Every series of ours, with its labels."""
    found: dict[str, Labels] = {}
    for family in families():
        labels: Labels = {
            label: values for (name, label), values in VALUES.items() if name == family.name
        }
        for part in PARTS[family.type]:
            found[family.name + part] = labels | ({"le": ANY} if part == "_bucket" else {})
    return found
