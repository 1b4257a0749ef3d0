"""What is sent readable, and what is not."""

import pytest
from recserve.client import Client, Tls
from recserve.client.channels import is_loopback, target
from recserve.client.service_config import service_config

CONFIG = service_config(None)


@pytest.mark.parametrize(
    "endpoint",
    [
        "127.0.0.1:50051",
        "127.8.9.10:1",
        "localhost:50051",
        "localhost",
        "[::1]:50051",
        "unix:/run/recserve.sock",
        "unix:///run/recserve.sock",
        "dns:///localhost:50051",
        "ipv4:127.0.0.1:1,127.0.0.2:2",
        "ipv6:[::1]:50051",
    ],
)
def test_what_stays_on_this_machine_is_plaintext(endpoint: str) -> None:
    assert is_loopback(endpoint)
    assert target(endpoint, None, CONFIG, plaintext=False).credentials is None


@pytest.mark.parametrize(
    "endpoint",
    [
        "gateway:50051",
        "gateway",
        "10.0.0.1:50051",
        "localhost.example:50051",
        "127.0.0.1.example:50051",
        "dns:///gateway.shop.svc:50051",
        "dns://127.0.0.1:53/gateway:50051",
        "ipv4:127.0.0.1:1,10.0.0.1:2",
        "[2001:db8::1]:50051",
        "xds:///localhost",
    ],
)
def test_what_leaves_it_is_encrypted(endpoint: str) -> None:
    assert not is_loopback(endpoint)
    assert target(endpoint, None, CONFIG, plaintext=False).credentials is not None


def test_plaintext_elsewhere_has_to_be_said() -> None:
    assert target("gateway:50051", None, CONFIG, plaintext=True).credentials is None


def test_tls_on_this_machine_may_be_said() -> None:
    found = target("localhost:1", Tls(server_name="shop.example"), CONFIG, plaintext=False)
    assert found.credentials is not None
    assert ("grpc.ssl_target_name_override", "shop.example") in found.options


def test_plaintext_and_tls_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="plaintext and tls exclude each other"):
        Client("gateway:50051", tls=Tls(), plaintext=True)


def test_an_empty_endpoint_is_refused() -> None:
    with pytest.raises(ValueError, match="endpoint is empty; give host:port"):
        Client("")


@pytest.mark.parametrize("alone", [{"client_certificate": b"x"}, {"client_key": b"x"}])
def test_a_certificate_and_its_key_go_together(alone: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="client_certificate and client_key go together"):
        Tls(**alone)  # type: ignore[arg-type]
