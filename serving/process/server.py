"""The gRPC server of a worker: the services, health and reflection on a port that workers share."""

from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from recserve.v1 import event_service_pb2_grpc as event_stubs
from recserve.v1 import recommendation_service_pb2_grpc as stubs
from recserve.v1 import search_service_pb2_grpc as search_stubs
from recserve.v1 import status_service_pb2_grpc as status_stubs

from serving.errors import SettingsError
from serving.process.admission import Admission
from serving.process.certificates import first_end_s
from serving.process.health import PUBLIC, Health
from serving.rpc.calls import FULL_NAMES
from serving.settings import PREFIX, GatewaySettings
from serving.telemetry import Metrics

LARGEST_MESSAGE = 4 << 20  # bytes that gRPC takes in at all: its default, on either side
LARGEST_ANSWER = 4 << 20
PING_MS = 10_000  # callers may ask so often whether the connection lives
HEALTH = "grpc.health.v1.Health"
Code = grpc.StatusCode
COUNTED = (  # what alerts are about, and what they are measured against
    *(Code.OK, Code.RESOURCE_EXHAUSTED),
    *(Code.INTERNAL, Code.UNKNOWN, Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED),
)


@dataclass(frozen=True, slots=True)
class Servicers:
    """One for each public service."""

    recommendation: stubs.RecommendationServiceServicer
    event: event_stubs.EventServiceServicer
    search: search_stubs.SearchServiceServicer
    status: status_stubs.StatusServiceServicer


def make_server(
    servicers: Servicers,
    health: Health,
    settings: GatewaySettings,
    metrics: Metrics,
) -> grpc.aio.Server:
    """Bound to its port, not yet started.

    Connections end after their maximum age, give or take a tenth, so that callers find new workers;
    calls under way then have the drain's time to finish.
    """
    server = grpc.aio.server(
        interceptors=(Admission(settings.max_concurrent, metrics),),
        options=(
            ("grpc.so_reuseport", 1),
            ("grpc.max_connection_age_ms", round(settings.max_connection_age_s * 1000)),
            ("grpc.max_connection_age_grace_ms", round(settings.drain_s * 1000)),
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.max_send_message_length", LARGEST_ANSWER),
            ("grpc.http2.min_ping_interval_without_data_ms", PING_MS),
            ("grpc.keepalive_permit_without_calls", 1),
        ),
    )
    stubs.add_RecommendationServiceServicer_to_server(servicers.recommendation, server)  # type: ignore[no-untyped-call]
    event_stubs.add_EventServiceServicer_to_server(servicers.event, server)  # type: ignore[no-untyped-call]
    search_stubs.add_SearchServiceServicer_to_server(servicers.search, server)  # type: ignore[no-untyped-call]
    status_stubs.add_StatusServiceServicer_to_server(servicers.status, server)  # type: ignore[no-untyped-call]
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    metrics.expect(FULL_NAMES, (code.name for code in COUNTED))
    reflection.enable_server_reflection((*PUBLIC, HEALTH, reflection.SERVICE_NAME), server)
    _listen(server, settings, metrics)
    return server


def _listen(server: grpc.aio.Server, settings: GatewaySettings, metrics: Metrics) -> None:
    address = _address(settings.host, settings.port)
    if settings.tls_certificate_file is None or settings.tls_key_file is None:
        server.add_insecure_port(address)
        return
    key, chain = settings.tls_key_file.read_bytes(), settings.tls_certificate_file.read_bytes()
    ca = settings.tls_client_ca_file.read_bytes() if settings.tls_client_ca_file else None
    credentials = grpc.ssl_server_credentials(
        [(key, chain)], ca, require_client_auth=ca is not None
    )
    try:
        server.add_secure_port(address, credentials)
    except RuntimeError as error:
        raise SettingsError(
            f"{PREFIX}TLS_CERTIFICATE_FILE and {PREFIX}TLS_KEY_FILE are no PEM pair that gRPC takes"
        ) from error
    metrics.certificate("server", first_end_s(chain))
    if ca is not None:
        metrics.certificate("callers", first_end_s(ca))


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
