"""Rules over kinds that a bare cluster doesn't know, of which there is no schema here."""

import re

from tests.meta.k8s.manifests import Objects, matches, name, of_kind, workloads

KNOWN = {  # kinds of components, by their API
    "ScaledObject": "keda.sh/v1alpha1",
    "PodMonitor": "monitoring.coreos.com/v1",
    "PrometheusRule": "monitoring.coreos.com/v1",
    "Certificate": "cert-manager.io/v1",
}
DURATION = re.compile(r"\d+[smh]")


def custom_kinds_are_known(objects: Objects) -> list[str]:
    return [
        f"{name(o)} is of {o['apiVersion']}"
        for o in objects
        if "." in o["apiVersion"].partition("/")[0].removesuffix(".k8s.io")
        and KNOWN.get(o["kind"]) != o["apiVersion"]
    ]


def monitors_find_a_port(objects: Objects) -> list[str]:
    problems = []
    for monitor in of_kind(objects, "PodMonitor"):
        spec = monitor["spec"]
        chosen = [w for w in workloads(objects) if matches(spec["selector"], w.labels)]
        if not chosen or not spec["podMetricsEndpoints"]:
            problems.append(f"{name(monitor)} chooses no pods")
        problems += [
            f"{name(monitor)}: {w} has no port {endpoint['port']}"
            for w in chosen
            for endpoint in spec["podMetricsEndpoints"]
            if endpoint["port"] not in {p["name"] for c in w.containers for p in c.get("ports", [])}
        ]
    return problems


def alerts_are_whole(objects: Objects) -> list[str]:
    return [
        f"{name(found)}: alert {rule.get('alert')} lacks a severity, a summary, a runbook or its time"
        for found in of_kind(objects, "PrometheusRule")
        for group in found["spec"]["groups"]
        for rule in group["rules"]
        if rule.get("labels", {}).get("severity") not in ("warning", "critical")
        or not {"summary", "runbook_url"} <= rule.get("annotations", {}).keys()
        or not DURATION.fullmatch(rule.get("for", "0m"))
    ]


def certificates_are_mounted(objects: Objects) -> list[str]:
    mounted = {
        v["secret"]["secretName"]
        for w in workloads(objects)
        for v in w.pod.get("volumes", [])
        if "secret" in v
    }
    services = {s["metadata"]["name"] for s in of_kind(objects, "Service")}
    return [
        f"{name(found)}: nobody mounts {found['spec']['secretName']}, or it is for no Service"
        for found in of_kind(objects, "Certificate")
        if found["spec"]["secretName"] not in mounted
        or not services & set(found["spec"]["dnsNames"])
    ]
