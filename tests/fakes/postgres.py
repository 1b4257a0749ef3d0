"""A real PostgreSQL, where its programs are installed: Debian's package, or `initdb` on the PATH."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serving.triton.ports import free_ports
from tests.fakes.certificates import Authority

PASSWORD = "hunter2-of-the-registry"
DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
INITDB = shutil.which("initdb") or (str(DEBIAN[-1]) if DEBIAN else None)


def program(name: str) -> Path:
    """One of the programs that came with `initdb`."""
    return Path(str(INITDB)).resolve().with_name(name)


@contextmanager
def postgres() -> Iterator[str]:
    """The address of an empty database `registry`, of the user `recserve` who has PASSWORD, over TLS."""
    folder = Path(tempfile.mkdtemp(prefix="recserve-postgres-"))
    user = {"user": "nobody"} if os.geteuid() == 0 else {}  # it refuses to run as root
    authority = Authority()
    server = authority.sign("127.0.0.1")
    files = {
        "password": PASSWORD.encode(),
        "ca.crt": authority.certificate,
        "server.crt": server.certificate,
        "server.key": server.key,
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    if user:
        for path in (folder, *folder.iterdir()):
            shutil.chown(path, **user)
    (port,) = free_ports(1)

    def run(name: str, *arguments: str) -> None:
        subprocess.run(
            [program(name), *arguments],
            cwd=folder,
            env=os.environ | {"PGPASSWORD": PASSWORD, "LC_ALL": "C"},
            stdout=subprocess.DEVNULL,
            check=True,
            **user,  # type: ignore[call-overload]
        )

    data = ("-D", str(folder / "data"))
    try:
        given = ("--username=recserve", f"--pwfile={folder / 'password'}", "--auth=scram-sha-256")
        run("initdb", *data, *given, "--encoding=UTF8", "--no-sync")
        options = f"-p {port} -h 127.0.0.1 -k {folder} -F -c ssl=on "
        options += f"-c ssl_cert_file={folder}/server.crt -c ssl_key_file={folder}/server.key"
        run("pg_ctl", *data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            run("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "recserve", "registry")
            tls = f"sslmode=verify-full&sslrootcert={folder}/ca.crt"
            yield f"postgresql+psycopg://recserve@127.0.0.1:{port}/registry?{tls}"
        finally:
            run("pg_ctl", *data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)
