from pathlib import Path

import pytest
from pydantic import ValidationError

from serving.errors import SettingsError
from serving.settings import PREFIX, read_settings


@pytest.fixture
def needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sets what has no default."""
    given = {
        "BUNDLE": str(tmp_path),
        "SNAPSHOT": str(tmp_path),
        "REDIS_URL": "unix:///tmp/redis.sock",
        "TRITON_ENDPOINTS": "127.0.0.1:8001, triton:8001",
    }
    for name, value in given.items():
        monkeypatch.setenv(PREFIX + name, value)
    return tmp_path


def test_what_is_not_set_has_the_documented_default(needed: Path) -> None:
    settings = read_settings()
    assert (settings.host, settings.port, settings.http_port) == ("127.0.0.1", 50051, 9464)
    assert (settings.workers, settings.max_concurrent) == (2, 256)
    assert (settings.default_deadline_ms, settings.drain_s) == (500, 10)
    assert settings.max_connection_age_s == 300
    assert settings.clock_file is None
    assert settings.user_hash_key_file is None


def test_endpoints_are_separated_by_commas(needed: Path) -> None:
    assert read_settings().triton_endpoints == ("127.0.0.1:8001", "triton:8001")


def test_settings_can_not_be_changed_after_reading(needed: Path) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read_settings().port = 1


def test_all_problems_are_told_at_once_with_variable_value_and_limit(
    needed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(f"{PREFIX}REDIS_URL")
    monkeypatch.setenv(f"{PREFIX}PORT", "70000")
    monkeypatch.setenv(f"{PREFIX}WORKERS", "many")
    monkeypatch.setenv(f"{PREFIX}TRITON_ENDPOINTS", "triton")
    monkeypatch.setenv(f"{PREFIX}WORKRES", "3")
    with pytest.raises(SettingsError) as raised:
        read_settings()
    message = str(raised.value)
    assert "RECSERVE_GATEWAY_REDIS_URL is required and not set" in message
    assert "RECSERVE_GATEWAY_PORT" in message
    assert "65535" in message
    assert "'70000'" in message
    assert "RECSERVE_GATEWAY_WORKERS" in message
    assert "'many'" in message
    assert "'triton' is not host:port" in message
    assert "RECSERVE_GATEWAY_WORKRES is no setting" in message


def test_a_missing_bundle_is_one_clear_sentence(
    needed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = needed / "bundles" / "current"
    monkeypatch.setenv(f"{PREFIX}BUNDLE", str(missing))
    with pytest.raises(SettingsError) as raised:
        read_settings()
    assert str(raised.value).startswith(
        f"RECSERVE_GATEWAY_BUNDLE: {missing} is no folder; `make start` makes it"
    )


def test_a_password_in_the_address_of_redis_is_not_shown(
    needed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"{PREFIX}REDIS_URL", "http://user:secret@host")
    with pytest.raises(SettingsError) as raised:
        read_settings()
    assert "RECSERVE_GATEWAY_REDIS_URL: a Redis URL must start with one of unix://" in str(
        raised.value
    )
    assert "secret" not in str(raised.value)


def test_a_short_hash_key_is_refused(needed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = needed / "key"
    key.write_text("short\n")
    monkeypatch.setenv(f"{PREFIX}USER_HASH_KEY_FILE", str(key))
    with pytest.raises(SettingsError, match="a key of 5 bytes, at least 16 are needed"):
        read_settings()


def test_a_certificate_needs_its_key_and_a_check_of_callers_needs_both(
    needed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = needed / "some.pem"
    file.write_text("PEM")
    monkeypatch.setenv(f"{PREFIX}TLS_CLIENT_CA_FILE", str(file))
    with pytest.raises(SettingsError, match=r"TLS_CERTIFICATE_FILE and .*TLS_KEY_FILE must be too"):
        read_settings()
    monkeypatch.setenv(f"{PREFIX}TLS_CERTIFICATE_FILE", str(file))
    with pytest.raises(SettingsError, match="so RECSERVE_GATEWAY_TLS_KEY_FILE must be too"):
        read_settings()
    monkeypatch.setenv(f"{PREFIX}TLS_KEY_FILE", str(file))
    assert read_settings().tls_key_file == file
