"""Rules over servers: where they listen, how they are replaced, and how they end."""

import re
from math import floor

from tests.meta.k8s.facts import LISTENS, TRITON_LISTENS
from tests.meta.k8s.manifests import (
    Object,
    Objects,
    Workload,
    counted,
    environment,
    matches,
    of_kind,
    pre_stop_s,
    redis_conf,
    replicas,
    workloads,
)

TRITON_PORT = re.compile(r"--(\w+)-port=(\d+)")
LISTS_S = 5  # until every node's kube-proxy has taken an ended pod from its list


def programs_listen_at_their_ports(objects: Objects) -> list[str]:
    """Ports in manifests are words; where a program listens is said by its settings."""
    problems = []
    for workload in workloads(objects):
        for container in workload.containers:
            declared = {p["name"]: p["containerPort"] for p in container.get("ports", [])}
            if declared != (told := _told(objects, container)):
                problems.append(
                    f"{workload} {container['name']}: listens at {told}, not {declared}"
                )
    return problems


def _told(objects: Objects, container: Object) -> dict[str, int]:
    command = container["command"]
    if command[0] == "redis-server":
        return {"redis": int(redis_conf(objects)["port"])}
    if "tritonserver" in command:
        given = [TRITON_PORT.fullmatch(a) for a in container.get("args", [])]
        return TRITON_LISTENS | {found[1]: int(found[2]) for found in given if found}
    variables = environment(objects, container)
    return {
        port: int(variables.get(variable, default))
        for module, ports in LISTENS.items()
        if module in command
        for port, (variable, default) in ports.items()
    }


def stateful_sets_name_their_pods(objects: Objects) -> list[str]:
    headless = {
        s["metadata"]["name"]
        for s in of_kind(objects, "Service")
        if s["spec"].get("clusterIP") == "None"
    }
    return [
        f"{w}: its Service gives its pods no names"
        for w in workloads(objects)
        if w.kind == "StatefulSet" and w.spec["serviceName"] not in headless
    ]


def servers_end_after_the_lists_of_their_services(objects: Objects) -> list[str]:
    """New connections come through a Service until every node knows; of a headless one clients look again."""
    selectors = [
        {"matchLabels": s["spec"]["selector"]}
        for s in of_kind(objects, "Service")
        if s["spec"].get("clusterIP") != "None"
    ]
    return [
        f"{w} {c['name']}: preStop of {pre_stop_s(c):g} s is below {LISTS_S} s"
        for w in workloads(objects)
        if any(matches(selector, w.labels) for selector in selectors)
        for c in w.pod["containers"]
        if pre_stop_s(c) < LISTS_S
    ]


def roll_outs_take_no_more_than_budgets(objects: Objects) -> list[str]:
    """What may be evicted at a time is what may be replaced at a time."""
    problems = []
    for workload in workloads(objects):
        if workload.kind != "Deployment":
            continue
        strategy = workload.spec.get("strategy", {})
        if strategy.get("type", "RollingUpdate") != "RollingUpdate":
            problems.append(f"{workload}: a roll-out ends every pod before the first new one")
            continue
        running = replicas(objects, workload)
        bound = strategy.get("rollingUpdate", {}).get("maxUnavailable", "25%")
        taken = counted(bound, running, floor)
        if taken > (spared := _spared(objects, workload, running)):
            problems.append(f"{workload}: a roll-out may take {taken} pods, budgets {spared}")
    return problems


def _spared(objects: Objects, workload: Workload, running: int) -> int:
    """The fewest that a budget lets go; one where there is none."""
    found = [1]
    for budget in of_kind(objects, "PodDisruptionBudget"):
        spec = budget["spec"]
        if matches(spec["selector"], workload.labels):
            if "maxUnavailable" in spec:
                found.append(counted(spec["maxUnavailable"], running))
            if "minAvailable" in spec:
                found.append(running - counted(spec["minAvailable"], running))
    return min(found)


BY_HAND = ("training.train_ranker", "training.export", "feast")  # a new model, rows written again


def what_people_decide_waits_for_them(objects: Objects) -> list[str]:
    return [
        f"{w} runs by itself"
        for w in workloads(objects)
        if any(set(BY_HAND) & set(c["command"]) for c in w.containers) and not w.spec.get("suspend")
    ]
