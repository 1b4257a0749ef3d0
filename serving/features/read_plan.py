"""The read plan: all that the gateway needs to know of features, compiled at export."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from serving.errors import ArtefactError
from serving.features.fold import ADD, Updates
from serving.features.layout import Layout, layout_of

InputKind = Literal["user", "user_list", "request_time", "item_id", "item", "mask", "eligible"]
StaleAction = Literal["serve_marked", "default", "drop"]
STALE_ACTIONS = get_args(StaleAction)
VERSION = 1


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """One feature view: whose it is, how its rows are laid out, how old they may be."""

    name: str
    entity: Literal["user", "item"]
    join_key: str
    max_age_s: int
    stale_action: StaleAction
    layout: Layout
    updates: Updates | None = None  # how events change its rows; None: they don't


@dataclass(frozen=True, slots=True)
class InputPlan:
    """One input tensor; `columns` are `<view>.<column>`, in order."""

    name: str
    kind: InputKind
    dtype: Literal["int64", "float32", "bool"]
    columns: tuple[str, ...]
    length: int  # of a user_list; of an eligible the items of the catalogue; else 0


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """One model: what it is called in Triton and what it takes and gives."""

    name: str
    feature_service: str
    triton_model: str
    pad_to: tuple[int, ...]  # allowed numbers of candidates, ascending; empty if it takes none
    inputs: tuple[InputPlan, ...]
    outputs: tuple[tuple[str, str], ...]  # (name, dtype)
    triton_version: str = ""  # decimal digits: told apart from another bundle's; empty: any will do


@dataclass(frozen=True, slots=True)
class ReadPlan:
    """Views and models of a bundle."""

    project: str
    id_kind: Literal["integer", "string"]
    views: Mapping[str, ViewPlan]
    models: Mapping[str, ModelPlan]

    @property
    def triton_versions(self) -> Mapping[str, str]:
        """By the models' names in Triton, where the plan says one."""
        found = self.models.values()
        return {m.triton_model: m.triton_version for m in found if m.triton_version}

    def views_of(self, entity: Literal["user", "item"]) -> tuple[ViewPlan, ...]:
        return tuple(v for v in self.views.values() if v.entity == entity)

    def item_columns(self, dtype: Literal["int64", "float32"]) -> tuple[str, ...]:
        """The item columns of all models, each once, in the order of the plan: the snapshot's."""
        found = {
            column: None
            for model in self.models.values()
            for wanted in model.inputs
            if wanted.kind == "item" and wanted.dtype == dtype
            for column in wanted.columns
        }
        return tuple(found)


def parse_read_plan(document: Mapping[str, Any], source: str) -> ReadPlan:
    """Reads the JSON of a read plan; `source` is named in errors.

    Raises:
        ArtefactError: another version, a fingerprint that isn't its columns', or a column unknown.
    """
    if document.get("version") != VERSION:
        raise ArtefactError(
            f"{source} is version {document.get('version')}, this program reads {VERSION}"
        )
    try:
        plan = ReadPlan(
            document["project"],
            document["id_kind"],
            {name: _view(name, v) for name, v in document["views"].items()},
            {name: _model(name, m) for name, m in document["models"].items()},
        )
    except KeyError as error:
        raise ArtefactError(f"{source} lacks {error}") from error
    problems = [
        f"view {name} has fingerprint {document['views'][name]['fingerprint']}, its columns say "
        f"{view.layout.fingerprint:016x}"
        for name, view in plan.views.items()
        if document["views"][name]["fingerprint"] != f"{view.layout.fingerprint:016x}"
    ]
    known = {f"{v.name}.{c.name}" for v in plan.views.values() for c in v.layout.columns}
    problems += [
        f"input {model.name}.{wanted.name} names {column}, which no view has"
        for model in plan.models.values()
        for wanted in model.inputs
        for column in wanted.columns
        if column not in known
    ]
    problems += [
        f"view {v.name} has stale_action {v.stale_action!r}; known are {', '.join(STALE_ACTIONS)}"
        for v in plan.views.values()
        if v.stale_action not in STALE_ACTIONS
    ]
    problems += [
        f"events update view {v.name}, which lacks {', '.join(lacking)}"
        for v in plan.views.values()
        if v.updates and (lacking := set(v.updates.columns) - {c.name for c in v.layout.columns})
    ]
    if problems:
        raise ArtefactError(f"{source}: {'; '.join(problems)}")
    return plan


def _view(name: str, view: Mapping[str, Any]) -> ViewPlan:
    return ViewPlan(
        name,
        view["entity"],
        view["join_key"],
        int(view["max_age_s"]),
        view["stale_action"],
        layout_of(view["columns"]),
        _updates(name, view["updates"]) if "updates" in view else None,
    )


def _updates(view: str, given: Mapping[str, Any]) -> Updates:
    if given["by"] not in ADD:
        raise ArtefactError(
            f"view {view} is updated by {given['by']!r}; this program knows {', '.join(ADD)}"
        )
    return Updates(
        given["by"],
        tuple(given["kinds"]),
        float(given.get("half_life_days", 0)),
        {name: float(days) for name, days in given.get("further_half_life_days", {}).items()},
        tuple(given.get("names", ())),
        tuple(given.get("windows_days", ())),
    )


def _model(name: str, model: Mapping[str, Any]) -> ModelPlan:
    return ModelPlan(
        name,
        model["feature_service"],
        model["triton_model"],
        tuple(model.get("pad_to", ())),
        tuple(
            InputPlan(
                i["name"], i["kind"], i["dtype"], tuple(i["columns"]), int(i.get("length", 0))
            )
            for i in model["inputs"]
        ),
        tuple((o["name"], o["dtype"]) for o in model["outputs"]),
        model.get("triton_version", ""),
    )
