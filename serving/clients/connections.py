"""Makes the clients of Redis: of one server or a cluster, in the clear or over TLS, as the URL says."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from typing import Any, TypeAlias

import redis as blocking
from redis import asyncio as redis
from redis import exceptions as foreign
from redis.asyncio.cluster import ClusterNode as AsyncClusterNode
from redis.asyncio.connection import SSLConnection as AsyncSSLConnection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.cluster import ClusterNode
from redis.credentials import CredentialProvider
from redis.retry import Retry

from serving.errors import Failed, OutsideError, TimedOut, Unavailable
from serving.redis_url import RedisAddress, redis_address

Client: TypeAlias = "blocking.Redis[bytes] | blocking.RedisCluster[bytes]"
# Every error that redis-py or the socket below it raises; the first that fits holds.
ERRORS: tuple[tuple[type[Exception], type[OutsideError]], ...] = (
    (TimeoutError, TimedOut),
    (foreign.TimeoutError, TimedOut),
    (foreign.AuthenticationError, Failed),
    (foreign.AuthorizationError, Failed),
    (foreign.ConnectionError, Unavailable),
    (foreign.ClusterError, Unavailable),  # also of a slot that is being moved, as the next
    (foreign.AskError, Unavailable),
    (foreign.TryAgainError, Unavailable),
    (foreign.SlotNotCoveredError, Unavailable),
    (foreign.RedisError, Failed),
    (foreign.RedisClusterException, Failed),
    (foreign.ChildDeadlockedError, Failed),
    (foreign.IncorrectPolicyType, Failed),  # type: ignore[attr-defined]  # newer than the stubs
    (OSError, Unavailable),
)
FOREIGN = tuple(theirs for theirs, _ in ERRORS)
RETRIES = 5  # of a job; it waits for up to 3 s in all
BACKOFF = ExponentialBackoff(cap=1.0, base=0.1)


def translated(error: Exception) -> OutsideError:
    """Ours for one of redis-py's."""
    ours = next(ours for theirs, ours in ERRORS if isinstance(error, theirs))
    return ours(f"Redis: {str(error) or type(error).__name__}")


@contextmanager
def speaking(address: RedisAddress) -> Iterator[None]:
    """Raises ours for redis-py's errors, with the address and without credentials."""
    try:
        yield
    except FOREIGN as error:
        ours = next(ours for theirs, ours in ERRORS if isinstance(error, theirs))
        said = {
            TimedOut: f"Redis at {address} did not answer in time",
            Unavailable: f"no Redis answers at {address} ({error})",
        }.get(ours, f"Redis at {address} refused: {error}")
        raise ours(said) from error


def connect(url: str, timeout_s: float) -> Client:
    """A client for jobs; nothing is opened before the first command, unless it is of a cluster.

    Raises:
        SettingsError: the URL names no Redis.
        OutsideError: no node of the cluster answers.
    """
    address = redis_address(url)
    retry = Retry(BACKOFF, RETRIES)
    options = _options(address) | {"socket_timeout": timeout_s, "retry": retry}
    if not address.cluster:
        return blocking.Redis(**options, db=address.db, **_place(address))
    with speaking(address):
        return blocking.RedisCluster(
            startup_nodes=[ClusterNode(host, port) for host, port in address.nodes],
            **options,
        )


def mget(client: Client, names: Sequence[bytes]) -> list[bytes | None]:
    """The values in the order of their names: of a cluster slot by slot, so not of one moment."""
    if isinstance(client, blocking.RedisCluster):
        found: list[bytes | None] = client.mget_nonatomic(names)  # type: ignore[no-untyped-call]
        return found
    return client.mget(names)


def describe(client: Client) -> dict[str, Mapping[str, Any]]:
    """What each server says of itself: by host and port the primaries of a cluster, "" where it is one.

    Raises:
        One of FOREIGN: one does not answer, or doesn't tell this user.
    """
    if isinstance(client, blocking.RedisCluster):
        return {one.name: client.info(target_nodes=one) for one in client.get_primaries()}
    return {"": client.info()}


class Connections:
    """Of one door: at most `limit` at a time, of a cluster to each node; who finds none waits for one.

    `retries`: how often what fails by its connection is sent again.
    """

    def __init__(self, url: str, limit: int, retries: int) -> None:
        """Raises SettingsError if the URL names no Redis; nothing is opened yet."""
        address = redis_address(url)
        retry = AsyncRetry(NoBackoff(), retries)
        self._cluster = address.cluster
        self.client: (
            Any  # redis.Redis or redis.RedisCluster, whose types are of an older generation
        )
        if address.cluster:
            self._room: AbstractAsyncContextManager[Any] = asyncio.Semaphore(limit)
            self.client = redis.RedisCluster(
                startup_nodes=[AsyncClusterNode(host, port) for host, port in address.nodes],
                retry=retry,  # type: ignore[arg-type]  # as above
                max_connections=limit + 1,  # and one to learn the nodes by
                **_options(address),
            )
            return
        self._room = nullcontext()
        pool = redis.BlockingConnectionPool(
            max_connections=limit, timeout=None, retry=retry, **_pool_options(address)
        )
        self.client = redis.Redis(connection_pool=pool)

    @property
    def pool(self) -> "redis.ConnectionPool[Any] | None":
        """Makes the connections of one server; None of a cluster."""
        return None if self._cluster else self.client.connection_pool

    def room(self) -> AbstractAsyncContextManager[Any]:
        """Around every use of the client."""
        return self._room

    @asynccontextmanager
    async def pipeline(self) -> AsyncIterator[Any]:
        """Commands that go together, if not at once."""
        async with self._room, self.client.pipeline(transaction=False) as pipe:
            yield pipe

    async def mget(self, names: Sequence[bytes]) -> list[bytes | None]:
        """As the function of that name."""
        if self._cluster:
            return list(await self.client.mget_nonatomic(names))
        found: list[bytes | None] = await self.client.mget(names)
        return found

    async def close(self) -> None:
        if self._cluster:
            await self.client.aclose()
        else:
            await self.client.connection_pool.disconnect()


class FilePassword(CredentialProvider):
    """Reads the file as each connection opens, so that a password may be replaced."""

    def __init__(self, address: RedisAddress) -> None:
        assert address.password_file
        self._username, self._file = address.username, address.password_file

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        try:
            password = self._file.read_text().strip()
        except OSError as error:
            raise foreign.AuthenticationError(f"the password of Redis: {error}") from error
        return (self._username, password) if self._username else (password,)


def _options(address: RedisAddress) -> dict[str, Any]:
    """Who asks, and over what."""
    options: dict[str, Any] = {} if address.tls is None else {"ssl": True, **address.tls}
    if address.password_file:
        return options | {"credential_provider": FilePassword(address)}
    return options | {"username": address.username, "password": address.password}


def _place(address: RedisAddress) -> Mapping[str, Any]:
    if address.socket:
        return {"unix_socket_path": address.socket}
    host, port = address.nodes[0]
    return {"host": host, "port": port}


def _pool_options(address: RedisAddress) -> dict[str, Any]:
    options = _options(address) | {"db": address.db}
    if address.socket:
        kind = {"connection_class": redis.UnixDomainSocketConnection, "path": address.socket}
        return options | kind
    if options.pop("ssl", False):
        options["connection_class"] = AsyncSSLConnection
    return options | dict(_place(address))
