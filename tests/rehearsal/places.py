"""Where a pod's paths, addresses and names lie on this machine, and a note of all that is put otherwise."""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.meta.k8s.manifests import Object, Objects, of_kind
from tests.rehearsal.pods import Container, NotRehearsed, PodSpec, Probe

EVERYWHERE = "0.0.0.0"
SHM = "/dev/shm"
DOMAIN = "recserve.svc.cluster.local"  # what a pod's search list makes of a Service's name
SERVICE = re.compile(
    r"^(?:(?P<scheme>\w+)://)?(?P<name>[a-z][a-z0-9-]*):(?P<port>\d+)(?P<rest>/\w*)?$"
)


@dataclass(slots=True)
class Notes:
    """Each thing that was put otherwise, once."""

    seen: dict[str, None] = field(default_factory=dict)

    def add(self, where: str, what: str) -> None:
        self.seen[f"{where}: {what}"] = None


@dataclass(frozen=True, slots=True)
class Site:
    """What all pods share."""

    state: Path  # behind the claim `artefacts`
    folder: Path  # of this rehearsal
    services: frozenset[str]
    dns: str  # host:port
    address_of: Callable[[str], str]  # a Service's first pod
    notes: Notes


class Places:
    """One pod's."""

    def __init__(
        self, site: Site, name: str, address: str, spec: PodSpec, objects: Objects
    ) -> None:
        self._site, self._address, self._objects = site, address, objects
        self.folder = site.folder / "pods" / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self._volumes = {name: self._volume(volume) for name, volume in spec.volumes.items()}

    def command(self, container: Container) -> list[str]:
        return [
            self._put(container, f"`{container.command[0]}`", word) for word in container.command
        ]

    def probes(self, container: Container) -> dict[str, Probe]:
        """Those that run a command see the paths as the container does."""
        return {
            kind: replace(probe, asked={"command": self._words(container, f"{kind} probe", probe)})
            if probe.how == "exec"
            else probe
            for kind, probe in container.probes.items()
        }

    def _words(self, container: Container, where: str, probe: Probe) -> list[str]:
        return [self._put(container, where, word) for word in probe.asked["command"]]

    def environment(self, container: Container, image: Mapping[str, str]) -> dict[str, str]:
        """The image's variables and the container's; none of this machine's."""
        own = {
            name: self._put(container, name, value) for name, value in container.variables.items()
        }
        given = {**image, "POD_ADDRESS": self._address}
        if "/tmp" in container.mounts:
            given["TMPDIR"] = str(self._of(container, "/tmp"))
            self._site.notes.add(container.name, "/tmp is a folder here, named by TMPDIR")
        return given | own

    def fill(self, container: Container) -> None:
        """Makes folders of the container's mounts, with the files of its maps and secrets."""
        for path, volume in container.mounts.items():
            if path == SHM:
                self._site.notes.add(container.name, f"{SHM} is this machine's, for all pods")
                continue
            kind = self._kind(volume)
            folder = self._of(container, path)
            folder.mkdir(parents=True, exist_ok=True)
            if kind == "configMap":
                self._write_map(container, folder, volume)
            if kind == "secret":
                self._write_secret(container, path, folder)

    def _kind(self, volume: str) -> str:
        return next(key for key in self._volumes[volume] if key != "name")

    def _volume(self, volume: Object) -> Object:
        known = {"configMap", "secret", "emptyDir", "persistentVolumeClaim"}
        if not known & set(volume):
            raise NotRehearsed(f"the volume {volume}")
        return volume

    def _of(self, container: Container, path: str) -> Path:
        volume = container.mounts[path]
        claim = self._volumes[volume].get("persistentVolumeClaim", {}).get("claimName")
        if claim == "artefacts":
            return self._site.state
        return self._site.folder / "claims" / claim if claim else self.folder / volume

    def _put(self, container: Container, where: str, text: str) -> str:
        """Paths, the pod's own address, and names of Services."""
        mounts = sorted(container.mounts.keys() - {SHM}, key=len, reverse=True)
        paths = re.compile(rf"(?<![\w./-])({'|'.join(map(re.escape, mounts))})(?![\w.-])")
        found = paths.sub(lambda at: str(self._of(container, at[1])), text) if mounts else text
        notes, name = self._site.notes, container.name
        if found != text:
            notes.add(name, f"{where}: paths of volumes are folders here")
        if found == EVERYWHERE:
            notes.add(name, f"{where}: {EVERYWHERE} is the pod's own loopback address")
            return self._address
        return ",".join(self._service(name, where, part) for part in found.split(","))

    def _service(self, container: str, where: str, part: str) -> str:
        found = SERVICE.match(part)
        if not found or found["name"] not in self._site.services:
            return part
        name, port, rest = found["name"], found["port"], found["rest"] or ""
        if found["scheme"]:
            new = f"{found['scheme']}://{self._site.address_of(name)}:{port}{rest}"
            self._site.notes.add(
                container,
                f"{where}: {part} names the pod's address, as its client asks the machine's DNS",
            )
            return new
        self._site.notes.add(
            container, f"{where}: {part} is dns://<the rehearsal's DNS>/{name}.{DOMAIN}:{port}"
        )
        return f"dns://{self._site.dns}/{name}.{DOMAIN}:{port}"

    def _write_map(self, container: Container, folder: Path, volume: str) -> None:
        wanted = self._volumes[volume]["configMap"]["name"]
        found = next(
            o for o in of_kind(self._objects, "ConfigMap") if o["metadata"]["name"] == wanted
        )
        for name, text in found.get("data", {}).items():
            lines = [self._put_line(container, name, line) for line in str(text).splitlines()]
            (folder / name).write_text("\n".join(lines) + "\n")

    def _put_line(self, container: Container, file: str, line: str) -> str:
        if line.startswith("bind "):
            self._site.notes.add(container.name, f"{file}: `{line}` is the pod's own address")
            return f"bind {self._address}"
        return line if line.startswith("#") else self._put(container, file, line)

    def _write_secret(self, container: Container, path: str, folder: Path) -> None:
        """A random key for each file that a variable names, the same for all pods."""
        for name, value in container.variables.items():
            if value.startswith(f"{path}/"):
                kept = self._site.folder / "secrets" / value.removeprefix("/").replace("/", "-")
                kept.parent.mkdir(exist_ok=True)
                if not kept.exists():
                    kept.write_text(secrets.token_hex(32))
                file = folder / value.removeprefix(f"{path}/")
                file.write_text(kept.read_text())
                self._site.notes.add(container.name, f"{name}: a made-up key, of no Secret")
