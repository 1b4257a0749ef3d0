"""Rules over Services and NetworkPolicies."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.meta.k8s.manifests import (
    Object,
    Objects,
    Workload,
    environment,
    matches,
    name,
    of_kind,
    port_numbers,
    workloads,
)

REGISTRY = "RECSERVE_TRAINING_FEAST_REGISTRY"
Edge = tuple[str, str, int]  # client, server, port


def services_reach_a_port(objects: Objects) -> list[str]:
    problems = []
    for service in of_kind(objects, "Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        chosen = [w for w in workloads(objects) if matches(selector, w.labels)]
        if not chosen:
            problems.append(f"{name(service)} selects no pods")
        for workload in chosen:
            known = set(port_numbers(workload).items())
            known_any = {p for pair in known for p in pair}
            problems += [
                f"{name(service)} sends to {p['targetPort']}, which {workload} doesn't have"
                for p in service["spec"]["ports"]
                if p["targetPort"] not in known_any
            ]
    return problems


def everything_is_denied_by_default(objects: Objects) -> list[str]:
    denying = [
        p
        for p in of_kind(objects, "NetworkPolicy")
        if p["spec"]["podSelector"] == {}
        and set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"}
        and not p["spec"].get("ingress")
        and not p["spec"].get("egress")
    ]
    return [] if denying else ["no NetworkPolicy denies all pods both directions"]


def edges_are_open_at_both_ends(objects: Objects) -> list[str]:
    """What one pod may send to another of the namespace, the other must accept, and the reverse."""
    out, into = set(_edges(objects, "Egress")), set(_edges(objects, "Ingress"))
    return [f"{c} may send to {s} port {p}, which doesn't accept it" for c, s, p in sorted(out - into)] + [
        f"{s} port {p} accepts {c}, which may not send" for c, s, p in sorted(into - out)
    ]  # fmt: skip


def policies_apply_to_pods(objects: Objects) -> list[str]:
    """Each policy and each peer within the namespace chooses at least one workload."""
    problems = []
    for policy in of_kind(objects, "NetworkPolicy"):
        spec = policy["spec"]
        peers = [
            peer["podSelector"]
            for side, way in (("ingress", "from"), ("egress", "to"))
            for rule in spec.get(side, [])
            for peer in rule.get(way, [])
            if "namespaceSelector" not in peer and "ipBlock" not in peer
        ]
        problems += [
            f"{name(policy)}: {selector} chooses no workload"
            for selector in [spec["podSelector"], *peers]
            if not any(matches(selector, w.labels) for w in workloads(objects))
        ]
    return problems


def the_registry_can_be_reached(objects: Objects) -> list[str]:
    """Where it is a database: by what applies, and by plain feast, which reads that one's file."""
    named = [
        found[REGISTRY]
        for w in workloads(objects)
        for c in w.containers
        if "training.materialize" in c["command"] and REGISTRY in (found := environment(objects, c))
    ]
    problems = []
    for address in named:
        port = urlsplit(address).port or 5432
        for workload in workloads(objects):
            using = [
                c
                for c in workload.containers
                if {"training.materialize", "feast"} & {*c["command"]}
            ]
            problems += [
                f"{workload} {c['name']}: has no password for the registry"
                for c in using
                if not any(v["name"] == "PGPASSWORD" and "valueFrom" in v for v in c.get("env", []))
            ]
            open_ports = {
                p["port"]
                for policy in _policies(objects, workload, "Egress")
                for rule in policy["spec"].get("egress", [])
                for p in rule["ports"]
            }
            if using and port not in open_ports:
                problems.append(f"{workload} may not send to port {port}, the registry's")
    return problems


def _edges(objects: Objects, direction: str) -> Iterator[Edge]:
    side, way = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    for own in workloads(objects):
        for policy in _policies(objects, own, direction):
            for rule in policy["spec"].get(side, []):
                for other in _chosen(objects, rule.get(way, [])):
                    for port in rule["ports"]:
                        client, server = (own, other) if direction == "Egress" else (other, own)
                        number = port_numbers(server).get(port["port"], port["port"])
                        yield client.name, server.name, number


def _policies(objects: Objects, workload: Workload, direction: str) -> Objects:
    return [
        p
        for p in of_kind(objects, "NetworkPolicy")
        if direction in p["spec"]["policyTypes"]
        and matches(p["spec"]["podSelector"], workload.labels)
    ]


def _chosen(objects: Objects, peers: list[Object]) -> Iterator[Workload]:
    for peer in peers:
        if "namespaceSelector" not in peer and "ipBlock" not in peer:
            for workload in workloads(objects):
                if matches(peer["podSelector"], workload.labels):
                    yield workload
