"""Takes the steps of a Containerfile without a container engine, each stage in a folder of its own."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from tests.meta.dockerignore import DockerIgnore

INSTRUCTION = re.compile(r"^([A-Z]+)\s+(.*)$", re.DOTALL)
FROM = re.compile(r"(\S+) AS (\S+)")
OF_THE_SYSTEM = re.compile(r"^apt-get update && apt-get install -y --no-install-recommends ([^&]+)")
KEPT = re.compile(
    r"^(HTTPS?_PROXY|NO_PROXY|PIP_|SSL_|REQUESTS_)", re.IGNORECASE
)  # to reach an index


@dataclass(slots=True)
class Stage:
    """What was laid out so far, and what the next step sees."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    arguments: dict[str, str] = field(default_factory=dict)
    of_the_system: tuple[str, ...] = ()  # what apt-get would install; that isn't tried

    def at(self, path: str) -> Path:
        return self.root / (path if path.startswith("/") else f"{self.folder}/{path}").lstrip("/")

    def here(self, text: str) -> str:
        """With the folders of the image where they really are."""
        return re.sub(r"(?<![\w./-])/(?=(?:app|venv)\b)", f"{self.root}/", text)

    def variables(self) -> dict[str, str]:
        network = {k: v for k, v in os.environ.items() if KEPT.match(k)}
        return network | {"HOME": str(self.root)} | self.arguments | self.environment


class Containerfile:
    """`context` is the repository, less what its .dockerignore keeps out; `scratch` where the stages come."""

    def __init__(self, path: Path, context: Path, scratch: Path) -> None:
        text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
        lines = re.sub(r"\\\n", " ", text).splitlines()
        found = [INSTRUCTION.match(line) for line in lines if line.strip()]
        self._context, self._scratch = context, scratch
        self._ignore = DockerIgnore((context / ".dockerignore").read_text())
        self._bases: dict[str, str] = {}
        self._steps: dict[str, list[tuple[str, str]]] = {}
        self._sort([(m[1], m[2].strip()) for m in found if m])
        self._built: dict[str, Stage] = {}

    def _sort(self, steps: list[tuple[str, str]]) -> None:
        arguments: dict[str, str] = {}  # before the first stage: for every FROM
        name = ""
        for what, rest in steps:
            if what == "FROM":
                base, name = FROM.fullmatch(Template(rest).substitute(arguments)).groups()  # type: ignore[union-attr]
                self._bases[name], self._steps[name] = base, []
            elif not name:
                arguments.update(_pairs(rest))
            else:
                self._steps[name].append((what, rest))

    def build(self, name: str) -> Stage:
        """Takes the steps of the stage and of those that it takes from, each once."""
        if name not in self._built:
            stage = self._begun(name)
            for what, rest in self._steps[name]:
                self._take(stage, what, rest)
            self._built[name] = stage
        return self._built[name]

    def _begun(self, name: str) -> Stage:
        root = self._scratch / name
        if self._bases[name] in self._bases:
            of = self.build(self._bases[name])
            _linked(of.root, root)
            moved = {k: v.replace(str(of.root), str(root)) for k, v in of.environment.items()}
            return Stage(root, moved, of.folder, dict(of.arguments))
        # The base image has a Python of its own, and nothing in it.
        subprocess.run([sys.executable, "-m", "venv", root / "usr"], check=True)
        return Stage(root, {"PATH": f"{root / 'usr/bin'}:/usr/bin:/bin"})

    def _take(self, stage: Stage, what: str, rest: str) -> None:
        if what == "ENV":
            for name, value in _pairs(rest).items():
                known = stage.here(value).replace("$PATH", stage.environment["PATH"])
                stage.environment[name] = known
        elif what == "ARG":
            stage.arguments.update(_pairs(rest))
        elif what == "WORKDIR":
            stage.folder = rest
            stage.at(rest).mkdir(parents=True, exist_ok=True)
        elif what == "COPY":
            self._copy(stage, rest)
        elif what == "RUN" and (found := OF_THE_SYSTEM.match(rest)):
            stage.of_the_system += tuple(found[1].split())
        elif what == "RUN":
            subprocess.run(
                ["bash", "-euc", stage.here(rest)],
                cwd=stage.at("."),
                env=stage.variables(),
                check=True,
            )
        elif what not in ("USER", "LABEL", "EXPOSE", "CMD"):
            raise ValueError(f"{what} is not known here")

    def _copy(self, stage: Stage, rest: str) -> None:
        *flags, source, target = rest.split()
        to = stage.at(target)
        if flags:
            (flag,) = flags
            _linked(self.build(flag.removeprefix("--from=")).at(source), to)
        elif (self._context / source).is_dir():
            for name in self._ignore.let_in(self._context, source):
                _copied(self._context / name, to / Path(name).relative_to(source))
        elif self._ignore.keeps_out(source):
            raise FileNotFoundError(f"{source} is kept out by .dockerignore")
        else:
            _copied(self._context / source, to / source.rpartition("/")[2] if target == "." else to)


def _copied(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, to)


def _linked(folder: Path, to: Path) -> None:
    """As copied: what a step writes is a file of its own."""
    shutil.copytree(folder, to, symlinks=True, dirs_exist_ok=True, copy_function=os.link)


def _pairs(rest: str) -> dict[str, str]:
    return dict(pair.partition("=")[::2] for pair in shlex.split(rest))
