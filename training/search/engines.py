"""Our search as `make score` has our recommendations: offline, by the very code that serves it.

`lexical` is the order of the words alone, `personalised` what `Search` answers: the same items by how well
their words fit and how likely the person takes them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from serving.search.engine import open_engine
from serving.search.lexical import Found
from serving.search.pipeline import fit_of, ordered
from training.offline import BATCH, Models, known, open_models, score_raw
from training.policy import MAX_CANDIDATES
from training.search.asked import Asked, Engine
from training.search.index import FOLDER
from training.search.queries import QuerySet
from training.settings import TrainingSettings


def our_engines(settings: TrainingSettings, queries: QuerySet) -> dict[str, Engine]:
    """The engines by name, as of the cut-off of the queries.

    Raises:
        TrainingError: the models are missing.
        ArtefactError: the search index is missing or damaged.
    """
    find = Finder(settings.state / FOLDER / "current")
    models = open_models(settings)

    def lexical(asked: Sequence[Asked], count: int) -> NDArray[np.int64]:
        pages = np.full((len(asked), count), -1, dtype=np.int64)
        for page, one in zip(pages, asked, strict=True):
            keys = find(one.text).keys[:count]
            page[: len(keys)] = keys
        return pages

    def personalised(asked: Sequence[Asked], count: int) -> NDArray[np.int64]:
        pages = np.full((len(asked), count), -1, dtype=np.int64)
        found = [find(one.text) for one in asked]
        for row, probability in probabilities(models, queries, asked, found):
            keys = found[row].keys
            best = ordered(keys, probability, fit_of(keys, found[row]))[:count]
            pages[row, : len(best)] = keys[best]
        return pages

    return {"lexical": lexical, "personalised": personalised}


class Finder:
    """What the words of a text find, once for each text."""

    def __init__(self, folder: Path) -> None:
        self._lexical = open_engine(folder.resolve()).lexical
        self._found: dict[str, Found] = {}

    def __call__(self, text: str) -> Found:
        if text not in self._found:
            self._found[text] = self._lexical(text, MAX_CANDIDATES)
        return self._found[text]


def probabilities(
    models: Models, queries: QuerySet, asked: Sequence[Asked], found: Sequence[Found]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The row of each query that found something, and the probability of each of its items.

    Raises:
        PreparedError: the cut-off isn't one of the prepared.
    """
    users = [*sorted({one.user_id for one in asked if one.user_id is not None}), None]
    kind = queries.user_ids.dtype  # judged queries are nobody's: all users are null
    people = known(models, queries.cutoff, pl.Series(users, dtype=kind))
    place = {user: at for at, user in enumerate(users)}
    several = [row for row, one in enumerate(found) if one.total]
    several.sort(key=lambda row: len(found[row].keys))  # lists of alike lengths are padded little
    for start in range(0, len(several), BATCH):
        some = several[start : start + BATCH]
        width = max(len(found[row].keys) for row in some)
        positions = np.full((len(some), width), -1, dtype=np.int64)
        for at, row in enumerate(some):
            positions[at, : len(found[row].keys)] = models.prepared.item_index(found[row].keys)
        which = np.array([place[asked[row].user_id] for row in some])
        scored = score_raw(models, people.user_inputs(which) | people.item_inputs(positions))
        for at, row in enumerate(some):
            yield row, scored[at, : len(found[row].keys)]
