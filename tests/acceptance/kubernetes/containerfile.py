"""Takes the steps of a Containerfile without a container engine, each stage in a folder of its own."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

INSTRUCTION = re.compile(r"^([A-Z]+)\s+(.*)$", re.DOTALL)
FROM = re.compile(r"(\S+) AS (\S+)")
KEPT = re.compile(
    r"^(HTTPS?_PROXY|NO_PROXY|PIP_|SSL_|REQUESTS_)", re.IGNORECASE
)  # to reach an index


@dataclass(slots=True)
class Stage:
    """What was laid out so far, and what the next step sees."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"

    def at(self, path: str) -> Path:
        return self.root / (path if path.startswith("/") else f"{self.folder}/{path}").lstrip("/")

    def here(self, text: str) -> str:
        """With the folders of the image where they really are."""
        return re.sub(r"(?<![\w./-])/(?=(?:app|venv)\b)", f"{self.root}/", text)

    def variables(self) -> dict[str, str]:
        network = {k: v for k, v in os.environ.items() if KEPT.match(k)}
        return network | {"HOME": str(self.root)} | self.environment


class Containerfile:
    """`context` is the repository, `scratch` where the stages' folders come."""

    def __init__(self, path: Path, context: Path, scratch: Path) -> None:
        text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
        lines = re.sub(r"\\\n", " ", text).splitlines()
        found = [INSTRUCTION.match(line) for line in lines if line.strip()]
        self._steps = [(m[1], m[2].strip()) for m in found if m]
        self._context, self._scratch = context, scratch
        self.stages: dict[str, Stage] = {}

    def build(self, *wanted: str) -> None:
        """Takes the steps of these stages in order."""
        stage, taking = None, False
        for what, rest in self._steps:
            if what == "FROM":
                base, name = FROM.fullmatch(rest).groups()  # type: ignore[union-attr]
                taking = name in wanted
                stage = self._begun(base, name) if taking else None
            elif taking and stage is not None:
                self._take(stage, what, rest)

    def _begun(self, base: str, name: str) -> Stage:
        root = self._scratch / name
        if base in self.stages:
            shutil.copytree(self.stages[base].root, root, symlinks=True)
            of = self.stages[base]
            moved = {k: v.replace(str(of.root), str(root)) for k, v in of.environment.items()}
            self.stages[name] = Stage(root, moved, of.folder)
        else:  # the base image has a Python of its own, and nothing in it
            subprocess.run([sys.executable, "-m", "venv", root / "usr"], check=True)
            path = f"{root / 'usr/bin'}:/usr/bin:/bin"
            self.stages[name] = Stage(root, {"PATH": path})
        return self.stages[name]

    def _take(self, stage: Stage, what: str, rest: str) -> None:
        if what == "ENV":
            for pair in shlex.split(rest):
                name, _, value = pair.partition("=")
                known = stage.here(value).replace("$PATH", stage.environment["PATH"])
                stage.environment[name] = known
        elif what == "WORKDIR":
            stage.folder = rest
            stage.at(rest).mkdir(parents=True, exist_ok=True)
        elif what == "COPY":
            self._copy(stage, rest)
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
        origin = self._context / source
        for flag in flags:
            origin = self.stages[flag.removeprefix("--from=")].at(source)
        to = stage.at(target)
        if origin.is_dir():
            ours = origin.is_relative_to(self._context)  # then as a fresh clone has it
            left_out = ("__pycache__", "*_pb2*.py*", "node_modules") if ours else ()
            ignored = shutil.ignore_patterns(*left_out)
            shutil.copytree(origin, to, symlinks=True, dirs_exist_ok=True, ignore=ignored)
        else:
            to = to / origin.name if target.endswith((".", "/")) else to
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(origin, to)
