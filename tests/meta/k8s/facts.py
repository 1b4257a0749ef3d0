"""What the programs themselves say, for the rules to compare the manifests with."""

from serving.clients.triton import OPTIONS
from serving.ingest.settings import IngestSettings
from serving.local.ingest import Ingest
from serving.local.settings import StackSettings
from serving.process.health import SERVICES
from serving.settings import GatewaySettings
from training.settings import TrainingSettings

GIVEN = ("Secret/user-hash-key",)  # made by the operator, see the component's README
SETTINGS = (GatewaySettings, IngestSettings, TrainingSettings, StackSettings)
LOG_ENTRIES = int(GatewaySettings.model_fields["request_log_entries"].default)
EVENT_ENTRIES = int(GatewaySettings.model_fields["event_entries"].default)
INGEST_ENDS_S = Ingest.grace_s
LOOK_UP_S = int(str(dict(OPTIONS)["grpc.dns_min_time_between_resolutions_ms"])) / 1000


def health_services() -> tuple[str, ...]:
    return SERVICES


def setting_names() -> set[str]:
    """Every environment variable that a program reads."""
    return {
        f"{settings.model_config['env_prefix']}{field.upper()}"
        for settings in SETTINGS
        for field in settings.model_fields
    }
