from dataclasses import replace

import pytest

from tests.meta.k8s.manifests import workloads
from tests.meta.k8s.rendering import K8S, render
from tests.rehearsal.pods import Container, NotRehearsed, Template
from tests.rehearsal.traffic import TRITON, within_s


@pytest.fixture(scope="module")
def triton() -> Container:
    objects = render(K8S / "base")
    found = next(w for w in workloads(objects) if w.name == TRITON)
    return Template(objects, found).pod({}).containers[0]


def test_the_age_of_connections_bounds_how_long_a_new_triton_waits(triton: Container):
    assert within_s(triton) == pytest.approx(22 + 1 + 5 + 2)
    older = replace(triton, command=(*triton.command, "--grpc-max-connection-age=60000"))
    assert within_s(older) == pytest.approx(66 + 1 + 5 + 2)


def test_without_an_age_a_new_triton_might_never_be_found(triton: Container):
    ageless = tuple(word for word in triton.command if "connection-age=" not in word)
    with pytest.raises(NotRehearsed):
        within_s(replace(triton, command=ageless))
