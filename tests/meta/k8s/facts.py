"""What the programs and the README say, for the rules to compare the manifests with."""

import re
from pathlib import Path

from serving.clients.triton import OPTIONS
from serving.ingest.settings import IngestSettings
from serving.local.ingest import Ingest
from serving.local.settings import StackSettings
from serving.process.health import SERVICES
from serving.settings import GatewaySettings
from training.feast_project import REDIS_URL
from training.settings import TrainingSettings

GIVEN = tuple(  # made by the operator, see the components' READMEs
    f"Secret/{name}"
    for name in (
        "user-hash-key",
        "gateway-tls",
        "gateway-clients",
        "redis-access",
        "object-storage",
        "registry-access",
    )
)
SETTINGS = (GatewaySettings, IngestSettings, TrainingSettings, StackSettings)
LOG_ENTRIES = int(GatewaySettings.model_fields["request_log_entries"].default)
EVENT_ENTRIES = int(GatewaySettings.model_fields["event_entries"].default)
CONNECTION_S = float(GatewaySettings.model_fields["max_connection_age_s"].default)
MEMBERS = str(TrainingSettings.model_fields["members"].default)
DRAIN_S = float(GatewaySettings.model_fields["drain_s"].default)
INGEST_ENDS_S = Ingest.grace_s
LOOK_UP_S = int(str(dict(OPTIONS)["grpc.dns_min_time_between_resolutions_ms"])) / 1000

LISTENS = {  # by its module: each port's name, the variable that says it, and its default
    module: {
        field.removesuffix("port").rstrip("_") or "grpc": (
            f"{settings.model_config['env_prefix']}{field.upper()}",
            int(described.default),
        )
        for field, described in settings.model_fields.items()
        if field == "port" or field.endswith("_port")
    }
    for module, settings in (
        ("serving.app", GatewaySettings),
        ("serving.ingest.worker", IngestSettings),
    )
}
TRITON_LISTENS = {"grpc": 8001, "http": 8000, "metrics": 8002}  # unless told otherwise


def _said(pattern: str) -> tuple[str, ...]:
    found = re.search(pattern, (Path(__file__).parents[3] / "k8s/README.md").read_text())
    assert found, f"the README says nothing like {pattern}"
    return found.groups()


_label, _value = _said(r"kubectl label namespace <theirs> ([\w./]+)=(\w+)`")
CALLERS = {_label: _value}  # of their namespace
(GATEWAY,) = _said(r"gRPC to `([\w.:]+)`")
(PROMETHEUS,) = _said(r"Prometheus scrapes from the namespace `(\w+)`")
_label, _value, _namespace = _said(r"DNS as\s+`([\w-]+): ([\w-]+)` in `([\w-]+)`")
DNS = _namespace, {_label: _value}

# Of Triton's own, with their labels; tests/integration/triton/test_metrics.py asks a real one.
TRITON_METRICS = {
    name: {"model", "version"}
    for name in (
        "nv_inference_request_success",
        "nv_inference_queue_duration_us",
        "nv_inference_exec_count",
    )
}


def health_services() -> tuple[str, ...]:
    return SERVICES


def setting_names() -> set[str]:
    """Every environment variable that a program reads."""
    return {REDIS_URL} | {
        f"{settings.model_config['env_prefix']}{field.upper()}"
        for settings in SETTINGS
        for field in settings.model_fields
    }
