"""Rules over nodes: which pods go where, and what fits."""

from tests.meta.k8s.manifests import Objects, Workload, matches, quantity, replicas, workloads

HOSTNAME, MOST_WEIGHT = "kubernetes.io/hostname", 100
GPU = "nvidia.com/gpu"


def replicas_are_spread(objects: Objects) -> list[str]:
    return [
        f"{w}: {replicas(objects, w)} replicas may share one node, or wait for one that is barred"
        for w in workloads(objects)
        if w.kind == "Deployment" and replicas(objects, w) > 1 and not _spread(w)
    ]


def _spread(workload: Workload) -> bool:
    """By a hard rule; or, of any number of pods, by a soft one and a preference, which together win."""
    return any(
        c["topologyKey"] == HOSTNAME
        and (
            c["whenUnsatisfiable"] == "DoNotSchedule"
            or ("replicas" not in workload.spec and _keeps_apart(workload))
        )
        # By default tainted nodes count: an empty control plane would keep all others at one pod.
        and c.get("nodeTaintsPolicy") == "Honor"
        and c["labelSelector"]["matchLabels"].items() <= dict(workload.labels).items()
        for c in workload.pod.get("topologySpreadConstraints", [])
    )


def _keeps_apart(workload: Workload) -> bool:
    preferred = (
        workload.pod.get("affinity", {})
        .get("podAntiAffinity", {})
        .get("preferredDuringSchedulingIgnoredDuringExecution", [])
    )
    return any(
        p["weight"] == MOST_WEIGHT
        and p["podAffinityTerm"]["topologyKey"] == HOSTNAME
        and matches(p["podAffinityTerm"]["labelSelector"], workload.labels)
        for p in preferred
    )


def autoscaled_pods_may_share_a_node(objects: Objects) -> list[str]:
    """Of a hard spread a node without room holds all others at one pod more than it has."""
    return [
        f"{w}: it may not grow beyond what its fullest node allows"
        for w in workloads(objects)
        if w.kind == "Deployment" and "replicas" not in w.spec
        for c in w.pod.get("topologySpreadConstraints", [])
        if c["whenUnsatisfiable"] == "DoNotSchedule"
    ]


def gpus_are_sought_where_they_are(objects: Objects) -> list[str]:
    """Else nodes without one count as nodes without a pod, and the spread allows one pod a node with GPUs."""
    return [
        f"{w}: its pods may be meant for nodes without a GPU"
        for w in workloads(objects)
        if any(GPU in c.get("resources", {}).get("limits", {}) for c in w.containers)
        and not _only_on_gpus(w)
    ]


def _only_on_gpus(workload: Workload) -> bool:
    required = (
        workload.pod.get("affinity", {})
        .get("nodeAffinity", {})
        .get("requiredDuringSchedulingIgnoredDuringExecution", {})
        .get("nodeSelectorTerms", [])
    )
    return bool(required) and all(
        {"key": f"{GPU}.present", "operator": "In", "values": ["true"]}
        in term.get("matchExpressions", [])
        for term in required
    )


def asked_at_once(objects: Objects, resource: str) -> float:
    """What all servers and the largest of the jobs ask of their nodes."""
    servers, jobs = 0.0, [0.0]
    for workload in workloads(objects):
        asked = _asked(workload, resource)
        if workload.kind == "CronJob":
            jobs.append(asked)
        else:
            servers += replicas(objects, workload) * asked
    return servers + max(jobs)


def _asked(workload: Workload, resource: str) -> float:
    """Of a pod: init containers run one by one, but for those that stay beside all others."""
    steps: list[float] = []
    beside = 0.0
    for container in workload.pod.get("initContainers", []):
        request = quantity(container["resources"]["requests"][resource])
        if container.get("restartPolicy") == "Always":
            beside += request
        else:
            steps.append(request)
    main = sum(quantity(c["resources"]["requests"][resource]) for c in workload.pod["containers"])
    return beside + max([main, *steps])
