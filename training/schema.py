"""Which tensors a model takes, derived from its feature service; the read plan says the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from training.errors import PreparedError

Kind = Literal["user", "user_list", "request_time", "item_id", "item", "mask", "eligible"]
OWNED = (
    *("owned_item", "owned_score", "owned_score_28", "owned_score_364"),
    *("owned_count", "owned_last_s", "owned_interval_days"),
)
AFFINITY = ("key", "share", "last_s", "interval_days")  # users' lists <column>_<part>
RECENT, RECENT_S = "recent_item", "recent_s"
ITEM = "item"  # the vocabulary of item ids
SCALARS = {"float32": "float", "string": "key"}


@dataclass(frozen=True, slots=True)
class Field:
    """A feature of a view; `length` 0 is a scalar."""

    view: str
    name: str
    dtype: str
    entity: str
    length: int

    @property
    def path(self) -> str:
        return f"{self.view}.{self.name}"


@dataclass(frozen=True, slots=True)
class Input:
    """One tensor of a model, as the contract's table of kinds says."""

    name: str
    kind: Kind
    dtype: str
    columns: tuple[str, ...] = ()
    length: int = 0


@dataclass(frozen=True, slots=True)
class Schema:
    """The inputs of the ranker; those of the user tower are `for_users`."""

    inputs: tuple[Input, ...]
    affinities: tuple[str, ...]  # item columns for which users have the lists of AFFINITY

    def __getitem__(self, name: str) -> Input:
        return next(i for i in self.inputs if i.name == name)

    def has(self, name: str) -> bool:
        return any(i.name == name for i in self.inputs)

    def columns(self, name: str) -> tuple[str, ...]:
        """Paths of the input's columns; none if the model has no such input."""
        return self[name].columns if self.has(name) else ()

    def of_kind(self, *kinds: Kind) -> tuple[Input, ...]:
        return tuple(i for i in self.inputs if i.kind in kinds)

    def for_users(self) -> tuple[Input, ...]:
        """The user tower takes no purchase times: its lists are already ordered and decayed."""
        return tuple(i for i in self.for_retrievers() if i.name != RECENT_S)

    def for_retrievers(self) -> tuple[Input, ...]:
        """What any retriever takes of a person, beside the time of the request."""
        unused = {*OWNED[2:], *(f"{c}_{part}" for c in self.affinities for part in AFFINITY[2:])}
        return tuple(i for i in self.of_kind("user", "user_list") if i.name not in unused)


def eligible(items: int) -> Input:
    """(B, items): which items of the catalogue may be proposed, for a model that searches it."""
    return Input("eligible", "eligible", "bool", length=items)


def service_fields(features: Mapping[str, Any], service: str) -> list[Field]:
    """The fields of a feature service, in its order.

    Raises:
        PreparedError: the service or one of its fields is not in features.yaml.
    """
    if service not in features["services"]:
        raise PreparedError(f"features.yaml has no service {service}; run the prepare step again")
    found: list[Field] = []
    problems: list[str] = []
    for view, names in features["services"][service].items():
        described = features["views"].get(view, {"fields": [], "entity": "?"})
        declared = {f["name"]: f for f in described["fields"]}
        problems += [f"{view}.{name}" for name in names if name not in declared]
        found += [
            Field(
                view, n, declared[n]["dtype"], described["entity"], declared[n].get("max_length", 0)
            )
            for n in names
            if n in declared
        ]
    if problems:
        raise PreparedError(
            f"service {service} names fields that no view has: {', '.join(problems)}"
        )
    return found


def schema(features: Mapping[str, Any], service: str) -> Schema:
    """The tensors of the model that is served by `service`."""
    fields = service_fields(features, service)
    affinities = _affinities(fields)
    lists = [f for f in fields if f.entity == "user" and f.length]
    used = {
        *OWNED,
        RECENT,
        RECENT_S,
        *(f"{c}_{part}" for c in affinities for part in AFFINITY),
    }
    missing = [name for name in (*OWNED, RECENT, RECENT_S) if name not in {f.name for f in lists}]
    if missing:
        raise PreparedError(f"service {service} lacks the history lists {', '.join(missing)}")
    inputs = [
        *_scalars(fields, "user"),
        *(
            Input(f.name, "user_list", f.dtype.removesuffix("_list"), (f.path,), f.length)
            for f in lists
            if f.name in used
        ),
        Input("request_time", "request_time", "int64"),
        Input("item_id", "item_id", "int64"),
        *_scalars(fields, "item"),
        Input("mask", "mask", "bool"),
    ]
    names = [i.name for i in inputs]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise PreparedError(f"service {service} has two lists or inputs named {', '.join(twice)}")
    return Schema(tuple(inputs), affinities)


def _scalars(fields: Sequence[Field], entity: Literal["user", "item"]) -> list[Input]:
    mine = [f for f in fields if f.entity == entity and not f.length]
    strange = [f"{f.path} ({f.dtype})" for f in mine if f.dtype not in SCALARS]
    if strange:
        raise PreparedError(f"models take float32 and string scalars, not {', '.join(strange)}")
    found: list[Input] = []
    for dtype, suffix in SCALARS.items():
        columns = tuple(f.path for f in mine if f.dtype == dtype)
        if columns:
            tensor = "int64" if dtype == "string" else dtype
            found.append(Input(f"{entity}_{suffix}", entity, tensor, columns))
    return found


def _affinities(fields: Sequence[Field]) -> tuple[str, ...]:
    """Item columns for which the user has all lists of an affinity."""
    lists = {f.name for f in fields if f.entity == "user" and f.length}
    return tuple(
        f.name
        for f in fields
        if f.entity == "item" and {f"{f.name}_{part}" for part in AFFINITY} <= lists
    )


def row_vocabularies(of: Schema) -> dict[str, tuple[str, ...]]:
    """For each input that has a `<name>__row` twin, the vocabulary of each of its columns.

    Scalars (`user_key`, `item_key`) have one a column; lists and `item_id` have one.
    """
    found: dict[str, tuple[str, ...]] = {}
    for wanted in of.inputs:
        listed = list_vocabulary(wanted.name) if wanted.kind == "user_list" else None
        if listed is not None:
            found[wanted.name] = (listed,)
        elif wanted.kind == "item_id":
            found[wanted.name] = (ITEM,)
        elif wanted.kind in ("user", "item") and wanted.dtype == "int64":
            found[wanted.name] = tuple(column.split(".")[1] for column in wanted.columns)
    return found


def list_vocabulary(name: str) -> str | None:
    """The vocabulary that a user list's keys belong to; none for lists of numbers."""
    if name in (OWNED[0], RECENT):
        return ITEM
    return name.removesuffix("_key") if name.endswith("_key") else None
