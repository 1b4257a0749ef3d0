"""Encrypted calls to a real server."""

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from recserve.client import Tls, Unavailable

from tests.fakes.certificates import Authority
from tests.fakes.scripted_gateway import ScriptedGateway, serving
from tests.unit.client.asking import KINDS, asked

both = pytest.mark.parametrize("kind", KINDS)
NAME = "gateway.shop.example"
AUTHORITY = Authority()
SERVER = AUTHORITY.sign(NAME)
CALLER = AUTHORITY.sign("caller")
TRUSTING = {"root_certificates": AUTHORITY.certificate, "server_name": NAME}


@pytest.fixture
def encrypted(gateway: ScriptedGateway) -> Iterator[str]:
    pairs = [(SERVER.key, SERVER.certificate)]
    with serving(gateway, grpc.ssl_server_credentials(pairs)) as endpoint:
        yield endpoint


@pytest.fixture
def mutual(gateway: ScriptedGateway) -> Iterator[str]:
    pairs = [(SERVER.key, SERVER.certificate)]
    credentials = grpc.ssl_server_credentials(
        pairs, AUTHORITY.certificate, require_client_auth=True
    )
    with serving(gateway, credentials) as endpoint:
        yield endpoint


@both
async def test_a_trusted_server_answers(kind: type[Any], encrypted: str) -> None:
    found = await asked(kind, encrypted, _status, tls=Tls(**TRUSTING), timeout_s=30)
    assert found.project == "shop"


@both
async def test_a_server_of_another_authority_is_not_asked(
    kind: type[Any], encrypted: str, gateway: ScriptedGateway
) -> None:
    tls = Tls(root_certificates=Authority().certificate, server_name=NAME)
    with pytest.raises(Unavailable):
        await asked(kind, encrypted, _status, tls=tls, timeout_s=30)
    assert gateway.asked == []


@both
async def test_a_server_of_another_name_is_not_asked(
    kind: type[Any], encrypted: str, gateway: ScriptedGateway
) -> None:
    tls = Tls(root_certificates=AUTHORITY.certificate, server_name="other.example")
    with pytest.raises(Unavailable):
        await asked(kind, encrypted, _status, tls=tls, timeout_s=30)
    assert gateway.asked == []


@both
async def test_a_caller_proves_itself(kind: type[Any], mutual: str) -> None:
    tls = Tls(client_certificate=CALLER.certificate, client_key=CALLER.key, **TRUSTING)
    found = await asked(kind, mutual, _status, tls=tls, timeout_s=30)
    assert found.project == "shop"


@both
async def test_a_caller_without_proof_is_not_heard(
    kind: type[Any], mutual: str, gateway: ScriptedGateway
) -> None:
    with pytest.raises(Unavailable):
        await asked(kind, mutual, _status, tls=Tls(**TRUSTING), timeout_s=30)
    assert gateway.asked == []


def _status(client: Any) -> Any:
    return client.status()
