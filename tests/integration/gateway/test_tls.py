"""The gateway behind a certificate, asking callers for theirs."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from recserve.client import Client, Surface, Tls, Unavailable

from tests.fakes.certificates import DAY, Authority
from tests.integration.gateway.running import PATIENCE_S, Gateway, launched

AUTHORITY, STRANGER = Authority(), Authority()
NAME = "gateway.shop.example"
SERVER, CALLER, OTHER = AUTHORITY.sign(NAME), AUTHORITY.sign("caller"), STRANGER.sign("caller")


def files(folder: Path, key: bytes = SERVER.key) -> dict[str, str]:
    """The settings of the server's certificate."""
    (folder / "gateway.crt").write_bytes(SERVER.certificate)
    (folder / "gateway.key").write_bytes(key)
    names = {"TLS_CERTIFICATE_FILE": "gateway.crt", "TLS_KEY_FILE": "gateway.key"}
    return {variable: str(folder / name) for variable, name in names.items()}


@pytest.fixture
def gateway(settings: dict[str, str], tmp_path: Path) -> Iterator[Gateway]:
    """It takes only callers with a certificate of the authority."""
    (tmp_path / "ca.crt").write_bytes(AUTHORITY.certificate)
    mutual = {"TLS_CLIENT_CA_FILE": str(tmp_path / "ca.crt"), "WORKERS": "1"}
    with launched(settings | files(tmp_path) | mutual, tmp_path) as running:
        running.wait_serving(1)
        yield running


def asked(gateway: Gateway, tls: Tls) -> int:
    """How many items came back."""
    with Client(gateway.address, tls=tls, timeout_s=PATIENCE_S) as client:
        return len(client.recommend(Surface.PRODUCT, page_size=5).items)


def test_only_callers_with_a_certificate_of_the_authority_are_answered(gateway: Gateway) -> None:
    trusting = {"root_certificates": AUTHORITY.certificate, "server_name": NAME}
    ours = {"client_certificate": CALLER.certificate, "client_key": CALLER.key}
    theirs = {"client_certificate": OTHER.certificate, "client_key": OTHER.key}
    assert asked(gateway, Tls(**trusting, **ours)) == 5
    for of in ("server", "callers"):
        left_s = gateway.figure("recserve_certificate_end_seconds", certificate=of) - time.time()
        assert 0 < left_s < DAY.total_seconds()
    for refused in (
        Tls(**trusting),
        Tls(**trusting, **theirs),
        Tls(root_certificates=STRANGER.certificate, server_name=NAME, **ours),
    ):
        with pytest.raises(Unavailable):
            asked(gateway, refused)


def test_a_key_that_is_none_stops_the_start(settings: dict[str, str], tmp_path: Path) -> None:
    with launched(settings | files(tmp_path, key=b"no key"), tmp_path) as running:
        assert running.process.wait(PATIENCE_S) == 1
        assert "RECSERVE_GATEWAY_TLS_KEY_FILE are no PEM pair" in running.said()
