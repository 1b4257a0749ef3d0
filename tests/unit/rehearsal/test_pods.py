from typing import Any

import pytest

from tests.meta.k8s.manifests import expanded, workloads
from tests.meta.k8s.rendering import K8S, render
from tests.rehearsal.pods import NotRehearsed, Probe, Template, pre_stop_s, probe, variables

MAPS = [
    {"kind": "ConfigMap", "metadata": {"name": "shared-1"}, "data": {"BUNDLE": "b7", "N": 3}},
    {"kind": "ConfigMap", "metadata": {"name": "own-2"}, "data": {"HOST": "0.0.0.0"}},
]
FIELDS = {
    "metadata.name": "ingest-0",
    "status.podIP": "127.0.1.4",
    "metadata.labels['pod-index']": "0",
}


def template(kind: str, name: str) -> Template:
    objects = render(K8S / "overlays/production")
    found = next(w for w in workloads(objects) if (w.kind, w.name) == (kind, name))
    return Template(objects, found)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("/state/bundles/$(BUNDLE)", "/state/bundles/b7"),
        ("$(UNKNOWN) stays", "$(UNKNOWN) stays"),
        ("$$(BUNDLE) is meant", "$(BUNDLE) is meant"),
        ('for "$@" of a shell', 'for "$@" of a shell'),
    ],
)
def test_a_variable_is_put_in_as_kubernetes_does(written: str, read: str):
    assert expanded(written, {"BUNDLE": "b7"}) == read


def test_variables_come_from_maps_fields_and_values_and_may_name_those_above():
    container = {
        "envFrom": [{"configMapRef": {"name": "own-2"}}],
        "env": [
            {
                "name": "BUNDLE",
                "valueFrom": {"configMapKeyRef": {"name": "shared-1", "key": "BUNDLE"}},
            },
            {
                "name": "INDEX",
                "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['pod-index']"}},
            },
            {"name": "WHERE", "value": "$(HOST)/$(BUNDLE)/$(INDEX)/$(LATER)"},
            {"name": "LATER", "value": "x"},
        ],
    }
    assert variables(MAPS, container, FIELDS) == {
        "HOST": "0.0.0.0",
        "BUNDLE": "b7",
        "INDEX": "0",
        "WHERE": "0.0.0.0/b7/0/$(LATER)",
        "LATER": "x",
    }


@pytest.mark.parametrize(
    "variable",
    [
        {"valueFrom": {"configMapKeyRef": {"name": "missing", "key": "A"}}},
        {"valueFrom": {"secretKeyRef": {"name": "redis-access", "key": "url"}}},
        {"valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ],
)
def test_what_cant_be_played_is_refused(variable: dict[str, Any]):
    with pytest.raises(NotRehearsed):
        variables(MAPS, {"env": [{"name": "A", **variable}]}, FIELDS)


def test_a_probe_has_kubernetes_defaults():
    asked = {"port": 50051, "service": "s"}
    assert probe({"grpc": asked}) == Probe("grpc", asked, 0, 10, 1, 1, 3)
    given = {
        "exec": {"command": ["true"]},
        "initialDelaySeconds": 4,
        "periodSeconds": 2,
        "timeoutSeconds": 3,
        "successThreshold": 2,
        "failureThreshold": 60,
    }
    assert probe(given) == Probe("exec", {"command": ["true"]}, 4, 2, 3, 2, 60)
    with pytest.raises(NotRehearsed):
        probe({"periodSeconds": 2})


def test_only_a_hook_that_sleeps_is_played():
    assert pre_stop_s({}) == 0
    assert pre_stop_s({"lifecycle": {"preStop": {"sleep": {"seconds": 10}}}}) == 10
    with pytest.raises(NotRehearsed):
        pre_stop_s({"name": "c", "lifecycle": {"preStop": {"exec": {"command": ["sleep", "9"]}}}})


def test_the_gateway_is_read_as_it_is_rendered():
    gateway = template("Deployment", "gateway").pod(FIELDS)
    (container,) = gateway.containers
    assert container.command == ("python", "-m", "serving.app")
    assert container.variables["RECSERVE_GATEWAY_BUNDLE"] == "/state/bundles/none-chosen"
    assert container.port("http") == 9464
    assert container.probes["readiness"].asked["service"] == "recserve.v1.RecommendationService"
    assert set(container.probes) == {"startup", "readiness", "liveness"}
    assert gateway.grace_s >= container.pre_stop_s + 10


def test_a_stateful_pod_has_its_own_claim_and_number():
    redis = template("StatefulSet", "redis").pod({"metadata.name": "redis-0"})
    assert redis.volumes["data"] == {"persistentVolumeClaim": {"claimName": "data-redis-0"}}
    index = {"metadata.labels['apps.kubernetes.io/pod-index']": "3", "metadata.name": "ingest-3"}
    (ingest,) = template("StatefulSet", "ingest").pod(index).containers
    assert ingest.variables["RECSERVE_INGEST_SHARD"] == "3/1"
