"""Opens a bundle: the immutable folder in which training and serving meet (docs/contracts.md)."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from serving.errors import ArtefactError
from serving.features.read_plan import ModelPlan, ReadPlan, parse_read_plan
from serving.stages.fuse import Blend, Fusion
from serving.types import Keys

VERSION, POLICY_VERSION = 1, 2
CATALOGUE = "catalogue.npy"
UNHASHED = ("bundle_id", "created_at")  # of the manifest


@dataclass(frozen=True, slots=True)
class SourcePolicy:
    """One candidate source: its quota, and the model that it asks or the user's list that it reads."""

    name: str  # that of the one source without either is "popular"
    quota: int
    model: str | None  # of the read plan
    items: str | None  # `<view>.<column>` of item keys, best first


@dataclass(frozen=True, slots=True)
class BundlePolicy:
    """What the bundle answers and how candidates are gathered."""

    surfaces: tuple[str, ...]  # names of recserve.v1.Surface
    fusion: Fusion  # of the models that rank
    max_candidates: int
    sources: tuple[SourcePolicy, ...]  # in the order in which they fill the candidate list
    similar_model: str | None
    classification_threshold: float

    @property
    def members(self) -> tuple[str, ...]:
        """Models of the read plan, in the order of what each adds to the fusion."""
        return self.fusion.members


@dataclass(frozen=True, slots=True)
class Bundle:
    """An opened bundle; `manifest` is the whole document."""

    folder: Path
    bundle_id: str
    manifest: Mapping[str, Any]
    plan: ReadPlan
    policy: BundlePolicy
    catalogue: Keys  # (I,) ascending: what models search; empty if none asks what is eligible

    @property
    def horizon_days(self) -> int:
        """Days after a cut-off within which the models' labels count."""
        return int(self.manifest["horizon_days"])


def open_bundle(folder: Path) -> Bundle:
    """Opens `folder`, or what it links to.

    Raises:
        ArtefactError: a file is missing or of another version, or a file was changed after export.
    """
    folder = folder.resolve()
    manifest = _document(folder / "manifest.json")
    bundle_id = str(manifest.get("bundle_id"))
    found = content_id(folder)
    if found != bundle_id:
        raise ArtefactError(
            f"{folder} was changed after export: its content is {found}, its manifest says {bundle_id}"
        )
    if not isinstance(manifest.get("horizon_days"), int):
        raise ArtefactError(f"{folder}/manifest.json has no horizon_days; export it again")
    plan = parse_read_plan(_document(folder / "read_plan.json"), str(folder / "read_plan.json"))
    policy = _policy(_document(folder / "policy.json", POLICY_VERSION), folder / "policy.json")
    models = [*policy.members, *(s.model for s in policy.sources if s.model)]
    missing = [m for m in models if m not in plan.models]
    if missing:
        raise ArtefactError(
            f"{folder}/policy.json names models without a plan: {', '.join(missing)}"
        )
    if unlike := _unlike([plan.models[name] for name in policy.members]):
        raise ArtefactError(f"{folder}/read_plan.json: {'; '.join(unlike)}")
    catalogue = read_catalogue(folder / CATALOGUE, plan)
    return Bundle(folder, bundle_id, manifest, plan, policy, catalogue)


def content_id(folder: Path) -> str:
    """First 16 hex digits of SHA-256 over every file's path and content, the manifest less its own id."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix()
        content = path.read_bytes()
        if name == "manifest.json":
            kept = {k: v for k, v in json.loads(content).items() if k not in UNHASHED}
            content = json.dumps(kept, sort_keys=True).encode()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def read_catalogue(path: Path, plan: ReadPlan) -> Keys:
    """(I,) keys; none where no model of the plan asks what is eligible.

    Raises:
        ArtefactError: the file is missing, isn't ascending int64, or of another length than the plan says.
    """
    lengths = {
        model.name: wanted.length
        for model in plan.models.values()
        for wanted in model.inputs
        if wanted.kind == "eligible"
    }
    if not lengths:
        return np.empty(0, dtype=np.int64)
    if not path.is_file():
        raise ArtefactError(
            f"{path} is missing, which {', '.join(lengths)} searches; export it again"
        )
    try:
        keys: Keys = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ArtefactError(f"{path} is no array: {error}; export it again") from error
    if keys.dtype != np.int64 or keys.ndim != 1 or not (keys[1:] > keys[:-1]).all():
        raise ArtefactError(f"{path} must hold int64 keys, ascending; export it again")
    if other := [f"{name} {length}" for name, length in lengths.items() if length != len(keys)]:
        raise ArtefactError(f"{path} has {len(keys)} items, the plan of {', '.join(other)}")
    return keys


def _document(path: Path, version: int = VERSION) -> dict[str, Any]:
    if not path.is_file():
        raise ArtefactError(f"{path} is missing")
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise ArtefactError(f"{path} is no JSON: {error}; export it again") from error
    if not isinstance(document, dict):
        raise ArtefactError(f"{path} is no JSON object; export it again")
    if document.get("version") != version:
        raise ArtefactError(
            f"{path} is version {document.get('version')}, this program reads {version}"
        )
    return document


def _policy(document: Mapping[str, Any], path: Path) -> BundlePolicy:
    try:
        policy = BundlePolicy(
            tuple(document["surfaces"]),
            _fusion(document),
            int(document["max_candidates"]),
            tuple(
                SourcePolicy(name, int(s["quota"]), s.get("model"), s.get("items"))
                for name, s in document["sources"].items()
            ),
            document.get("similar", {}).get("model"),
            float(document["classification_threshold"]),
        )
    except KeyError as error:
        raise ArtefactError(f"{path} lacks {error}") from error
    if problems := list(policy.fusion.problems()):
        raise ArtefactError(f"{path}: {'; '.join(problems)}")
    return policy


def _fusion(document: Mapping[str, Any]) -> Fusion:
    return Fusion(
        tuple(document["members"]),
        tuple(
            Blend(tuple(one["members"]), tuple(map(float, one["weights"])), float(one["offset"]))
            for one in document["fusion"]
        ),
    )


def _unlike(members: Sequence[ModelPlan]) -> list[str]:
    """What keeps the members from being asked with the same tensors."""
    first, *others = members
    found = []
    for other in others:
        differing = {i.name for i in set(first.inputs) ^ set(other.inputs)}
        if other.pad_to != first.pad_to:
            differing.add("pad_to")
        if differing:
            found.append(
                f"members {first.name} and {other.name} differ in {', '.join(sorted(differing))}; all "
                "members take the same tensors"
            )
    return found
