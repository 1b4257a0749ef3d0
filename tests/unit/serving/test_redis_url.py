from pathlib import Path

import pytest

from serving.errors import SettingsError
from serving.redis_url import redis_address


def test_one_server_has_port_database_and_credentials() -> None:
    address = redis_address("redis://me:p%40ss@cache/2")
    assert (address.nodes, address.db) == ((("cache", 6379),), 2)
    assert (address.username, address.password) == ("me", "p@ss")
    assert not address.cluster
    assert address.tls is None


def test_a_socket_may_have_a_database() -> None:
    address = redis_address("unix:///run/a%20b.sock?db=1")
    assert (address.socket, address.db, address.nodes) == ("/run/a b.sock", 1, ())


def test_a_cluster_has_several_nodes() -> None:
    address = redis_address("redis+cluster://a:7000,b,[::1]:7001")
    assert address.cluster
    assert address.nodes == (("a", 7000), ("b", 6379), ("::1", 7001))
    assert str(address) == "redis+cluster://a:7000,b:6379,[::1]:7001"


def test_tls_takes_files_that_are_there(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()
    address = redis_address(f"rediss://cache?ca_file={ca}")
    assert address.tls == {"ssl_ca_certs": str(ca)}


def test_a_password_may_stand_in_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACHE_PASSWORD", "secret")
    address = redis_address("redis+cluster://me@a?password_env=CACHE_PASSWORD")
    assert (address.username, address.password) == ("me", "secret")
    assert "secret" not in f"{address} {address!r}"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("${REDIS_URL}", "must start with one of unix://"),
        ("http://me:secret@host", "must start with one of unix://"),
        ("redis://me:secret@", "is not host or host:port"),
        ("redis://me:secret@host:port", "is not host or host:port"),
        ("redis+cluster://me:secret@a,,b", "is not host or host:port"),
        ("redis://me:secret@host/one", "'one' in a Redis URL is no number of a database"),
        ("redis+cluster://me:secret@host/1", "a Redis cluster has database 0 alone"),
        ("redis://me:secret@host?ssl_ca_certs=a", "has no option ssl_ca_certs; there are db, pass"),
        ("rediss://me:secret@host?ca_file=/none", "names '/none', which is no file"),
        ("redis://me:secret@host?ca_file=/none", "names '/none', which is no file"),
        (
            "redis://me:secret@host?password_env=A",
            "one of password, password_file and password_env",
        ),
        ("redis://me@host?password_env=NOT_SET_ANYWHERE", "NOT_SET_ANYWHERE, which is not set"),
        ("redis://me@host?password_file=/none", "names '/none', which is no file"),
    ],
)
def test_what_names_no_redis_is_told_without_the_password(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as refused:
        redis_address(url)
    assert "secret" not in str(refused.value)


def test_a_certificate_needs_its_key_and_files_need_tls(tmp_path: Path) -> None:
    file = tmp_path / "a.pem"
    file.touch()
    with pytest.raises(SettingsError, match="are given together or not at all"):
        redis_address(f"rediss://host?certificate_file={file}")
    with pytest.raises(SettingsError, match="ca_file needs rediss://"):
        redis_address(f"redis://host?ca_file={file}")
