"""The URL that says where a Redis is and how it is spoken to: the same for the gateway, the jobs and Feast.

docs/settings.md, "Redis", explains each part.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from serving.errors import SettingsError

SCHEMES = ("unix://", "redis://", "rediss://", "redis+cluster://", "rediss+cluster://")
PORT = 6379
# What may stand behind the question mark.
DB, PASSWORD_FILE, PASSWORD_ENV = "db", "password_file", "password_env"
TLS_FILES: Mapping[str, str] = {  # and what redis-py calls it
    "ca_file": "ssl_ca_certs",
    "certificate_file": "ssl_certfile",
    "key_file": "ssl_keyfile",
}
OPTIONS = (DB, PASSWORD_FILE, PASSWORD_ENV, *TLS_FILES)


@dataclass(frozen=True, slots=True, repr=False)
class RedisAddress:
    """Where a Redis is, and who asks."""

    nodes: tuple[tuple[str, int], ...]  # of a cluster some, from which the others are learned
    socket: str  # empty unless it is reached by a Unix socket
    cluster: bool
    tls: (
        Mapping[str, str] | None
    )  # files by the names that redis-py has for them; None: in the clear
    db: int
    username: str | None
    password: str | None
    password_file: Path | None  # read as each connection opens

    def __str__(self) -> str:
        """For messages: without credentials."""
        if self.socket:
            return f"unix://{self.socket}"
        scheme = ("rediss" if self.tls is not None else "redis") + ("+cluster" * self.cluster)
        hosts = ",".join(f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in self.nodes)
        return f"{scheme}://{hosts}" + ("" if self.cluster else f"/{self.db}")


def redis_address(url: str) -> RedisAddress:
    """What the URL says.

    Raises:
        SettingsError: it names no Redis, or a file or variable that isn't there; says what is wrong
            without the credentials in it.
    """
    try:
        return _address(url)
    except ValueError as error:
        raise SettingsError(str(error)) from None  # what caused it may hold the password


def _address(url: str) -> RedisAddress:
    if not url.startswith(SCHEMES):
        raise ValueError(
            f"a Redis URL must start with one of {', '.join(SCHEMES)}; is an environment variable in it "
            "not set?"
        )
    parts = urlsplit(url)
    options = _options(parts)
    scheme, _, form = parts.scheme.partition("+")
    tls = {TLS_FILES[name]: _file(path) for name, path in options.items() if name in TLS_FILES}
    if tls and scheme != "rediss":
        raise ValueError(
            f"{', '.join(set(options) & set(TLS_FILES))} needs rediss://, which is TLS"
        )
    if ("ssl_certfile" in tls) != ("ssl_keyfile" in tls):
        raise ValueError("certificate_file and key_file are given together or not at all")
    credentials, _, hosts = parts.netloc.rpartition("@")
    unix = scheme == "unix"
    return RedisAddress(
        nodes=() if unix else tuple(map(_node, hosts.split(","))),
        socket=unquote(parts.path) if unix else "",
        cluster=bool(form),
        tls=tls if scheme == "rediss" else None,
        db=_db(parts, options, cluster=bool(form)),
        **_credentials(credentials, options),
    )


def _options(parts: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := set(options) - set(OPTIONS):
        raise ValueError(
            f"a Redis URL has no option {', '.join(sorted(unknown))}; there are {', '.join(OPTIONS)}"
        )
    return options


def _node(host: str) -> tuple[str, int]:
    try:
        one = urlsplit(f"//{host}")
        name, port = one.hostname, one.port or PORT
    except ValueError:
        name, port = None, 0
    if not name:
        raise ValueError(f"{host!r} in a Redis URL is not host or host:port")
    return name, port


def _db(parts: SplitResult, options: Mapping[str, str], *, cluster: bool) -> int:
    path = "" if parts.scheme == "unix" else parts.path.strip("/")
    given = options.get(DB) or path or "0"
    if not (given.isascii() and given.isdecimal()):
        raise ValueError(f"{given!r} in a Redis URL is no number of a database")
    if cluster and int(given):
        raise ValueError("a Redis cluster has database 0 alone")
    return int(given)


def _credentials(given: str, options: Mapping[str, str]) -> dict[str, Any]:
    username, _, password = map(unquote, given.partition(":"))
    ways = [bool(password), PASSWORD_FILE in options, PASSWORD_ENV in options]
    if sum(ways) > 1:
        raise ValueError(f"a Redis URL has one of password, {PASSWORD_FILE} and {PASSWORD_ENV}")
    if variable := options.get(PASSWORD_ENV):
        password = os.environ.get(variable, "")
        if not password:
            raise ValueError(f"{PASSWORD_ENV} of a Redis URL names {variable}, which is not set")
    file = options.get(PASSWORD_FILE)
    return {
        "username": username or None,
        "password": password or None,
        "password_file": Path(_file(file)) if file is not None else None,
    }


def _file(path: str) -> str:
    if not Path(path).is_file():
        raise ValueError(f"a Redis URL names {path!r}, which is no file")
    return path
