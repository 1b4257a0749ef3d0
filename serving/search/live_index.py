"""An index that takes changes of items: BM25 stays one, over what the folder has and what has changed.

tantivy writes into the private folder of links, new segments beside them and marks of what is deleted; the
index's own files stay as they are. One thread at a time changes it, while others search: each search has what
was committed when it began.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

import numpy as np
from tantivy import IndexWriter, Query

from serving.errors import ArtefactError
from serving.features.item_texts import ItemTexts
from serving.search.documents import KEY, TEXT, TITLE, Terms, document, terms_of, words_of
from serving.search.index import OpenIndex, WordChanges
from serving.search.ties import Ties
from serving.types import Keys, Mask

MEMORY = 15 << 20  # bytes, the engine's least


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An item as it is to be found from now on."""

    key: int
    texts: ItemTexts | None  # None: the store has none
    facets: Mapping[str, int] = field(default_factory=dict)  # keys of texts
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done:
    """Items that were written, that were taken out, and that couldn't be as nobody knows their words."""

    indexed: int
    removed: int
    wordless: int


class LiveIndex:
    """Over one open index, which is its alone."""

    def __init__(self, base: OpenIndex) -> None:
        self.base = base
        self.current = base  # with what was committed
        self._sorted, self._ties = np.sort(base.keys), Ties(base.keys)
        self._written: dict[int, _Written] = {}
        self._removed: set[int] = set()  # of the folder's, and not written anew
        self._gained: Counter[str] = Counter()  # items by word, those that lost it taken off
        self._writer: IndexWriter | None = None
        self._waits = False  # for a commit
        self._failed = ""  # how

    @property
    def changed(self) -> int:
        """Items that are otherwise than in the folder."""
        return len(self._written) + len(self._removed)

    def touched(self, keys: Keys) -> Mask:
        """(n,) of which items the folder doesn't say any more what is so."""
        found = (key in self._written or key in self._removed for key in keys.tolist())
        return np.fromiter(found, dtype=np.bool_, count=len(keys))

    def write(self, changes: Sequence[ItemChange], gone: Keys) -> Done:
        """Each item once; `commit` shows it. What is as it was costs nothing.

        Raises:
            ArtefactError: the engine failed, the disk is full perhaps. From then on it always does: what
                was written is not certain; an index that is opened anew is.
        """
        with self._engine():
            indexed, wordless = 0, 0
            for change in changes:
                terms = self._terms(change)
                if terms is None:
                    wordless += 1
                elif self._is_other(change, terms):
                    self._put(change, terms)
                    indexed += 1
            removed = sum(map(self._remove, gone.tolist()))
        return Done(indexed, removed, wordless)

    def commit(self, facet_texts: Mapping[int, str]) -> bool:
        """Whether `current` is another now; `facet_texts` are some that it may not know yet.

        Raises:
            ArtefactError: as `write`.
        """
        if not self._waits or self._writer is None:
            return False
        with self._engine():
            self._writer.commit()
            self.base.index.reload()
        self.current = replace(
            self.current,
            searcher=self.base.index.searcher(),
            texts={**self.current.texts, **facet_texts} if facet_texts else self.current.texts,
            changes=self._words(),
            ties=self._ties,
        )
        self._waits = False
        return True

    def close(self) -> None:
        """Ends the engine's work in the folder of links; what was committed stays readable.

        What it still fails at is nobody's any more.
        """
        if self._writer is not None:
            with suppress(ValueError, RuntimeError):
                self._writer.wait_merging_threads()
            self._writer = None

    def _words(self) -> WordChanges:
        come, gone = set[str](), set[str]()
        for term, gained in self._gained.items():
            before = self._items(term)
            if not before and gained > 0:
                come.add(term)
            elif before and before + gained <= 0:
                gone.add(term)
        return WordChanges(frozenset(come), frozenset(gone))

    def _items(self, term: str) -> int:
        """Of the folder, that have the word."""
        vocabulary = self.base.vocabulary
        at = bisect_left(vocabulary.terms, term)
        known = at < len(vocabulary.terms) and vocabulary.terms[at] == term
        return int(vocabulary.items[at]) if known else 0

    def _terms(self, change: ItemChange) -> Terms | None:
        """Those of the texts if they are newer than the folder, or if that has none."""
        texts = change.texts
        if texts is None or texts.event_time_us <= self.base.built_us:
            known = self._base_terms(change.key)
            if known is not None or texts is None:
                return known
        return terms_of(words_of(texts.title, texts.texts, self.base.analysis))

    def _base_terms(self, key: int) -> Terms | None:
        """None: the folder lacks the item."""
        if not self._in_base(key):
            return None
        query = Query.term_query(self.base.index.schema, KEY, key)
        ((_, address),) = self.base.searcher.search(query, 1).hits
        stored = self.base.searcher.doc(address)
        return Terms(str(stored.get_first(TITLE)), str(stored.get_first(TEXT)))

    def _is_other(self, change: ItemChange, terms: Terms) -> bool:
        before = self._written.get(change.key)
        return before is None or before.content != _content(change, terms)

    def _put(self, change: ItemChange, terms: Terms) -> None:
        self._take_out(change.key)
        made = document(change.key, terms, change.facets, change.numbers, self.base.fields)
        self._changing().add_document(made)
        self._gained.update(terms.distinct)
        self._written[change.key] = _Written(_content(change, terms), terms)
        self._removed.discard(change.key)

    def _remove(self, key: int) -> bool:
        """Whether it was there."""
        there = key in self._written or (key not in self._removed and self._in_base(key))
        if there:
            self._take_out(key)
            if self._in_base(key):
                self._removed.add(key)
        return there

    def _take_out(self, key: int) -> None:
        """What is found of it so far, if anything is."""
        before = self._written.pop(key, None)
        if before is None and (key in self._removed or not self._in_base(key)):
            return
        terms = self._base_terms(key) if before is None else before.terms
        if terms is not None:
            self._gained.subtract(terms.distinct)
        self._changing().delete_documents_by_term(KEY, key)

    def _in_base(self, key: int) -> bool:
        at = int(np.searchsorted(self._sorted, key))
        return at < len(self._sorted) and int(self._sorted[at]) == key

    @contextmanager
    def _engine(self) -> Iterator[None]:
        if self._failed:
            raise ArtefactError(self._failed)
        try:
            yield
        except (ValueError, RuntimeError, OSError) as error:
            self._failed = f"search index {self.base.version} takes no changes any more: {error}"
            raise ArtefactError(self._failed) from error

    def _changing(self) -> IndexWriter:
        self._waits = True
        if self._writer is None:
            self._writer = self.base.index.writer(MEMORY, 1)
        return self._writer


@dataclass(frozen=True, slots=True)
class _Written:
    content: int
    terms: Terms


def _content(change: ItemChange, terms: Terms) -> int:
    """Of other content another number, in this process."""
    return hash((terms, tuple(change.facets.items()), tuple(change.numbers.items())))
