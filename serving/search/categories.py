"""Which of the shop's own names a query says in full: what is popular in that category is an answer."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from serving.artefacts import digest
from serving.errors import ArtefactError
from serving.features.keys import string_key
from serving.search.analysis import Analysis
from serving.search.index import CATEGORIES, read_manifest
from serving.search.reading import MOST_WORDS


class Categories:
    """Names of categories, found by their words; `columns` hold them."""

    def __init__(
        self, texts: Mapping[int, str], columns: Sequence[str], analysis: Analysis
    ) -> None:
        self.columns = tuple(columns)
        self._analysis = analysis
        self._keys: defaultdict[frozenset[str], list[int]] = defaultdict(list)
        for key, text in texts.items():
            if terms := frozenset(word.term for word in analysis.asked(text)):
                self._keys[terms].append(key)
        self._longest = max(map(len, self._keys), default=0)

    def __call__(self, text: str) -> tuple[int, ...]:
        """Keys of the texts of the most words, all of which stand side by side in the query; or none."""
        terms = [word.term for word in self._analysis.asked(text)[:MOST_WORDS]]
        for length in range(min(self._longest, len(terms)), 0, -1):
            starts = range(len(terms) - length + 1)
            found = [frozenset(terms[start : start + length]) for start in starts]
            if keys := {key: None for one in found for key in self._keys.get(one, ())}:
                return tuple(keys)
        return ()


def open_categories(folder: Path) -> Categories:
    """Those of an index, whose engine need not be whole.

    Raises:
        ArtefactError: the files that they are read from are missing, of another version, or changed.
    """
    manifest = read_manifest(folder)
    path = folder / CATEGORIES
    if not path.is_file() or digest(path) != manifest["files"].get(CATEGORIES):
        raise ArtefactError(f"{path} is not as it was written: build the index anew")
    texts = {string_key(text): text for text in json.loads(path.read_text())}
    return Categories(texts, manifest["categories"], Analysis(manifest["language"]))
