"""The kubectl commands that documents and manifests tell people, held against what is rendered."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.meta.imports import ROOT
from tests.meta.k8s.facts import GIVEN
from tests.meta.k8s.manifests import Objects, matches, of_kind, workloads
from tests.meta.repository import texts

COMMAND = re.compile(r"kubectl (?=[-a-z])(?:\$\([^)]*\)|[^`\n|;&)])*")
REDIRECTED = re.compile(r"\s[<>]\s.*")
PLACEHOLDER = re.compile(r"[$<.*]")  # a name that the reader puts in
BUILDS = ("kustomize", "apply")
RUNS = ("create", "delete", "exec", "get", "label", "logs", "patch", "rollout", "scale", "wait")
SHORT = {"hpa": "horizontalpodautoscaler", "pvc": "persistentvolumeclaim", "pv": "persistentvolume"}
OF_THE_CLUSTER = ("namespace", "persistentvolume")
MADE = ("job", "pod", "secret", *OF_THE_CLUSTER, "persistentvolumeclaim")  # by others than `apply`
VALUED = ("-n", "-l", "-o", "-c", "-k", "-f", "-p")


@dataclass(frozen=True, slots=True)
class Command:
    text: str
    verb: str
    words: Sequence[str]  # without options
    options: Sequence[tuple[str, str]]

    def option(self, *names: str) -> str | None:
        return next((value for name, value in self.options if name in names), None)


def told() -> Iterator[str]:
    """Of every page and manifest; one without options, as a sentence may name it, is none."""
    for path, text in texts().items():
        if path.suffix in (".md", ".yaml") and path.relative_to(ROOT).parts[0] != "tests":
            found = (REDIRECTED.sub("", one).strip() for one in COMMAND.findall(text))
            yield from (one for one in found if " -" in one)


def parsed(text: str) -> Command:
    given = shlex.split(text)[1:]
    words: list[str] = []
    options: list[tuple[str, str]] = []
    while given:
        word = given.pop(0)
        if word == "--":
            break
        if word in VALUED and given:
            options.append((word, given.pop(0)))
        elif word.startswith("-"):
            options.append((word.partition("=")[0], word.partition("=")[2]))
        else:
            words.append(word)
    return Command(text, words[0] if words else "", words[1:], options)


def problems(text: str, objects: Objects, jobs: frozenset[str]) -> list[str]:
    """`objects` are all that any overlay may have, `jobs` the names of those that are made by hand."""
    command = parsed(text)
    folder = command.option("-k")
    if folder and not PLACEHOLDER.search(folder) and not (ROOT / folder).is_dir():
        return [f"{text}: there is no {folder}"]
    if command.verb in BUILDS or folder is not None or not command.words:
        return [] if command.verb in (*BUILDS, *RUNS) else [f"{text}: an unknown command"]
    if command.verb not in RUNS:
        return [f"{text}: an unknown command"]
    return [f"{text}: {wrong}" for wrong in _wrong(command, objects, jobs)]


def _wrong(command: Command, objects: Objects, jobs: frozenset[str]) -> Iterator[str]:
    named = list(_named(command))
    namespace = command.option("-n")
    if namespace != "recserve" and not all(kind in OF_THE_CLUSTER for kind, _ in named):
        yield "not in our namespace"
    if not named and command.option("--all") is None:
        yield "names no object"
    known = {(o["kind"].lower(), o["metadata"]["name"]) for o in objects}
    known |= {("job", name) for name in jobs} | set(_pods(objects))
    known |= {("secret", one.partition("/")[2]) for one in GIVEN}
    kinds = {kind for kind, _ in known} | set(MADE)
    found = {name for kind, name in named if (kind, name) in known}
    for kind, name in named:
        if PLACEHOLDER.search(kind + name) or kind in OF_THE_CLUSTER:
            continue
        if kind not in kinds:
            yield f"{kind} is no kind of ours"
        elif name and name not in found:
            yield f"there is no {kind} {name}"
    yield from _unchosen(command, objects)


def _named(command: Command) -> Iterator[tuple[str, str]]:
    """Kinds with names; "" where a kind alone is named."""
    words = list(command.words)
    if command.verb == "rollout":
        words = words[1:]
    if command.verb == "create":
        yield _kind(words[0]), ""
        if template := command.option("--from"):
            yield _kind(template.partition("/")[0]), template.partition("/")[2]
        elif words[0] == "secret":
            yield "secret", words[2]
        return
    words = [word for word in words if "=" not in word]  # labels
    pairs = [word.partition("/") for word in words if "/" in word]
    yield from ((_kind(kind), name) for kind, _, name in pairs)
    plain = [word for word in words if "/" not in word]
    if command.verb in ("exec", "logs"):
        yield from (("pod", name) for name in plain[:1])
    elif plain:
        for kind in plain[0].split(","):
            yield from ((_kind(kind), name) for name in plain[1:] or [""])


def _kind(word: str) -> str:
    return SHORT.get(word, word.removesuffix("s"))


def _pods(objects: Objects) -> Iterator[tuple[str, str]]:
    for one in of_kind(objects, "StatefulSet"):
        for number in range(one["spec"].get("replicas", 1)):
            yield "pod", f"{one['metadata']['name']}-{number}"


def _unchosen(command: Command, objects: Objects) -> Iterator[str]:
    if selector := command.option("-l"):
        wanted = {"matchLabels": dict(pair.split("=", 1) for pair in selector.split(","))}
        of_jobs = [
            o["spec"]["jobTemplate"].get("metadata", {}) for o in of_kind(objects, "CronJob")
        ]
        jobs = any(kind == "job" for kind, _ in _named(command))
        labelled = (
            [m.get("labels", {}) for m in of_jobs]
            if jobs
            else [w.labels for w in workloads(objects)]
        )
        if not any(matches(wanted, labels) for labels in labelled):
            yield f"nothing is labelled {selector}"
    containers = {c["name"] for w in workloads(objects) for c in w.containers}
    if (container := command.option("-c")) and container not in containers:
        yield f"no container is called {container}"


def made_by_hand(commands: Sequence[str]) -> frozenset[str]:
    """Jobs that some command makes."""
    return frozenset(
        c.words[1]
        for c in map(parsed, commands)
        if c.verb == "create" and c.words[:1] == ["job"] and len(c.words) > 1
    )
