"""Rules over what runs to its end: one at a time on the claim, and its steps in their order."""

from tests.meta.k8s.manifests import Object, Objects, Workload, workloads

ARTEFACTS = "artefacts"
STEPS = (  # each reads what one before it writes
    "training.alone",
    "training.prepare",
    "training.search.index",
    "training.materialize",
    "serving.features.snapshot",
    "training.train_retriever",
    "training.train_ranker",
    "training.export",
)


def jobs_work_one_at_a_time(objects: Objects) -> list[str]:
    """Whoever writes on the artefacts' claim holds its lock, from before its first step to its end."""
    return [
        f"{w}: nothing keeps it from the artefacts while another job works on them"
        for w in workloads(objects)
        if _writes_artefacts(w) and not _holds_the_lock(w.containers[0])
    ] + [
        f"{w}: shares the artefacts' lock, which members of a fusion alone may"
        for w in workloads(objects)
        if "--shared" in w.containers[0]["command"]
        and not all("member" in c["command"] for c in w.containers[1:])
    ]


def _writes_artefacts(workload: Workload) -> bool:
    claimed = {
        v["name"]
        for v in workload.pod.get("volumes", [])
        if v.get("persistentVolumeClaim", {}).get("claimName") == ARTEFACTS
        and not v["persistentVolumeClaim"].get("readOnly")
    }
    return any(
        m["name"] in claimed and not m.get("readOnly")
        for c in workload.containers
        for m in c.get("volumeMounts", [])
    )


def _holds_the_lock(container: Object) -> bool:
    command, probe = container["command"], container.get("startupProbe", {}).get("exec", {})
    return (
        "training.alone" in command
        and container.get("restartPolicy") == "Always"
        and probe.get("command") == ["test", "-e", command[-1]]
    )


def steps_come_in_their_order(objects: Objects) -> list[str]:
    """A patch of a component puts the init containers that it names in front of the others."""
    problems = []
    for workload in (w for w in workloads(objects) if w.kind == "CronJob"):
        steps = [s for c in workload.containers for s in c["command"] if s in STEPS]
        if steps != sorted(steps, key=STEPS.index):
            problems.append(f"{workload}: its steps run as {', '.join(steps)}")
    return problems
