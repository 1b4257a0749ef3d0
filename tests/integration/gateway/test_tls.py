"""The gateway behind a certificate, with and without one of the caller's."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from recserve.v1 import recommendation_service_pb2_grpc as stubs

from tests.integration.gateway.certificates import Authority
from tests.integration.gateway.running import ANONYMOUS, PATIENCE_S, Gateway, launched

AUTHORITY, STRANGER = Authority(), Authority("somebody else's authority")


@pytest.fixture
def gateway(settings: dict[str, str], tmp_path: Path) -> Iterator[Gateway]:
    """It takes only callers with a certificate of the authority."""
    certificate, key = AUTHORITY.issue("gateway").write(tmp_path, "gateway")
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.certificate)
    files = {
        "TLS_CERTIFICATE_FILE": str(certificate),
        "TLS_KEY_FILE": str(key),
        "TLS_CLIENT_CA_FILE": str(tmp_path / "ca.crt"),
    }
    with launched(settings | files | {"WORKERS": "1"}, tmp_path) as running:
        running.wait_serving(1)
        yield running


def asked(gateway: Gateway, credentials: grpc.ChannelCredentials) -> int:
    """How many items came back."""
    with grpc.secure_channel(gateway.address, credentials) as channel:
        stub = stubs.RecommendationServiceStub(channel)
        return len(stub.Recommend(ANONYMOUS, timeout=PATIENCE_S, wait_for_ready=False).items)


def test_only_callers_with_a_certificate_of_the_authority_are_answered(gateway: Gateway) -> None:
    ours, theirs = AUTHORITY.issue("caller"), STRANGER.issue("caller")
    known = grpc.ssl_channel_credentials(AUTHORITY.certificate, ours.key, ours.certificate)
    assert asked(gateway, known) == 5
    for refused in (
        grpc.ssl_channel_credentials(AUTHORITY.certificate),
        grpc.ssl_channel_credentials(AUTHORITY.certificate, theirs.key, theirs.certificate),
        grpc.ssl_channel_credentials(STRANGER.certificate, ours.key, ours.certificate),
    ):
        with pytest.raises(grpc.RpcError) as caught:
            asked(gateway, refused)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_key_that_is_none_stops_the_start(settings: dict[str, str], tmp_path: Path) -> None:
    certificate, key = AUTHORITY.issue("gateway").write(tmp_path, "gateway")
    key.write_text("no key")
    files = {"TLS_CERTIFICATE_FILE": str(certificate), "TLS_KEY_FILE": str(key)}
    with launched(settings | files, tmp_path) as running:
        assert running.process.wait(PATIENCE_S) == 1
        assert "RECSERVE_GATEWAY_TLS_KEY_FILE are no PEM pair" in running.said()
