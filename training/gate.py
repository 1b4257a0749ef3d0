"""Decides whether a bundle may be served, from the bundle alone and the features it is to be fed.

Every check gathers its problems; a refusal names them all.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from serving.bundle import Bundle, open_bundle
from serving.errors import ArtefactError
from serving.features.fields import view_layout
from training.bundle.documents import service_fingerprints
from training.bundle.gate_answers import answer_problems
from training.bundle.gate_graph import graph_problems
from training.bundle.parity import TOLERANCE, graph_of
from training.errors import GateRefused
from training.schema import schema

MEMBER_FIGURES = ("log_loss_calibrated", "bought_share")


def check(folder: Path, features: Mapping[str, Any]) -> None:
    """Returns if the bundle may be served.

    Args:
        folder: the whole bundle, with its manifest.
        features: features.yaml, from which the feature repository lays out its rows.

    Raises:
        GateRefused: with every reason.
    """
    try:
        bundle = open_bundle(folder)
        problems = list(_problems(bundle, features))
    except ArtefactError as error:
        raise GateRefused(f"the bundle is not served: {error}") from error
    if problems:
        raise GateRefused(f"the bundle is not served: {'; '.join(problems)}")


def _problems(bundle: Bundle, features: Mapping[str, Any]) -> Iterator[str]:
    yield from _fingerprints(bundle, features)
    yield from _columns(bundle, features)
    for name in bundle.policy.members:
        yield from _figures(name, bundle.manifest.get("metrics", {}).get(name, {}))
    for name, plan in bundle.plan.models.items():
        yield from _parity(name, bundle.manifest.get("parity", {}).get(name, {}))
        wrong = list(graph_problems(bundle.folder, plan))
        yield from wrong
        if not wrong:  # a graph of another form can't be run on the plan's tensors
            graph = graph_of(bundle.folder / "models", plan.triton_model)
            yield from answer_problems(bundle, plan, graph)


def _fingerprints(bundle: Bundle, features: Mapping[str, Any]) -> Iterator[str]:
    for name, view in bundle.plan.views.items():
        if name not in features["views"]:
            yield f"view {name} of the read plan is not in the feature repository"
            continue
        stored = view_layout(name, features["views"][name]["fields"]).fingerprint
        if stored != view.layout.fingerprint:
            yield (
                f"view {name} has fingerprint {view.layout.fingerprint:016x} in the read plan and "
                f"{stored:016x} in the feature repository"
            )
    declared = bundle.manifest.get("feature_services", {})
    for name, fingerprint in service_fingerprints(features).items():
        if declared.get(name) != fingerprint:
            yield (
                f"feature service {name} has fingerprint {declared.get(name)} in the manifest and "
                f"{fingerprint} in the feature repository"
            )


def _columns(bundle: Bundle, features: Mapping[str, Any]) -> Iterator[str]:
    """The graph knows a column by its place alone, so each must be where the service puts it."""
    for model in bundle.plan.models.values():
        if model.feature_service not in features["services"]:
            yield f"{model.name}: feature service {model.feature_service} is not in the repository"
            continue
        taught = {i.name: i.columns for i in schema(features, model.feature_service).inputs}
        for wanted in (i for i in model.inputs if i.kind != "eligible"):
            if taught.get(wanted.name) != wanted.columns:
                yield (
                    f"{model.name}: input {wanted.name} has other columns, or another order, than "
                    f"feature service {model.feature_service}"
                )


def _figures(member: str, measured: Mapping[str, Any]) -> Iterator[str]:
    """Every member must say more than how much is bought on the whole."""
    missing = [name for name in MEMBER_FIGURES if not isinstance(measured.get(name), float)]
    if missing:
        yield f"{member}: the validation lacks {', '.join(missing)}"
        return
    loss, share = (float(measured[name]) for name in MEMBER_FIGURES)
    if not 0 < share < 1:
        yield f"{member}: of the validation pairs a share of {share} is bought, which judges nothing"
        return
    entropy = -share * math.log(share) - (1 - share) * math.log1p(-share)
    if not loss < entropy:
        yield (
            f"{member}: the validation log loss is {loss:.4f}; to know no more than the share bought "
            f"gives {entropy:.4f}"
        )


def _parity(model: str, parity: Mapping[str, Any]) -> Iterator[str]:
    for how in ("onnxruntime", "served"):
        apart = parity.get(how)
        if not isinstance(apart, float):
            yield f"{model}: no parity result for {how}"
        elif not apart <= TOLERANCE:
            yield (
                f"{model}: {how} and the framework differ by {apart:.0e}, where {TOLERANCE:.0e} is "
                "allowed"
            )
