"""The commands of the component `distributed-training` make what training makes at once."""

from pathlib import Path

import pytest
import torch

from tests.meta.k8s.manifests import Workload, environment, expanded, workloads
from tests.meta.k8s.rendering import render_overlay
from tests.unit.training.bundle.shop import silent
from training import train_ranker, train_retriever
from training.datasets.generated.generate import generate
from training.datasets.generated.shop import SHOP
from training.learning.members import JUDGED
from training.prepare.__main__ import prepare
from training.settings import TrainingSettings, read_settings
from training.train_ranker import ASKED, asked_of

STEPS = ("train-examples", "train-members", "train")  # as the README of the component makes them
INDEX = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
TINY = {
    "retriever_epochs": 1,
    "ranker_epochs": 1,
    "retriever_negatives": 64,
    "dimension": 8,
    "retrieved": 48,
    "threads": 1,
}


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    folder = tmp_path_factory.mktemp("at-once")
    generate(SHOP, folder / "dataset", 40, 7, silent())
    prepare(folder, None, 4, silent())
    settings = TrainingSettings.model_validate(TINY | {"state": folder})
    train_retriever.train(settings, silent())
    train_ranker.train(settings, silent())
    return settings


@pytest.fixture
def apart(at_once: TrainingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in TINY.items():
        monkeypatch.setenv(f"RECSERVE_TRAINING_{name.upper()}", str(value))
    (tmp_path / "prepared").symlink_to(at_once.prepared)
    (tmp_path / "models").mkdir()
    (tmp_path / "models/retriever.ckpt").symlink_to(at_once.models / "retriever.ckpt")
    return tmp_path


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[int, list[str]]]]:
    """By CronJob: of each pod its index and the command that has to do with rankers."""
    objects = render_overlay(["distributed-training"], tmp_path_factory.mktemp("rendered"))
    found: dict[str, list[tuple[int, list[str]]]] = {}
    for workload in (w for w in workloads(objects) if w.name in STEPS):
        found[workload.name] = [
            (index, [expanded(word, variables) for word in container["command"]])
            for index in range(_pods(workload))
            for container in workload.containers
            if "training.train_ranker" in container["command"]
            for variables in [environment(objects, container, {INDEX: str(index)})]
        ]
    return found


def _pods(workload: Workload) -> int:
    return int(workload.spec["jobTemplate"]["spec"].get("completions", 1))


def run(command: list[str], state: Path) -> int:
    """In this process: another would take longer to import than to teach."""
    program, module, name, *arguments = command
    assert (program, module, name) == ("python", "-m", "training.train_ranker")
    return train_ranker.main([str(state) if a == "/state" else a for a in arguments])


def test_the_parts_make_the_checkpoint_that_training_makes_at_once(
    at_once: TrainingSettings, apart: Path, jobs: dict[str, list[tuple[int, list[str]]]]
) -> None:
    assert [len(jobs[step]) for step in STEPS] == [1, len(at_once.member_names), 1]
    for step in STEPS:
        for _, command in reversed(jobs[step]):  # in whatever order the pods end
            assert run(command, apart) == 0
    one, other = (
        torch.load(folder / "ranker.ckpt", weights_only=True)
        for folder in (at_once.models, apart / "models")
    )
    assert _plain(one) == _plain(other)
    assert list(one["members"]) == list(other["members"])
    for name, member in one["members"].items():
        weights = other["members"][name]["weights"]
        assert all(torch.equal(of, weights[key]) for key, of in member["weights"].items()), name
    curves = [f"{name}_curves.json" for name in at_once.member_names]
    assert [(at_once.models / name).read_text() for name in curves] == [
        (apart / "models" / name).read_text() for name in curves
    ]


def test_a_part_says_which_one_is_missing(
    apart: Path, jobs: dict[str, list[tuple[int, list[str]]]], capsys: pytest.CaptureFixture[str]
) -> None:
    ((_, fusion),) = jobs["train"]
    assert run(fusion, apart) == 1
    assert "--part examples" in " ".join(capsys.readouterr().out.split())


def test_an_index_without_a_member_is_refused(
    apart: Path, jobs: dict[str, list[tuple[int, list[str]]]], capsys: pytest.CaptureFixture[str]
) -> None:
    (apart / "models/members").mkdir()
    (apart / "models/members" / JUDGED).touch()
    (apart / "models/members" / ASKED).write_text(asked_of(read_settings(apart)))
    _, last = jobs["train-members"][-1]
    assert run([*last[:-1], "3"], apart) == 1
    assert "there is no member 3" in capsys.readouterr().out


def test_parts_of_other_settings_are_refused(
    apart: Path,
    jobs: dict[str, list[tuple[int, list[str]]]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (apart / "models/members").mkdir()
    (apart / "models/members" / JUDGED).touch()
    (apart / "models/members" / ASKED).write_text(asked_of(read_settings(apart)))
    monkeypatch.setenv("RECSERVE_TRAINING_RANKER_EPOCHS", "2")
    for step in STEPS[1:]:
        assert run(jobs[step][0][1], apart) == 1
        said = " ".join(capsys.readouterr().out.split())
        assert "of other settings, data or retrievers; run training.train_ranker --part" in said


@pytest.mark.parametrize("given", [["--part", "member"], ["--index", "0"]])
def test_a_member_and_its_index_come_together(apart: Path, given: list[str]) -> None:
    with pytest.raises(SystemExit):
        train_ranker.main(["--state", str(apart), *given])


def _plain(document: dict[str, object]) -> list[object]:
    members = document["members"]
    assert isinstance(members, dict)
    return [document["blends"], {name: of["config"] for name, of in members.items()}]
