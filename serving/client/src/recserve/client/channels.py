"""Where the service is and how the way there is secured: TLS, unless it ends on this machine."""

import ipaddress
from dataclasses import dataclass
from typing import Any

import grpc
from recserve.client.service_config import ServiceConfig
from recserve.client.version import __version__

LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How to check the server and, with mutual TLS, how to prove who we are. All in PEM.

    Attributes:
        root_certificates: authorities to trust; None trusts those that gRPC carries.
        client_certificate: with `client_key`, shown to the server.
        server_name: the name that the server's certificate must hold, if not the endpoint's.

    Raises:
        ValueError: a certificate without its key, or the reverse.
    """

    root_certificates: bytes | None = None
    client_certificate: bytes | None = None
    client_key: bytes | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("client_certificate and client_key go together; give both or neither")


@dataclass(frozen=True, slots=True)
class Target:
    """What both kinds of channel are made of. Without credentials it is plaintext."""

    endpoint: str
    credentials: grpc.ChannelCredentials | None
    options: tuple[tuple[str, Any], ...]


def target(endpoint: str, tls: Tls | None, config: ServiceConfig, *, plaintext: bool) -> Target:
    """Plaintext only if it is said, or if the endpoint is on this machine and no `tls` is given.

    Raises:
        ValueError: there is no endpoint, or both `tls` and `plaintext`.
    """
    if not endpoint:
        raise ValueError("endpoint is empty; give host:port")
    if tls and plaintext:
        raise ValueError("plaintext and tls exclude each other; give one of them")
    options = _options(config)
    if plaintext or (tls is None and is_loopback(endpoint)):
        return Target(endpoint, None, options)
    tls = tls or Tls()
    if tls.server_name:
        options += (("grpc.ssl_target_name_override", tls.server_name),)
    credentials = grpc.ssl_channel_credentials(
        tls.root_certificates, tls.client_key, tls.client_certificate
    )
    return Target(endpoint, credentials, options)


def is_loopback(endpoint: str) -> bool:
    """Whether every address is this machine's own: 127.0.0.0/8, ::1, localhost or a Unix socket."""
    scheme, _, rest = endpoint.partition(":")
    if scheme in {"unix", "unix-abstract"}:
        return True
    if scheme in {"dns", "ipv4", "ipv6"} and not rest.isdecimal():
        endpoint = rest.rpartition("/")[2]
    return all(_is_own(address.strip()) for address in endpoint.split(","))


def _is_own(address: str) -> bool:
    host = _host(address)
    if host.lower() in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return False


def _host(address: str) -> str:
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.rpartition(":")[0] if address.count(":") == 1 else address


def _options(config: ServiceConfig) -> tuple[tuple[str, Any], ...]:
    return (
        ("grpc.service_config", config.text),
        ("grpc.primary_user_agent", f"recserve-client/{__version__}"),
        # A name may stand for several servers, which come and go: look again when a connection ends.
        ("grpc.dns_min_time_between_resolutions_ms", 1_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
    )
