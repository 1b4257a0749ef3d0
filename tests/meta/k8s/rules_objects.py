"""Rules over scaling, disruption, schedules, references, names and settings."""

from collections.abc import Collection, Iterator
from zoneinfo import available_timezones

from tests.meta.k8s.cron import CronError, shortest_period_s
from tests.meta.k8s.facts import CONNECTION_S
from tests.meta.k8s.manifests import (
    SCALERS,
    Object,
    Objects,
    Workload,
    counted,
    environment,
    matches,
    name,
    of_kind,
    quantity,
    redis_conf,
    replicas,
    workloads,
)

API_GROUPS = ("v1", "apps/", "batch/", "policy/", "autoscaling/", "networking.k8s.io/")
LOG_ENTRY_BYTES = 1200  # measured, at 20 items an answer
FEATURES_BYTES = 2**30
EVENT_BYTES = 600  # in stream, overlay and among the ids; tests/integration/ingest/test_room.py
EVENT_ID_BYTES = 200  # what stays for a day
DAY_OF_EVENTS = 5_000_000  # what the manifests are made for; docs/operations.md
SHARD, POD_INDEX = "RECSERVE_INGEST_SHARD", "POD_INDEX"
SEEN_S = 10  # how often the controller looks for jobs to start
MEMBERS = "RECSERVE_TRAINING_MEMBERS"
REWRITE = 1.4  # of the memory in use, while pages are copied
LABELS = ("app.kubernetes.io/name", "app.kubernetes.io/component", "app.kubernetes.io/part-of")


def autoscalers_can_scale(objects: Objects) -> list[str]:
    problems = []
    known = {(w.kind, w.name): w for w in workloads(objects)}
    scaled = []
    for scaler in of_kind(objects, *SCALERS):
        spec = scaler["spec"]
        least, most = SCALERS[scaler["kind"]]
        target = known.get((spec["scaleTargetRef"]["kind"], spec["scaleTargetRef"]["name"]))
        if target is None:
            problems.append(f"{name(scaler)}: its target doesn't exist")
        elif "replicas" in target.spec:
            problems.append(f"{name(scaler)}: {target} sets replicas too, each undoes the other")
        if target in scaled:
            problems.append(f"{name(scaler)}: {target} is scaled twice, each undoes the other")
        scaled.append(target)
        if not 1 <= spec.get(least, 1) <= spec[most]:
            problems.append(f"{name(scaler)}: {least} is not from 1 to {most}")
        problems += [
            f"{name(scaler)}: a target of {aim} means nothing"
            for aim in _aims(spec)
            if not float(aim) > 0
        ]
    return problems


def autoscalers_step_down_slowly(objects: Objects) -> list[str]:
    """Longer than a connection of the callers lives, a pod at a time; the default takes all at once."""
    problems = []
    for scaler in of_kind(objects, *SCALERS):
        spec = scaler["spec"]
        advanced = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {})
        down = (advanced or spec).get("behavior", {}).get("scaleDown", {})
        steps = [(p["type"], p["value"]) for p in down.get("policies", [])]
        if down.get("stabilizationWindowSeconds", 0) < CONNECTION_S or steps != [("Pods", 1)]:
            problems.append(f"{name(scaler)}: pods go before callers have spread")
    return problems


def _aims(spec: Object) -> Iterator[float | str]:
    for metric in spec.get("metrics", []):
        yield metric["resource"]["target"].get("averageUtilization", 0)
    for trigger in spec.get("triggers", []):
        yield trigger["metadata"].get("threshold") or trigger["metadata"].get("value", 0)


def disruption_budgets_allow_an_eviction(objects: Objects) -> list[str]:
    problems = []
    for budget in of_kind(objects, "PodDisruptionBudget"):
        spec = budget["spec"]
        bounds = [b for b in ("minAvailable", "maxUnavailable") if b in spec]
        chosen = [w for w in workloads(objects) if matches(spec["selector"], w.labels)]
        if len(bounds) != 1:
            problems.append(f"{name(budget)} has {len(bounds)} bounds, one is allowed")
        if not chosen:
            problems.append(f"{name(budget)} selects no pods")
        running = sum(replicas(objects, w) for w in chosen)
        spared = counted(spec.get("maxUnavailable", 1), running)
        if spared == 0 or counted(spec.get("minAvailable", 0), running) >= running > 0:
            problems.append(f"{name(budget)} never allows an eviction: no node can be drained")
    return problems


def servers_have_one_budget_each(objects: Objects) -> list[str]:
    """An eviction of a pod that two budgets choose is refused; one of a pod without any stops at nothing."""
    problems = []
    for workload in workloads(objects):
        if workload.kind == "CronJob":
            continue
        budgets = [
            name(b)
            for b in of_kind(objects, "PodDisruptionBudget")
            if matches(b["spec"]["selector"], workload.labels)
        ]
        if len(budgets) != 1:
            problems.append(f"{workload}: its pods have {len(budgets)} budgets, not one")
    return problems


def pods_that_are_not_ready_can_be_evicted(objects: Objects) -> list[str]:
    """By default a budget protects them too: one that never gets ready keeps its node from being drained."""
    return [
        f"{name(b)} keeps pods that aren't ready from being evicted"
        for b in of_kind(objects, "PodDisruptionBudget")
        if b["spec"].get("unhealthyPodEvictionPolicy") != "AlwaysAllow"
    ]


def schedules_can_run(objects: Objects) -> list[str]:
    problems = []
    for job in of_kind(objects, "CronJob"):
        spec = job["spec"]
        if spec.get("timeZone") not in available_timezones():
            problems.append(f"{name(job)}: timeZone is {spec.get('timeZone')}")
        if spec.get("concurrencyPolicy") != "Forbid":
            problems.append(f"{name(job)}: two runs may write the same folder")
        try:
            period = shortest_period_s(spec["schedule"])
        except CronError as error:
            problems.append(f"{name(job)}: {error}")
            continue
        deadline = spec["jobTemplate"]["spec"].get("activeDeadlineSeconds")
        late = spec.get("startingDeadlineSeconds")
        if late is None or not SEEN_S <= late < period:
            problems.append(f"{name(job)}: may start {late} s late")
        if deadline is None or deadline >= period:
            problems.append(f"{name(job)}: deadline {deadline} s is not below its {period} s")
    return problems


def references_resolve(objects: Objects, given: Collection[str] = ()) -> list[str]:
    """`given` are objects that the operator makes, as `Secret/name`."""
    known = {name(o) for o in objects} | set(given)
    return [
        f"{workload} names {wanted}, which doesn't exist"
        for workload in workloads(objects)
        for wanted in _references(workload)
        if wanted not in known
    ]


def _references(workload: Workload) -> Iterator[str]:
    yield f"ServiceAccount/{workload.pod['serviceAccountName']}"
    if workload.kind == "StatefulSet":
        yield f"Service/{workload.spec['serviceName']}"
    for volume in workload.pod.get("volumes", []):
        if "configMap" in volume:
            yield f"ConfigMap/{volume['configMap']['name']}"
        if "secret" in volume:
            yield f"Secret/{volume['secret']['secretName']}"
        if "persistentVolumeClaim" in volume:
            yield f"PersistentVolumeClaim/{volume['persistentVolumeClaim']['claimName']}"
    for container in workload.containers:
        yield from _of_variables(container)


def _of_variables(container: Object) -> Iterator[str]:
    for source in container.get("envFrom", []):
        kind = "ConfigMap" if "configMapRef" in source else "Secret"
        yield f"{kind}/{source.get('configMapRef', source.get('secretRef'))['name']}"
    for variable in container.get("env", []):
        for kind, field in (("ConfigMap", "configMapKeyRef"), ("Secret", "secretKeyRef")):
            if named := variable.get("valueFrom", {}).get(field):
                yield f"{kind}/{named['name']}"


def mounts_have_volumes(objects: Objects) -> list[str]:
    problems = []
    for workload in workloads(objects):
        claims: list[Object] = workload.spec.get("volumeClaimTemplates", [])
        known = {v["name"] for v in workload.pod.get("volumes", [])}
        known |= {c["metadata"]["name"] for c in claims}
        mounted = {m["name"] for c in workload.containers for m in c.get("volumeMounts", [])}
        problems += [f"{workload}: volume {v} is mounted, not there" for v in mounted - known]
        problems += [f"{workload}: volume {v} is never mounted" for v in known - mounted]
    return problems


def labels_agree(objects: Objects) -> list[str]:
    problems = [
        f"{workload}: its pods lack {label}"
        for workload in workloads(objects)
        for label in LABELS
        if label not in workload.labels
    ]
    return problems + [
        f"{w}: its pods are named {w.labels[LABELS[0]]}"
        for w in workloads(objects)
        if w.labels.get(LABELS[0], w.name) != w.name
    ]


def kinds_are_built_in(objects: Objects) -> list[str]:
    return [
        f"{name(o)} is of {o['apiVersion']}, which a bare cluster doesn't know"
        for o in objects
        if not o["apiVersion"].startswith(API_GROUPS)
    ]


def objects_share_the_namespace(objects: Objects) -> list[str]:
    names = [o["metadata"]["name"] for o in of_kind(objects, "Namespace")]
    return [
        f"{name(o)} is in namespace {o['metadata'].get('namespace')}, not in {names}"
        for o in objects
        if o["kind"] != "Namespace" and [o["metadata"].get("namespace")] != names
    ]


def redis_has_room(objects: Objects, log_entries: int, event_entries: int) -> list[str]:
    """For all that is kept, as a full Redis lets nobody write, and to rewrite its file."""
    needed = log_entries * LOG_ENTRY_BYTES + event_entries * EVENT_BYTES + FEATURES_BYTES
    problems = []
    for workload in workloads(objects):
        for container in workload.containers:
            if container["command"][0] != "redis-server":
                continue
            memory = _max_memory(objects)
            limit = quantity(container["resources"]["limits"]["memory"])
            if memory < needed + DAY_OF_EVENTS * EVENT_ID_BYTES:
                problems.append(f"{workload}: request log, events and features would fill it")
            if memory * REWRITE > limit:
                problems.append(
                    f"{workload}: a rewrite of its file needs more than {limit:.0f} bytes"
                )
    return problems


def _max_memory(objects: Objects) -> float:
    return float(redis_conf(objects)["maxmemory"].removesuffix("gb")) * 2**30


def every_shard_has_its_worker(objects: Objects) -> list[str]:
    """The ingest workers share the partitions among as many as there are, each by the number of its pod."""
    problems = []
    for workload in workloads(objects):
        for container in workload.containers:
            if SHARD not in (found := environment(objects, container)):
                continue
            wanted = f"$({POD_INDEX})/{replicas(objects, workload)}"
            if found[SHARD] != wanted:
                problems.append(f"{workload}: {SHARD} is {found[SHARD]}, not {wanted}")
            if workload.kind != "StatefulSet" or not _gives_its_number(container):
                problems.append(f"{workload}: its pods don't know their number in {POD_INDEX}")
    return problems


def every_member_has_its_pod(objects: Objects, default: str) -> list[str]:
    """Of the fusion, where each is taught by the pod of its index; `default` are those that are not told."""
    problems = []
    for workload in workloads(objects):
        for container in workload.containers:
            if "member" not in container["command"]:
                continue
            members = environment(objects, container).get(MEMBERS, default).split(",")
            job = workload.spec["jobTemplate"]["spec"]
            if job.get("completionMode") != "Indexed" or job.get("completions") != len(members):
                problems.append(f"{workload}: not a pod an index for each of {', '.join(members)}")
    return problems


def _gives_its_number(container: Object) -> bool:
    """Before it is made use of: Kubernetes expands what stands above."""
    names = [variable["name"] for variable in container["env"]]
    given = {
        variable["name"]: variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        for variable in container["env"]
    }
    if given.get(POD_INDEX) != "metadata.labels['apps.kubernetes.io/pod-index']":
        return False
    return names.index(POD_INDEX) < names.index(SHARD)


def variables_are_settings(objects: Objects, settings: Collection[str]) -> list[str]:
    """`settings` are the names of all environment variables that the programs read."""
    return [
        f"{w} {c['name']}: {variable} is no setting"
        for w in workloads(objects)
        for c in w.containers
        for variable in environment(objects, c)
        if variable.startswith("RECSERVE_") and variable not in settings
    ]
