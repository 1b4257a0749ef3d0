from dataclasses import replace

import pytest

from tests.meta.k8s.manifests import workloads
from tests.meta.k8s.rendering import K8S, render
from tests.meta.k8s.rules_pods import TRITON_AGE
from tests.rehearsal.cluster import Cluster
from tests.rehearsal.kubelet import Identity, Pod
from tests.rehearsal.pods import Container, NotRehearsed, Template
from tests.rehearsal.traffic import TRITON, Traffic, within_s


@pytest.fixture(scope="module")
def template() -> Template:
    objects = render(K8S / "base")
    return Template(objects, next(w for w in workloads(objects) if w.name == TRITON))


@pytest.fixture(scope="module")
def triton(template: Template) -> Container:
    return template.pod({}).containers[0]


@pytest.mark.parametrize("asked", [True, False])
async def test_a_triton_that_nobody_asks_in_its_time_is_named(template: Template, *, asked: bool):
    spec = template.pod({})
    hasty = replace(
        spec.containers[0], command=(f"{TRITON_AGE}-7000",)
    )  # nothing is left of its time
    spec = replace(spec, containers=(hasty,))
    pod = Pod(Identity("triton-x", "127.0.1.9", "node-1", {}), template, spec, [], [], lambda: None)
    traffic = Traffic(Cluster([], pods=[pod]), _asked={"triton-x"} if asked else set())
    named = [] if asked else ["triton-x was asked for nothing in 0 s"]
    assert await traffic.unasked() == named


def test_the_age_of_connections_bounds_how_long_a_new_triton_waits(triton: Container):
    assert within_s(triton) == pytest.approx(22 + 1 + 5 + 2)
    older = replace(triton, command=(*triton.command, "--grpc-max-connection-age=60000"))
    assert within_s(older) == pytest.approx(66 + 1 + 5 + 2)


def test_without_an_age_a_new_triton_might_never_be_found(triton: Container):
    ageless = tuple(word for word in triton.command if "connection-age=" not in word)
    with pytest.raises(NotRehearsed):
        within_s(replace(triton, command=ageless))
