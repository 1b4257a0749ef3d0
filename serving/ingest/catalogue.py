"""Which items there are: those of the item snapshot of the moment, and those pushed since."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from serving.features.read_plan import ReadPlan
from serving.features.redis_keys import row_key
from serving.features.snapshot import fitting, open_snapshot
from serving.types import Keys, Mask

if TYPE_CHECKING:
    from serving.clients.connections import Client


class Catalogue:
    """Follows the link to the current snapshot."""

    def __init__(self, link: Path, plan: ReadPlan, client: "Client") -> None:
        """Raises ArtefactError if the snapshot can't be used."""
        self._link, self._plan, self._client = link, plan, client
        self._opened = Path(os.path.realpath(link))
        self._snapshot = open_snapshot(fitting(self._opened, plan), plan)

    def follow(self) -> None:
        """Takes the snapshot that the link names now.

        Raises:
            ArtefactError: it can't be used; the one before stays.
        """
        target = Path(os.path.realpath(self._link))
        if target != self._opened:
            self._snapshot = open_snapshot(target, self._plan)
            self._opened = target

    def known(self, keys: Keys) -> Mask:
        """(n,) whether each is in the catalogue."""
        held: Mask = np.asarray(self._snapshot.positions(keys) >= 0, dtype=np.bool_)
        lacking = np.unique(keys[~held])
        if len(lacking):
            held[np.isin(keys, lacking[self._stored(lacking)])] = True
        return held

    def _stored(self, keys: Keys) -> Mask:
        """(n,) whether the store has any row of each."""
        views = self._plan.views_of("item")
        with self._client.pipeline(transaction=False) as pipe:
            for key in keys.tolist():
                for view in views:
                    pipe.exists(row_key(self._plan.project, view.join_key, key, view.name))
            present = pipe.execute()
        rows = np.array(present, dtype=np.bool_).reshape(len(keys), len(views))
        return np.asarray(rows.any(axis=1))
