"""Our search as `make score` has our recommendations: offline, by the very code that serves it.

`lexical` is the order of the words alone, `semantic` that of the meaning alone, `merged` both as one list,
and `personalised` what `Search` answers: the merged items by how relevant they are and how likely the person
takes them. `personalised_lexical` is that of a gateway without an encoder.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from serving.search.engine import open_engine
from serving.search.semantic import open_semantic
from serving.search.sought import MOST_NEAR, Sought, ordered
from serving.stages.merge import merge
from serving.types import Keys
from training.offline import BATCH, Models, known, open_models, score_raw
from training.policy import MAX_CANDIDATES
from training.search.asked import Asked, Engine
from training.search.graph_door import GraphDoor
from training.search.index import FOLDER
from training.search.queries import QuerySet
from training.settings import TrainingSettings

WORDS = "lexical"
TIMEOUT_S = 60.0
Seek = Callable[[str], Sought]


def our_engines(settings: TrainingSettings, queries: QuerySet) -> dict[str, Engine]:
    """The engines by name, as of the cut-off of the queries.

    Raises:
        TrainingError: the models are missing.
        ArtefactError: the search index, the encoder or the vectors are missing or damaged.
    """
    seek, models = Seeker(settings.state), open_models(settings)

    def by_words(text: str) -> Sought:
        return Sought(seek(text).found)

    def by_meaning(text: str) -> Sought:
        return Sought(near=seek(text).near)

    return {
        WORDS: plain(by_words),
        "semantic": plain(by_meaning),
        "merged": plain(seek),
        "personalised_lexical": personal(by_words, models, queries),
        "personalised": personal(seek, models, queries),
    }


def plain(seek: Seek) -> Engine:
    """For whoever asks, by relevance alone."""

    def answer(asked: Sequence[Asked], count: int) -> NDArray[np.int64]:
        pages = np.full((len(asked), count), -1, dtype=np.int64)
        for page, one in zip(pages, asked, strict=True):
            sought = seek(one.text)
            keys = candidates(sought)
            best = ordered(keys, None, sought.relevance(keys))[:count]
            page[: len(best)] = keys[best]
        return pages

    return answer


def personal(seek: Seek, models: Models, queries: QuerySet) -> Engine:
    def answer(asked: Sequence[Asked], count: int) -> NDArray[np.int64]:
        pages = np.full((len(asked), count), -1, dtype=np.int64)
        sought = [seek(one.text) for one in asked]
        lists = [candidates(one) for one in sought]
        for row, probability in probabilities(models, queries, asked, lists):
            keys = lists[row]
            best = ordered(keys, probability, sought[row].relevance(keys))[:count]
            pages[row, : len(best)] = keys[best]
        return pages

    return answer


class Seeker:
    """What words and meaning find, once for each text."""

    def __init__(self, state: Path) -> None:
        self._lexical = open_engine((state / FOLDER / "current").resolve()).lexical
        encoder, vectors = state / "encoders" / "current", state / "vectors" / "current"
        self._semantic = open_semantic(encoder, vectors, GraphDoor(encoder))
        self._sought: dict[str, Sought] = {}

    def __call__(self, text: str) -> Sought:
        if text not in self._sought:
            near = asyncio.run(self._semantic.near(text, MOST_NEAR, TIMEOUT_S))
            self._sought[text] = Sought(self._lexical(text, MAX_CANDIDATES), near)
        return self._sought[text]


def candidates(sought: Sought) -> Keys:
    """What is ranked; nothing where nothing fits: what is served instead answers no query."""
    return merge(sought.proposals(MAX_CANDIDATES), MAX_CANDIDATES).keys


def probabilities(
    models: Models, queries: QuerySet, asked: Sequence[Asked], lists: Sequence[Keys]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """The row of each query that found something, and the probability of each of its items.

    Raises:
        PreparedError: the cut-off isn't one of the prepared.
    """
    users = [*sorted({one.user_id for one in asked if one.user_id is not None}), None]
    kind = queries.user_ids.dtype  # judged queries are nobody's: all users are null
    people = known(models, queries.cutoff, pl.Series(users, dtype=kind))
    place = {user: at for at, user in enumerate(users)}
    several = [row for row, keys in enumerate(lists) if len(keys)]
    several.sort(key=lambda row: len(lists[row]))  # lists of alike lengths are padded little
    for start in range(0, len(several), BATCH):
        some = several[start : start + BATCH]
        positions = np.full((len(some), len(lists[some[-1]])), -1, dtype=np.int64)
        for at, row in enumerate(some):
            positions[at, : len(lists[row])] = models.prepared.item_index(lists[row])
        which = np.array([place[asked[row].user_id] for row in some])
        scored = score_raw(models, people.user_inputs(which) | people.item_inputs(positions))
        for at, row in enumerate(some):
            yield row, scored[at, : len(lists[row])]
