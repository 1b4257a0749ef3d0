"""What the programs themselves say, for the rules to compare the manifests with."""

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
DRAIN_S = float(GatewaySettings.model_fields["drain_s"].default)
INGEST_ENDS_S = Ingest.grace_s
LOOK_UP_S = int(str(dict(OPTIONS)["grpc.dns_min_time_between_resolutions_ms"])) / 1000

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
