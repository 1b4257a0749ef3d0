"""The options that every command shares: where the service is and how to reach it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from recserve.client.channels import Tls
from recserve.client.cli.exits import failing_clearly
from recserve.client.cli.options import folded
from recserve.client.clients import Client
from recserve.client.sending import DEFAULT_TIMEOUT_S

PEM = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Connection:
    """As the options say."""

    endpoint: str
    plaintext: bool
    tls_ca: Path | None
    tls_cert: Path | None
    tls_key: Path | None
    tls_server_name: str | None
    timeout: float

    @contextmanager
    def client(self) -> Iterator[Client]:
        """What fails inside ends the command."""
        with (
            failing_clearly(self.endpoint),
            Client(
                self.endpoint,
                tls=self._tls(),
                plaintext=self.plaintext,
                timeout_s=self.timeout,
            ) as client,
        ):
            yield client

    def _tls(self) -> Tls | None:
        if not (self.tls_ca or self.tls_cert or self.tls_key or self.tls_server_name):
            return None
        return Tls(
            root_certificates=_content(self.tls_ca),
            client_certificate=_content(self.tls_cert),
            client_key=_content(self.tls_key),
            server_name=self.tls_server_name,
        )


def _content(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()


connected = folded(
    "connection",
    Connection,
    click.option(
        "--endpoint",
        default="127.0.0.1:50051",
        show_default=True,
        envvar="RECSERVE_ENDPOINT",
        show_envvar=True,
        metavar="HOST:PORT",
        help="The gateway, or any target that gRPC knows.",
    ),
    click.option(
        "--plaintext",
        is_flag=True,
        help="No TLS although the gateway is elsewhere. On this machine it is plaintext anyway.",
    ),
    click.option("--tls-ca", type=PEM, help="Authorities to trust, PEM; default: gRPC's own."),
    click.option("--tls-cert", type=PEM, help="Client certificate for mutual TLS, PEM."),
    click.option("--tls-key", type=PEM, help="Its key, PEM."),
    click.option("--tls-server-name", metavar="NAME", help="What the server's certificate holds."),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=DEFAULT_TIMEOUT_S,
        show_default=True,
        metavar="SECONDS",
        help="The deadline of a call with its retries.",
    ),
)
