"""Redis over TLS and with passwords: by itself and as a cluster, for jobs and for the gateway's doors."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from serving.clients.events import RedisEvents
from serving.clients.redis import RedisRows
from serving.errors import Failed, OutsideError, SettingsError, Unavailable
from serving.features.fields import view_layout
from serving.features.redis_keys import row_key
from serving.features.store import RowStore
from serving.triton.ports import free_ports
from tests.fakes.certificates import Authority
from tests.fakes.redis_servers import (
    HOST,
    Files,
    cluster,
    server,
    tls_files,
    tls_proxy,
)

LAYOUT = view_layout("view", [{"name": "points", "dtype": "int64"}])
KEYS = np.arange(200, dtype=np.int64)
LONG_S = 30.0
USER, PASSWORD = "shop", "s3cret:@/word"


@dataclass(frozen=True)
class Secured:
    """Where they listen; the first asks for a user's password, the others don't."""

    plain: int
    tls: int
    mutual: int
    clustered: list[int]
    files: Files
    stranger: Path  # the certificate of another authority
    password_file: Path


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder, authority = tmp_path_factory.mktemp("secured"), Authority()
    files, stranger = tls_files(folder, authority), folder / "stranger.pem"
    stranger.write_bytes(Authority().certificate)
    password_file = folder / "password"
    password_file.write_text(f"{PASSWORD}\n")
    with ExitStack() as stack:
        plain, tls, mutual, *clustered = free_ports(6)
        acl = ["--user", USER, "on", f">{PASSWORD}", "~*", "+@all", "--user", "default", "off"]
        stack.enter_context(server(folder / "plain", plain, *acl))
        stack.enter_context(tls_proxy(folder, authority, plain, tls))
        stack.enter_context(tls_proxy(folder, authority, plain, mutual, mutual=True))
        made = stack.enter_context(cluster(folder / "cluster", announced=clustered))
        for inner, outer in zip(made.ports, clustered, strict=True):
            stack.enter_context(tls_proxy(folder, authority, inner, outer))
        yield Secured(plain, tls, mutual, clustered, files, stranger, password_file)


@pytest.fixture
def urls(secured: Secured, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("TEST_REDIS_PASSWORD", PASSWORD)
    by_file = f"password_file={secured.password_file}"
    ca = f"ca_file={secured.files.ca}"
    own = f"certificate_file={secured.files.certificate}&key_file={secured.files.key}"
    nodes = ",".join(f"{HOST}:{port}" for port in secured.clustered[:2])
    return {
        "password in the URL": f"redis://{USER}:s3cret%3A%40%2Fword@{HOST}:{secured.plain}",
        "password in a file": f"redis://{USER}@{HOST}:{secured.plain}/0?{by_file}",
        "password in a variable": (
            f"redis://{USER}@{HOST}:{secured.plain}/3?password_env=TEST_REDIS_PASSWORD"
        ),
        "TLS": f"rediss://{USER}@{HOST}:{secured.tls}?{by_file}&{ca}",
        "mutual TLS": f"rediss://{USER}@{HOST}:{secured.mutual}?{by_file}&{ca}&{own}",
        "a cluster over TLS": f"rediss+cluster://{nodes}?{ca}",
    }


WAYS = (
    "password in the URL",
    "password in a file",
    "password in a variable",
    "TLS",
    "mutual TLS",
    "a cluster over TLS",
)


@pytest.mark.parametrize("way", WAYS)
async def test_jobs_write_and_doors_read(urls: dict[str, str], way: str) -> None:
    rows = LAYOUT.empty(len(KEYS))
    rows["points"] = KEYS
    with RowStore(urls[way], "shop") as store:
        store.write("view", "user_id", KEYS, rows)
        assert store.entities("user_id").tolist() == KEYS.tolist()
    door, events = RedisRows.from_url(urls[way]), RedisEvents.from_url(urls[way])
    try:
        found = await door.read([row_key("shop", "user_id", n, "view") for n in range(200)], LONG_S)
        await events.append("recserve:{shop}:request_log", [b"1"], 10, LONG_S)
    finally:
        await door.close()
        await events.close()
    assert [int(LAYOUT.read(one or b"")["points"]) for one in found] == KEYS.tolist()


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("redis://{host}:{plain}", Failed),
        ("redis://shop:wrong-secret@{host}:{plain}", Failed),
        ("rediss://shop:wrong-secret@{host}:{tls}?ca_file={stranger}", Unavailable),
        ("rediss://shop:wrong-secret@{host}:{mutual}?ca_file={ca}", OutsideError),
        ("rediss+cluster://shop:wrong-secret@{host}:{one}?ca_file={stranger}", OutsideError),
    ],
    ids=["no password", "wrong password", "other authority", "no certificate", "cluster"],
)
async def test_who_may_not_is_told_so_without_the_password(
    secured: Secured, url: str, error: type[OutsideError]
) -> None:
    whole = url.format(
        host=HOST,
        plain=secured.plain,
        tls=secured.tls,
        mutual=secured.mutual,
        one=secured.clustered[0],
        stranger=secured.stranger,
        ca=secured.files.ca,
    )
    with pytest.raises(error, match=r"127\.0\.0\.1") as refused:
        RowStore(whole, "shop").entities("user_id")
    assert "secret" not in str(refused.value)
    door = RedisRows.from_url(whole)
    with pytest.raises(OutsideError) as refused:
        await door.read([b"any"], LONG_S)
    await door.close()
    assert "secret" not in str(refused.value)


def test_a_password_that_is_replaced_is_read_anew(secured: Secured, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("wrong")
    url = f"redis://{USER}@{HOST}:{secured.plain}/4?password_file={file}"
    with RowStore(url, "shop") as store:
        with pytest.raises(Failed):
            store.entities("user_id")
        file.write_text(PASSWORD)
        assert store.entities("user_id").tolist() == []
        file.unlink()
    with pytest.raises(SettingsError, match="which is no file"):
        RowStore(url, "shop")
