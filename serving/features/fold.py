"""Adds events to a person's rows, so that they say what a preparation at this moment would say.

`training/prepare/users.py` and `engagement.py` state the same definitions over whole tables; a test holds one
against the other. The order in which events are added makes no difference, and one that a row holds already
changes nothing: it is known by its group and item in a history, by its kind, item and second in an
engagement. So of several lines of an item in one basket the one that is added first counts: the earliest,
unless they arrive in another order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from serving.features.keys import string_key
from serving.features.layout import LENGTH, Layout

Events = NDArray[np.void]  # (n,) of serving.features.overlay.RECORD
Row = NDArray[np.void]  # (1,) of a layout, one's own to write to
DAY_US = 86_400_000_000
DIGITS = (
    9  # of a decayed sum, as prepared: what depends on the order of its terms must not decide a tie
)
RECENT = ("recent_item", "recent_s", "recent_group")
SCORE = "owned_score"
OWNED = ("owned_item", SCORE, "owned_count", "owned_last_s", "owned_interval_days")
NOTICED = ("noticed_item", "noticed_kind", "noticed_s")


@dataclass(frozen=True, slots=True)
class Updates:
    """How events change the rows of a view.

    `history`: purchases, by decayed count and newest first. `engagement`: what was noticed, counted over
    windows. `kinds` are the kinds of events that count; `names` what their columns are called.
    `half_life_days` is that of `owned_score`, by which the lists are in order; the further ones are those of
    other scores, by their column.
    """

    by: Literal["history", "engagement"]
    kinds: tuple[str, ...]
    half_life_days: float = 0.0
    further_half_life_days: Mapping[str, float] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    windows_days: tuple[int, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """What a view must hold to be updated so."""
        if self.by == "history":
            return RECENT + OWNED + tuple(self.further_half_life_days)
        return NOTICED + tuple(f"{n}_{d}d" for n in self.names for d in self.windows_days)


def with_events(
    row: np.void | None, layout: Layout, updates: Updates, events: Events, now_us: int
) -> Row | None:
    """The row as of `now_us` with the events of catalogue items added; None if they change nothing.

    Without a row it begins with an empty one.
    """
    of_kind = [events["kind"] == string_key(kind) for kind in updates.kinds]
    counted = events[np.logical_or.reduce(of_kind)]
    if not len(counted):
        return None
    made = layout.empty(1) if row is None else np.array([row], dtype=layout.dtype)
    if not ADD[updates.by](made, updates, counted, now_us):
        return None
    layout.set_present(made, updates.columns)
    made["event_time_us"] = max(int(made["event_time_us"][0]), now_us)
    return made


def _add_purchases(row: Row, updates: Updates, events: Events, now_us: int) -> bool:
    recent = {name: _list(row, name) for name in RECENT}
    held = set(zip(recent["recent_group"].tolist(), recent["recent_item"].tolist(), strict=True))
    events = _first_of_each(events[np.argsort(events["time_us"], kind="stable")], held)
    if not len(events):
        return False
    seconds = np.concatenate([recent["recent_s"], events["time_us"] // 1_000_000])
    items = np.concatenate([recent["recent_item"], events["item"]])
    groups = np.concatenate([recent["recent_group"], events["group"]])
    order = np.lexsort((groups, items, -seconds))
    for name, values in zip(RECENT, (items, seconds, groups), strict=True):
        _set_list(row, name, values[order])
    _add_to_owned(row, updates, events, now_us)
    return True


def _first_of_each(events: Events, held: set[tuple[int, int]]) -> Events:
    """One event for each group and item that is not held yet: the earliest, as events are in order."""
    kept = []
    for at, pair in enumerate(zip(events["group"].tolist(), events["item"].tolist(), strict=True)):
        if pair not in held:
            held.add(pair)
            kept.append(at)
    return events[kept]


def _add_to_owned(row: Row, updates: Updates, events: Events, now_us: int) -> None:
    item, count, last_s, interval = (_list(row, name) for name in OWNED if name != SCORE)
    count = count.astype(np.float64)
    last = last_s.astype(np.float64) / 86_400  # days, as all times here
    first = last - np.nan_to_num(interval.astype(np.float64)) * (count - 1)

    new, inverse = np.unique(events["item"], return_inverse=True)
    times = events["time_us"] / DAY_US
    at = {key: place for place, key in enumerate(item.tolist())}
    places = np.array([at.get(key, -1) for key in new.tolist()])
    fresh = places < 0
    places[fresh] = len(item) + np.arange(int(fresh.sum()))
    size = len(item) + int(fresh.sum())
    item, count = _longer(item, size, 0), _longer(count, size, 0)
    first, last = _longer(first, size, np.inf), _longer(last, size, -np.inf)
    item[places] = new
    np.add.at(count, places, np.bincount(inverse, minlength=len(new)))
    np.minimum.at(first, places[inverse], times)
    np.maximum.at(last, places[inverse], times)

    scores = _scores(row, updates, events["time_us"], places[inverse], size, now_us)
    order = np.lexsort((item, -scores[SCORE]))
    gaps = np.divide(last - first, count - 1, out=np.full(size, np.nan), where=count > 1)
    seconds = np.floor(last * 86_400 + 1e-3).astype(np.int64)
    found = (item, scores.pop(SCORE), count, seconds, gaps)
    for name, values in (dict(zip(OWNED, found, strict=True)) | scores).items():
        _set_list(row, name, values[order])


def _scores(
    row: Row,
    updates: Updates,
    times_us: NDArray[np.int64],
    places: NDArray[np.int64],
    size: int,
    now_us: int,
) -> dict[str, NDArray[np.float64]]:
    """By column the decayed counts of `size` items as of `now_us`: the row's, and events at these places."""
    since_us = max(0, now_us - int(row["event_time_us"][0]))
    found: dict[str, NDArray[np.float64]] = {}
    for name, days in {SCORE: updates.half_life_days, **updates.further_half_life_days}.items():
        held = _longer(_list(row, name).astype(np.float64) * _decay(since_us, days), size, 0)
        held += np.bincount(places, _decay(now_us - times_us, days), size)
        found[name] = held.round(DIGITS)
    return found


def _add_notices(row: Row, updates: Updates, events: Events, now_us: int) -> bool:
    held = [_list(row, name) for name in NOTICED]
    known = set(zip(*(values.tolist() for values in held), strict=True))
    seconds = events["time_us"] // 1_000_000
    given = zip(events["item"].tolist(), events["kind"].tolist(), seconds.tolist(), strict=True)
    new = [one for one in dict.fromkeys(given) if one not in known]
    if not new:
        return False
    added = np.array(new, dtype=np.int64).T
    item, kind, at = (np.concatenate(pair) for pair in zip(held, added, strict=True))
    order = np.lexsort((kind, item, -at))
    order = order[_place_within(kind[order]) < row[NOTICED[0]].shape[1] // len(updates.kinds)]
    for name, values in zip(NOTICED, (item, kind, at), strict=True):
        _set_list(row, name, values[order])
    age_us = now_us - at[order] * 1_000_000
    for name, text in zip(updates.names, updates.kinds, strict=True):
        of_kind = age_us[kind[order] == string_key(text)]
        for days in updates.windows_days:
            row[f"{name}_{days}d"] = (of_kind <= days * DAY_US).sum()
    return True


def _place_within(kinds: NDArray[np.int64]) -> NDArray[np.int64]:
    """(n,) how many of the same kind stand before each."""
    places = np.empty(len(kinds), dtype=np.int64)
    for kind in np.unique(kinds):
        mine = kinds == kind
        places[mine] = np.arange(int(mine.sum()))
    return places


ADD: Mapping[str, Callable[[Row, Updates, Events, int], bool]] = {
    "history": _add_purchases,
    "engagement": _add_notices,
}


def _decay(age_us: Any, half_life_days: float) -> Any:
    return np.exp2(-np.asarray(age_us) / (half_life_days * DAY_US))


def _longer(values: NDArray[Any], size: int, filled: float) -> NDArray[Any]:
    longer = np.full(size, filled, dtype=values.dtype)
    longer[: len(values)] = values
    return longer


def _list(row: Row, name: str) -> NDArray[Any]:
    values: NDArray[Any] = row[name][0]
    return values[: int(row[name + LENGTH][0])]


def _set_list(row: Row, name: str, values: NDArray[Any]) -> None:
    """As many of the values as the column holds; lists never shrink, so nothing old stays behind them."""
    room = row[name].shape[1]
    kept = values[:room]
    row[name][0, : len(kept)] = kept
    row[name + LENGTH] = len(kept)
