"""A small batch of real requests: with the framework's answers it is the smoke test of every deploy."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from training.bundle.probes import null, padded
from training.bundle.shipped import ShippedModel, Tensors
from training.data import Prepared, Users, known_users, read_items, read_users
from training.schema import Input

USERS = 3  # evenly spaced among the known; one more, of whom nothing is known, is added
CANDIDATES = 40  # items evenly spaced in the catalogue, after the user's own best


def golden_inputs(prepared: Prepared, model: ShippedModel) -> Tensors:
    """Raw tensors as at now; candidates padded to the least number that is allowed."""
    known = known_users(prepared, prepared.now)
    ids = known.gather(_spaced(len(known), USERS))
    users = read_users(prepared, model.inputs, prepared.now, ids)
    items = read_items(prepared, model.inputs, prepared.now)
    lines = [_line(prepared, model, users, items, k) for k in [*range(len(ids)), None]]
    return {i.name: np.concatenate([line[i.name] for line in lines]) for i in model.inputs}


def _line(
    prepared: Prepared,
    model: ShippedModel,
    users: Users,
    items: Mapping[str, NDArray[np.generic]],
    user: int | None,
) -> Tensors:
    """One request, of a user or, if None, of nobody known: (1, ...) each."""
    chosen = _chosen(prepared, model, users, user)
    found: dict[str, NDArray[np.generic]] = {}
    for wanted in model.inputs:
        if wanted.kind == "request_time":
            found[wanted.name] = np.array([[int(prepared.now.timestamp())]])
        elif wanted.kind == "item_id":
            found[wanted.name] = prepared.item_keys[chosen][None]
        elif wanted.kind == "item":
            found[wanted.name] = items[wanted.name][chosen][None]
        elif wanted.kind == "mask":
            found[wanted.name] = np.ones((1, len(chosen)), dtype=np.bool_)
        elif wanted.kind == "eligible":
            found[wanted.name] = _eligible(wanted.length, some=user is None)
        else:
            found[wanted.name] = _of_user(wanted, users, user)
    return padded(model, found, model.pad_to[0]) if model.pad_to else found


def _eligible(items: int, *, some: bool) -> NDArray[np.bool_]:
    """Whom nothing is known of wishes for every second item; others for all."""
    return (np.arange(items) % 2 == 0)[None] if some else np.ones((1, items), dtype=np.bool_)


def _of_user(wanted: Input, users: Users, user: int | None) -> NDArray[np.generic]:
    if user is None:
        width = wanted.length or len(wanted.columns)
        return np.full((1, width), null(wanted), dtype=wanted.dtype)
    if wanted.kind == "user":
        return users.scalars[wanted.name][user : user + 1]
    return users.lists[wanted.name].pad(np.array([user]), wanted.length)


def _chosen(
    prepared: Prepared, model: ShippedModel, users: Users, user: int | None
) -> NDArray[np.int64]:
    """Positions in the catalogue, each once: as many as the model takes, at most CANDIDATES."""
    if not model.pad_to:
        return np.zeros(0, dtype=np.int64)
    spaced = _spaced(len(prepared.item_keys), CANDIDATES)
    if model.pad_to == (1,):
        return np.array([spaced[0 if user is None else (user + 1) % len(spaced)]])
    own: list[int] = []
    if user is not None:
        listed = users.lists["owned_item"].pad(np.array([user]), CANDIDATES // 2)[0]
        own = [p for p in prepared.item_index(listed.astype(np.int64)).tolist() if p >= 0]
    return np.array(list(dict.fromkeys([*own, *spaced]))[:CANDIDATES], dtype=np.int64)


def _spaced(count: int, wanted: int) -> list[int]:
    places: list[int] = np.linspace(0, count - 1, min(count, wanted)).astype(np.int64).tolist()
    return places
