"""Fills the members' tensors for a person and candidates."""

from dataclasses import dataclass

from serving.features.inputs import UserFiller
from serving.features.item_inputs import ItemFiller
from serving.features.item_values import ReadItems
from serving.features.rows import UserRows
from serving.items import ItemSnapshot
from serving.types import Degraded, Keys, Recorder, Tensors


@dataclass(frozen=True, slots=True)
class Gathered:
    """The members' inputs for `count` candidates; the rest of their width is padding."""

    tensors: Tensors
    count: int
    oldest_us: int | None  # event time of the oldest item row used
    degradations: tuple[Degraded, ...]


class Gather:
    """Item features come from the snapshot, by memory, or were read before; nothing outside is asked."""

    def __init__(
        self, snapshot: ItemSnapshot, users: UserFiller, items: ItemFiller, recorder: Recorder
    ) -> None:
        self._snapshot, self._users, self._items = snapshot, users, items
        self._recorder = recorder

    def __call__(
        self, user: UserRows, keys: Keys, now_us: int, read: ReadItems | None = None
    ) -> Gathered:
        """`keys` are of the snapshot or `read`, one or more."""
        items = self._items(self._snapshot.positions(keys), keys, now_us, read)
        for view, state, count in items.states:
            self._recorder.feature(view, state, count)
        tensors = self._users(user, now_us) | items.tensors
        return Gathered(tensors, len(keys), items.oldest_us, items.degradations)
