"""Rules over who reaches whom, by what NetworkPolicies let through."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network

from tests.meta.k8s.facts import CALLERS, DNS, GATEWAY, PROMETHEUS
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

NAMESPACE = "kubernetes.io/metadata.name"
ADDRESS = re.compile(r"(?:^|,|//|@)([\w.-]+):(\d+)")  # in a URL, or in a list of endpoints
PRIVATE = [  # where pods, Services and API servers live, and the cloud's own metadata
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
    )
]


@dataclass(frozen=True, slots=True)
class Pod:
    """One at the other end: the labels of its namespace, and its own."""

    namespace: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)


STRANGER = Pod({NAMESPACE: "elsewhere"})


def servers_that_are_named_can_be_reached(objects: Objects) -> list[str]:
    """What a container is told in a variable: by a port of the Service, let out and let in."""
    services = {s["metadata"]["name"]: s["spec"] for s in of_kind(objects, "Service")}
    problems = []
    for client, variable, host, port in _named(objects):
        where = f"{client}: {variable} names {host}:{port}"
        if host not in services:
            if not _leaves(objects, client, host, port):
                problems.append(f"{where}, outside, where it may not send")
            continue
        if variable.endswith("_ENDPOINTS") and services[host].get("clusterIP") != "None":
            problems.append(f"{where}, one address, where it balances over the pods' own")
        target = {p["port"]: p["targetPort"] for p in services[host]["ports"]}.get(port)
        if target is None:
            problems.append(f"{where}, a port that the Service doesn't have")
            continue
        for server in _behind(objects, services[host]):
            number = port_numbers(server).get(target, target)
            if services[host].get("clusterIP") == "None" and number != port:
                problems.append(f"{where}; of a headless Service the port is {server}'s, {number}")
            if not _lets(objects, client, "Egress", _as_pod(objects, server), server, number):
                problems.append(f"{where}, {server}, to which it may not send")
            if not _lets(objects, server, "Ingress", _as_pod(objects, client), server, number):
                problems.append(f"{where}, {server}, which doesn't accept it")
    return problems


def others_reach_what_is_for_them(objects: Objects) -> list[str]:
    """Callers the gateway, Prometheus what it scrapes, strangers nothing, each by these ports alone."""
    wanted = {
        "a caller": (Pod(CALLERS | {NAMESPACE: "shop"}), _called(objects)),
        "Prometheus": (Pod({NAMESPACE: PROMETHEUS}), _scraped(objects)),
        "a stranger": (STRANGER, set()),
        "a pod that is none of ours": (_as_pod(objects), set()),
    }
    problems = [] if _called(objects) else [f"there is no {GATEWAY} for callers"]
    for who, (pod, ports) in wanted.items():
        open_ports = {
            (w.name, port)
            for w in workloads(objects)
            for port in {1, *port_numbers(w).values()}  # 1 stands for any other
            if _lets(objects, w, "Ingress", pod, w, port)
        }
        problems += [f"{who} can't reach {w} at {port}" for w, port in sorted(ports - open_ports)]
        problems += [f"{who} reaches {w} at {port}" for w, port in sorted(open_ports - ports)]
    return problems


def pods_send_nowhere_else(objects: Objects) -> list[str]:
    """Not to strangers, and to the addresses of a cluster only where a rule names them narrowly."""
    ports = {1} | {  # any, and those that are open to somebody
        p["port"]
        for policy in of_kind(objects, "NetworkPolicy")
        for rule in policy["spec"].get("egress", [])
        for p in rule.get("ports", [])
    }
    problems = [
        f"{w} may send to any pod of another namespace"
        for w in workloads(objects)
        if any(_lets(objects, w, "Egress", STRANGER, w, port) for port in ports)
    ]
    for policy in of_kind(objects, "NetworkPolicy"):
        for rule in policy["spec"].get("egress", []):
            for block in (peer["ipBlock"] for peer in rule.get("to", []) if "ipBlock" in peer):
                whole, spared = ip_network(block["cidr"]), map(ip_network, block.get("except", []))
                left = set(PRIVATE) - set(spared)
                problems += [
                    f"{name(policy)}: {whole} holds {inside}, the cluster's own"
                    for inside in sorted(left, key=str)
                    if inside != whole and inside.subnet_of(whole)  # type: ignore[arg-type]
                ]
    return problems


def every_pod_can_ask_dns(objects: Objects) -> list[str]:
    namespace, label = DNS
    there = Pod({NAMESPACE: namespace}, label)
    beside = (Pod({NAMESPACE: namespace}), Pod({NAMESPACE: "elsewhere"}, label))
    return [
        f"{workload} {'reaches more than DNS' if may else 'does not reach DNS'} over {protocol}"
        for workload in workloads(objects)
        for protocol in ("UDP", "TCP")
        for pod, wanted in ((there, True), *((pod, False) for pod in beside))
        if (may := _lets(objects, workload, "Egress", pod, workload, 53, protocol)) != wanted
    ]


def _named(objects: Objects) -> Iterator[tuple[Workload, str, str, int]]:
    for workload in workloads(objects):
        for container in workload.containers:
            for variable, value in environment(objects, container).items():
                if variable.endswith(("_URL", "_ENDPOINT", "_ENDPOINTS")):
                    for host, port in ADDRESS.findall(value):
                        yield workload, variable, host, int(port)


def _called(objects: Objects) -> set[tuple[str, int]]:
    """The gateways' ports behind the address that the README gives to callers."""
    return {
        (w.name, port_numbers(w).get(port["targetPort"], port["targetPort"]))
        for s in of_kind(objects, "Service")
        for port in s["spec"]["ports"]
        if f"{s['metadata']['name']}.{s['metadata']['namespace']}:{port['port']}" == GATEWAY
        for w in _behind(objects, s["spec"])
    }


def _scraped(objects: Objects) -> set[tuple[str, int]]:
    return {
        (w.name, int(w.annotations["prometheus.io/port"]))
        for w in workloads(objects)
        if w.annotations.get("prometheus.io/scrape") == "true"
    }


def _behind(objects: Objects, service: Object) -> list[Workload]:
    return [
        w for w in workloads(objects) if matches({"matchLabels": service["selector"]}, w.labels)
    ]


def _as_pod(objects: Objects, workload: Workload | None = None) -> Pod:
    """Of the workload, or of nobody in its namespace."""
    (found,) = of_kind(objects, "Namespace")
    labels = found["metadata"].get("labels", {}) | {NAMESPACE: found["metadata"]["name"]}
    return Pod(labels, workload.labels if workload else {})


def _leaves(objects: Objects, client: Workload, host: str, port: int) -> bool:
    """To addresses outside, or to the pods of another namespace, where the host is `service.namespace`."""
    _, _, namespace = host.partition(".")
    return _lets(objects, client, "Egress", Pod({NAMESPACE: namespace}), client, port) or any(
        port in {p["port"] for p in rule["ports"]} and any("ipBlock" in peer for peer in rule["to"])
        for policy in _policies(objects, client, "Egress")
        for rule in policy["spec"].get("egress", [])
    )


def _lets(
    objects: Objects,
    own: Workload,
    direction: str,
    other: Pod,
    server: Workload,
    port: int,
    protocol: str = "TCP",
) -> bool:
    """As a network plug-in has it: one rule of any policy over the pod is enough; without one all is open."""
    side, way = ("egress", "to") if direction == "Egress" else ("ingress", "from")
    policies = _policies(objects, own, direction)
    home = _as_pod(objects).namespace
    return not policies or any(
        _meant(rule.get(way, []), other, home)
        and _opened(rule.get("ports", []), server, port, protocol)
        for policy in policies
        for rule in policy["spec"].get(side, [])
    )


def _policies(objects: Objects, workload: Workload, direction: str) -> Objects:
    return [
        p
        for p in of_kind(objects, "NetworkPolicy")
        if direction in p["spec"]["policyTypes"]
        and matches(p["spec"]["podSelector"], workload.labels)
    ]


def _meant(peers: list[Object], pod: Pod, home: Mapping[str, str]) -> bool:
    return not peers or any(
        "ipBlock" not in peer
        and matches(peer.get("podSelector", {}), pod.labels)
        and (
            matches(peer["namespaceSelector"], pod.namespace)
            if "namespaceSelector" in peer
            else pod.namespace == home
        )
        for peer in peers
    )


def _opened(ports: list[Object], server: Workload, port: int, protocol: str) -> bool:
    return not ports or any(
        p.get("protocol", "TCP") == protocol
        and port == port_numbers(server).get(p["port"], p["port"])
        for p in ports
    )
