"""The install steps of the images work, what they install is enough, and it is no more than that."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.acceptance.kubernetes.containerfile import Containerfile, Stage
from tests.e2e.system import ROOT
from tests.fakes.redis_servers import server_on_socket
from tests.meta.k8s.manifests import Object, Objects, environment, expanded, workloads
from tests.meta.k8s.rendering import K8S, render

PROGRAMS = {
    "gateway": ("serving.app", "RECSERVE_GATEWAY_BUNDLE is required and not set"),
    "ingest": ("serving.ingest.worker", "RECSERVE_INGEST_BUNDLE is required and not set"),
}
PACKAGES = {"gateway": "/venv", "ingest": "/venv", "jobs": ".venv"}
MOST_MB = {"gateway": 275, "ingest": 295, "jobs": 2500}
# What python:3.11-slim-bookworm has: the libraries of C, gcc and zlib, and Python's with what it needs.
# Triton brings a stub for each Python, of which one is started.
OF_THE_BASE = re.compile(
    r"(ld-linux-x86-64|lib(c|m|mvec|dl|rt|util|pthread|resolv|gcc_s|stdc\+\+|z|expat|python3\.\d+))\.so[.\d]+"
)
OF_PACKAGES = {"libgomp1": "libgomp.so.1"}
TINY = {  # enough to try every step, not to be good at anything
    "THREADS": "1",
    "RETRIEVER_EPOCHS": "1",
    "RANKER_EPOCHS": "1",
    "RETRIEVER_CUTOFFS": "2",
    "RANKER_CUTOFFS": "2",
    "RETRIEVER_NEGATIVES": "256",
    "DIMENSION": "8",
    "ITEM_TO_ITEM_RANK": "16",
    "RETRIEVED": "64",
}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Containerfile:
    return Containerfile(ROOT / "k8s/image/Containerfile", ROOT, tmp_path_factory.mktemp("image"))


def python(stage: Stage, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["python", *arguments],
        cwd=stage.at("."),
        env=stage.environment | more,
        capture_output=True,
        text=True,
        check=False,
    )


def megabytes(folder: Path) -> int:
    return sum(p.lstat().st_size for p in folder.rglob("*") if p.is_file()) // 10**6


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_image_s_program_starts_from_what_its_steps_install(
    file: Containerfile, name: str
) -> None:
    module, sentence = PROGRAMS[name]
    stage = file.build(name)
    started = python(stage, "-m", module)
    assert sentence in started.stdout + started.stderr, started.stderr[-2000:]
    assert started.returncode
    # All that it imports later, in the processes that it starts too.
    later = "serving.process.worker, serving.features.snapshot" if name == "gateway" else module
    done = python(stage, "-c", f"import {module}, {later}, sys;"
                  "print([m for m in ('torch', 'feast', 'training') if m in sys.modules])")  # fmt: skip
    assert done.stdout.strip() == "[]", done.stderr[-2000:]
    where = python(
        stage, "-c", "import google.protobuf as one, serving; print(one.__file__, serving.__file__)"
    ).stdout
    assert where.count(str(stage.root)) == 2, where


@pytest.mark.parametrize("name", PACKAGES)
def test_an_image_is_no_larger_than_it_need_be(
    file: Containerfile, name: str, measured: Callable[[str], None]
) -> None:
    stage = file.build(name)
    packages, whole = megabytes(stage.at(PACKAGES[name])), megabytes(stage.root / "app")
    assert packages <= MOST_MB[name]
    assert whole - (packages if name == "jobs" else 0) <= 10  # our code, and its bytecode
    found = [p for p in stage.root.glob("*/**/site-packages/pip") if "usr" not in p.parts]
    assert found == []
    assert not (stage.root / "app/serving/client").exists()
    measured(f"{name}: {packages} MB of packages")


@pytest.mark.parametrize("name", PACKAGES)
def test_every_library_is_in_the_image_or_in_its_base(file: Containerfile, name: str) -> None:
    stage = file.build(name)
    objects = [p for p in stage.at(PACKAGES[name]).rglob("*") if is_elf(p)]
    assert objects
    told = subprocess.run(
        ["ldd", *objects], capture_output=True, text=True, check=False, env={"LC_ALL": "C"}
    ).stdout
    inside = {p.name for p in objects}
    wanted = {
        library
        for library, where in re.findall(r"^\t(\S+) => (.+?)(?: \(0x\w+\))?$", told, re.MULTILINE)
        if not where.startswith(str(stage.root.parent))
        # One that another library of its package has loaded by then isn't looked for.
        if where != "not found" or library not in inside
    }
    outside = {one for one in wanted if not OF_THE_BASE.fullmatch(one)}
    assert outside == {OF_PACKAGES[package] for package in stage.of_the_system}


def is_elf(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def test_the_jobs_run_from_what_their_image_s_steps_install(
    file: Containerfile, tmp_path: Path, measured: Callable[[str], None]
) -> None:
    """The commands of the CronJobs, one after the other, over a small shop."""
    stage, state = file.build("jobs"), tmp_path / "state"
    asked = ("-m", "training.datasets", "--name", "shop", "--users", "200")
    generated = python(stage, *asked, "--out", str(state / "dataset"))
    assert generated.returncode == 0, generated.stderr[-3000:]
    objects = render(K8S / "base")
    containers = {w.name: w.containers for w in workloads(objects) if w.kind == "CronJob"}
    commands = 0
    with server_on_socket(tmp_path, tmp_path / "redis.sock"):
        for job in ("train", "materialize", "backfill"):
            for container in containers.pop(job):
                if container.get("restartPolicy") == "Always":  # it waits for other jobs
                    continue
                said = done_in(stage, objects, container, state, tmp_path / "redis.sock")
                assert said.returncode == 0, (container["name"], said.stdout, said.stderr[-3000:])
                commands += 1
    assert set(containers) == {"files"}  # which does nothing
    for made in ("bundles/current", "snapshots/current", "search/current", "vectors/current"):
        assert (state / made).exists()
    measured(f"{commands} commands")


def done_in(
    stage: Stage, objects: Objects, container: Object, state: Path, redis: Path
) -> subprocess.CompletedProcess[str]:
    found = environment(objects, container)
    given = {
        name: value.replace("/state", str(state))
        .replace("/events", str(state / "events"))
        .replace("redis://redis:6379/0", f"unix://{redis}")
        for name, value in found.items()
    }
    words = [expanded(str(word), given) for word in container["command"]]
    words = [re.sub(r"(^|=)/state", rf"\1{state}", word) for word in words]
    if words[0] != "python":  # a script's first line names the folder where it was installed
        words = ["python", str(stage.at(".venv/project/bin") / words[0]), *words[1:]]
    tiny = {f"RECSERVE_TRAINING_{name}": value for name, value in TINY.items()}
    return python(stage, *words[1:], **given, **tiny)
