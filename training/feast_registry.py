"""Where Feast's registry is: a file of the state folder, or a database that several writers share.

A file is read, changed and written whole: of two writers one undoes what the other did. In a database each
object is a row, written in a transaction.
"""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from training.errors import RegistryError

POSTGRESQL, SQLITE = "postgresql+psycopg", "sqlite"
OPTIONS: Mapping[str, Mapping[str, Any]] = {  # of SQLAlchemy's create_engine
    POSTGRESQL: {"pool_pre_ping": True, "connect_args": {"connect_timeout": 10}},
    SQLITE: {"connect_args": {"timeout": 60}},  # seconds that a writer waits for another
}
APPLYING = 0x5EC5E12E  # which advisory lock: any number that nobody else of the database takes
APPLYING_S = 600  # that an apply waits for those before it


def checked(address: str) -> str:
    """The address itself.

    Raises:
        ValueError: it names no database, or holds a password; the message repeats nothing of it.
    """
    try:
        parts = urlsplit(address)
        wrong = _wrong(parts, parts.port)
    except ValueError:
        wrong = "no URL"
    if wrong:
        raise ValueError(
            f"{wrong}; name {POSTGRESQL}://<user>@<host>:<port>/<database>, without a password, which is "
            "PGPASSWORD's, or sqlite:////<absolute path>"
        ) from None
    return address


def _wrong(parts: SplitResult, port: int | None) -> str | None:
    if parts.password is not None or "password" in parse_qs(parts.query):
        return "the address holds a password"
    if parts.scheme == SQLITE:
        absolute = not parts.netloc and parts.path.startswith("//") and len(parts.path) > 2
        return None if absolute else "the path is not absolute"
    if parts.scheme != POSTGRESQL:
        return "no database of a kind that is known"
    if port == 0 or not parts.path.strip("/"):
        return "no database is named"
    return None


def feast_settings(address: str | None, state: Path) -> str | dict[str, Any]:
    """`registry` of feature_store.yaml; None is the state folder's own file."""
    if not address:
        return str(state / "feast" / "registry.db")
    options = OPTIONS[urlsplit(address).scheme]
    return {"registry_type": "sql", "path": address, "sqlalchemy_config_kwargs": dict(options)}


@contextmanager
def told(address: str | None) -> Iterator[None]:
    """Says what goes wrong with the database in one sentence.

    Raises:
        RegistryError: it can't be reached, or refuses.
    """
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError  # noqa: PLC0415 - as Feast, which is slow

    try:
        yield
    except SQLAlchemyError as error:
        said = str(error.orig if isinstance(error, DBAPIError) else error).strip()
        raise RegistryError(f"the feature registry {address}: {said.splitlines()[0]}") from error


@contextmanager
def applying(address: str | None) -> Iterator[None]:
    """Makes the tables, and lets one block at a time have the database.

    So that what is registered is all of one apply, in the order in which they came. Feast's own command
    doesn't ask for that: its rows are whole, but two of them with different definitions may mix.
    """
    if not address:
        yield
        return
    with _locked(address):
        yield


@contextmanager
def _locked(address: str) -> Iterator[None]:
    from feast.infra.registry.sql import metadata  # noqa: PLC0415
    from sqlalchemy import create_engine, text  # noqa: PLC0415

    parts = urlsplit(address)
    engine = create_engine(address, **OPTIONS[parts.scheme])
    try:
        if parts.scheme == SQLITE:
            with Path(f"{parts.path[1:]}.lock").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                metadata.create_all(engine)
                yield
            return
        with engine.begin() as held:  # the lock ends with the transaction, however that ends
            held.execute(text(f"SET LOCAL lock_timeout = '{APPLYING_S}s'"))
            held.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": APPLYING})
            metadata.create_all(engine)
            yield
    finally:
        engine.dispose()
