"""`python -m serving.app`: the gateway's supervisor; settings in, workers, `/livez`, `/readyz`, `/metrics`.

The calls themselves are answered by the workers (serving/process/worker.py), which share the gRPC port.
"""

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from serving.errors import RecserveError, SettingsError
from serving.process.admin import http_server
from serving.process.logs import log_to_stderr
from serving.process.pages import gateway_pages
from serving.process.supervisor import Supervisor
from serving.settings import PREFIX, GatewaySettings, read_settings

KEY_BYTES = 32

log = logging.getLogger("serving.app")


def main() -> int:
    """The exit status: 0 after a drain, 1 if the gateway can't start or can't be kept running."""
    try:
        settings = read_settings()
        log_to_stderr(settings.log_level)
        asyncio.run(run(settings))
    except RecserveError as error:
        print(f"gateway: {error}", file=sys.stderr)  # noqa: T201 - the last word to a person
        return 1
    return 0


async def run(settings: GatewaySettings) -> None:
    """Until SIGTERM or SIGINT, and then until every worker has drained.

    Raises:
        SettingsError: an address is taken or none of this machine's.
        GaveUp: no worker can be kept running.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(_reserved(settings.host, settings.port))
        folder = stack.enter_context(_run_folder(settings.run_dir))
        metrics = _empty_metrics(folder)
        supervisor = Supervisor(
            settings.workers,
            _worker_environment(settings, folder, metrics),
            settings.heartbeat_timeout_s,
            settings.drain_s,
            buried=partial(mark_process_dead, path=str(metrics)),
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, supervisor.stop)
        pages = gateway_pages(supervisor, metrics)
        try:
            await stack.enter_async_context(http_server(settings.host, settings.http_port, pages))
        except OSError as error:
            raise _no_address("HTTP_PORT", settings.host, settings.http_port, error) from error
        if settings.user_hash_key_file is None:
            log.warning(
                "no %sUSER_HASH_KEY_FILE: tokens hold in this gateway alone, by a key in %s",
                PREFIX,
                folder,
            )
        log.info("calls are answered on %s:%d", settings.host, settings.port)
        log.info("%s are on %s:%d", ", ".join(pages), settings.host, settings.http_port)
        await supervisor.run()


@contextmanager
def _reserved(host: str, port: int) -> Iterator[None]:
    """Holds the port for the workers, who share it; the socket never listens, so it gets no calls."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as alone:  # fails where anyone listens, sharing or not
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
            alone.listen(1)
        held = socket.socket(family, kind)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
    except OSError as error:
        raise _no_address("PORT", host, port, error) from error
    with held:
        yield


def _no_address(variable: str, host: str, port: int, error: OSError) -> SettingsError:
    if isinstance(error, socket.gaierror):
        return SettingsError(f"{PREFIX}HOST: {host} is no address here: {error.strerror}")
    reason = os.strerror(error.errno) if error.errno else str(error)
    return SettingsError(
        f"{PREFIX}{variable}: can't listen on {host}:{port} ({reason}); "
        "stop what uses it or choose another port"
    )


@contextmanager
def _run_folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is None:
        with tempfile.TemporaryDirectory(prefix="recserve-gateway-") as made:
            yield Path(made)
    else:
        wanted.mkdir(parents=True, exist_ok=True)
        yield wanted


def _empty_metrics(folder: Path) -> Path:
    """The folder of the workers' figures, without those of an earlier run."""
    metrics = folder / "gateway-metrics"
    metrics.mkdir(exist_ok=True)
    for old in metrics.glob("*.db"):
        old.unlink()
    return metrics


def _worker_environment(
    settings: GatewaySettings, folder: Path, metrics: Path
) -> Mapping[str, str]:
    """What all workers share, whenever they start.

    They hash users and sign tokens by one key: the operator's, or that of the folder. Links to what isn't
    followed are resolved here, once: else a worker that is replaced would open what was exported meanwhile.
    """
    environment = os.environ | {
        "PROMETHEUS_MULTIPROC_DIR": str(metrics.resolve()),
        f"{PREFIX}BUNDLE": str(settings.bundle.resolve()),
    }
    if settings.search_encoder is not None:
        environment[f"{PREFIX}SEARCH_ENCODER"] = str(settings.search_encoder.resolve())
    if settings.user_hash_key_file is None:
        environment[f"{PREFIX}USER_HASH_KEY_FILE"] = str(_key_of(folder.resolve()))
    return environment


def _key_of(folder: Path) -> Path:
    """The file of the key that was made for the folder, now or before."""
    key_file = folder / "gateway-user-hash.key"
    if not key_file.exists():
        new = folder / f".{key_file.name}.new"
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_text(secrets.token_hex(KEY_BYTES))
        new.replace(key_file)
    return key_file


if __name__ == "__main__":
    sys.exit(main())
