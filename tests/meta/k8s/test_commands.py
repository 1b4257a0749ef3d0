"""Every kubectl command that we tell people names what is there."""

from functools import cache
from pathlib import Path

import pytest

from tests.meta.k8s.commands import made_by_hand, parsed, problems, told
from tests.meta.k8s.manifests import Objects
from tests.meta.k8s.rendering import K8S, folders, render, render_any

TOLD = sorted(set(told()))
JOBS = made_by_hand(TOLD)


@pytest.fixture
def objects(tmp_path_factory: pytest.TempPathFactory) -> Objects:
    return _rendered(tmp_path_factory.getbasetemp())


@cache
def _rendered(scratch: Path) -> Objects:
    """All that any overlay of the components may hold."""
    found = render(K8S / "base")
    for component in folders("components"):
        found += render_any(component, scratch)
    return found


@pytest.mark.parametrize("command", TOLD)
def test_a_command_names_what_is_there(command: str, objects: Objects) -> None:
    assert problems(command, objects, JOBS) == []


def test_the_commands_are_found() -> None:
    assert {"apply", "create", "delete", "exec", "get", "rollout", "scale", "wait"} <= {
        parsed(command).verb for command in TOLD
    }
    assert "files" in JOBS


@pytest.mark.parametrize(
    "command",
    [
        "kubectl -n recserve rollout undo",
        "kubectl -n recserve rollout restart deployment/gatway",
        "kubectl rollout restart deployment/gateway",
        "kubectl -n default rollout status deployment/gateway",
        "kubectl -n recserve create job --from=cronjob/materialise again",
        "kubectl -n recserve get pods -l app.kubernetes.io/name=gatway",
        "kubectl -n recserve get jobs -l app=materialize",
        "kubectl -n recserve exec -i redis-1 -- redis-cli",
        "kubectl -n recserve exec -i job/restore -- tar",
        "kubectl -n recserve logs job/files -c lock",
        "kubectl -n recserve delete deploymint gateway",
        "kubectl -n recserve delete hpa gatway",
        "kubectl -n recserve get secret user-key",
        "kubectl -n recserve create secret generic user-key --from-file=key",
        "kubectl -n recserve debug ingest-0",
        "kubectl delete -k k8s/overlays/prod",
    ],
)
def test_a_wrong_command_is_noticed(command: str, objects: Objects) -> None:
    assert problems(command, objects, JOBS) != []
