"""The index of a catalogue: an immutable folder, read through memory maps.

`engine/` is tantivy's; `keys.npy` has the items in the order in which ties stand, `words.json` every word
with how it is written and how many items have it, `phrases.json` what may be suggested, `facets.json` the
texts that items are counted by, `categories.json` those that are names of categories, `synonyms.txt` what
else words are called, if that is known, and `manifest.json` the fields, the language and digests of all
files. An index is built beside the one in use, which stays open to those who read it.
"""

import hashlib
import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from weakref import finalize

import numpy as np
from numpy.typing import NDArray
from tantivy import DocAddress, Index, Query, Searcher

from serving.artefacts import MANIFEST, digests
from serving.errors import ArtefactError
from serving.features.keys import string_key
from serving.search.analysis import LANGUAGES, Analysis, Word
from serving.search.documents import KEY, Fields, Item, document, terms_of, words_of
from serving.search.phrases import Phrase
from serving.search.synonyms import Synonyms, read_synonyms
from serving.search.ties import Ties
from serving.types import Keys

VERSION = 3  # of the folder's form and of the analysis: an index of another one is not read
ENGINE, KEYS = "engine", "keys.npy"
WORDS, PHRASES, FACETS = "words.json", "phrases.json", "facets.json"
CATEGORIES = "categories.json"
SYNONYMS = "synonyms.txt"
LOCK = ".lock"  # ending of the engine's own
NEEDED = {  # of a manifest
    "language": str,
    "facets": list,
    "numbers": list,
    "categories": list,
    "built_us": int,
    "files": dict,
}
MEMORY = 256 << 20  # bytes that a build may gather before it writes a segment


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """(W,) words of the index, ascending by term."""

    terms: tuple[str, ...]
    written: tuple[str, ...]  # most often, folded
    items: NDArray[np.int64]  # how many have it


class Links:
    """A folder of links to the engine's files: it locks what it opens, and ours may be read-only.

    What changes the index writes here too, beside the links or in their place. It goes with the last
    reference to this.
    """

    def __init__(self, engine: Path) -> None:
        self.folder = Path(mkdtemp(prefix="recserve-search-"))
        finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        for path in engine.resolve().iterdir():
            if path.suffix != LOCK:
                (self.folder / path.name).symlink_to(path)


@dataclass(frozen=True, slots=True)
class WordChanges:
    """Which words items have that none had, and which none has any more."""

    come: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()


UNCHANGED = WordChanges()


@dataclass(frozen=True, slots=True)
class OpenIndex:
    """An index that is searched."""

    version: str
    fields: Fields
    analysis: Analysis
    synonyms: Synonyms
    phrases: tuple[Phrase, ...]
    texts: Mapping[int, str]  # of facets, by their keys
    links: Links  # through which the engine reads
    index: Index
    searcher: Searcher
    vocabulary: Vocabulary  # of the folder
    keys: Keys  # (I,) of the folder's items, those that come first among equals first
    built_us: int  # what the items were then is in it
    changes: WordChanges = UNCHANGED
    ties: Ties | None = None  # None: they are as the engine finds them

    def keys_of(self, addresses: Sequence[DocAddress]) -> Keys:
        values = self.searcher.fast_field_values(KEY, list(addresses))
        return np.array(values, dtype=np.int64)


def write_index(
    items: Iterable[Item],
    fields: Fields,
    language: str,
    folder: Path,
    phrases: Sequence[Phrase] = (),
    synonyms: Path | None = None,
    built_us: int = 0,
) -> str:
    """Writes all files of an index into an empty folder; items in their order, which decides ties.

    `built_us`: of which moment the items are; what changed after it is newer. The answer is its version: 16
    hex digits of SHA-256 over all that it is made from.

    Raises:
        ArtefactError: no such language, no items, an item twice, or synonyms that can't be read.
    """
    if language not in LANGUAGES:
        raise ArtefactError(f"language is {language!r}; known are {', '.join(LANGUAGES)}")
    analysis = Analysis(language)
    engine = folder / ENGINE
    engine.mkdir()
    index = Index(fields.schema(), str(engine))
    writer = index.writer(MEMORY, 1)
    counted, seen = _Counted(), set[int]()
    texts, categories = set[str](), set[str]()
    content = hashlib.sha256(json.dumps([VERSION, language, *astuple(fields), built_us]).encode())
    if synonyms is not None:
        read_synonyms(synonyms, analysis)
        shutil.copyfile(synonyms, folder / SYNONYMS)
        content.update(synonyms.read_bytes())
    content.update(repr(phrases).encode())
    for item in items:
        if item.key in seen:
            raise ArtefactError(f"item key {item.key} comes twice")
        seen.add(item.key)
        content.update(repr(item).encode())
        words = words_of(item.title, item.texts, analysis)
        facets = {name: string_key(text) for name, text in item.facets.items()}
        writer.add_document(document(item.key, terms_of(words), facets, item.numbers, fields))
        counted.add({*words.title, *words.others})
        texts.update(item.facets.values())
        categories.update(t for name, t in item.facets.items() if name in fields.categories)
    if not seen:
        raise ArtefactError("there are no items to index")
    writer.commit()
    writer.wait_merging_threads()
    keys = _in_order(Index.open(str(engine)))
    np.save(folder / KEYS, keys)
    _write(folder / WORDS, counted.columns())
    _write(folder / FACETS, sorted(texts))
    _write(folder / CATEGORIES, sorted(categories))
    _write(folder / PHRASES, [[phrase.text, phrase.weight] for phrase in phrases])
    manifest = {
        "version": VERSION,
        "language": language,
        "facets": fields.facets,
        "numbers": fields.numbers,
        "categories": fields.categories,
        "items": len(keys),
        "built_us": built_us,
        "files": digests(folder, {LOCK}),
    }
    _write(folder / MANIFEST, manifest)
    return content.hexdigest()[:16]


def open_index(folder: Path) -> OpenIndex:
    """Raises ArtefactError: a file is missing, another than was written, or of another version."""
    manifest = read_manifest(folder)
    if digests(folder, {LOCK}) != manifest["files"]:
        raise ArtefactError(f"{folder} is not as it was written: build the index anew")
    links = Links(folder / ENGINE)
    try:
        index = Index.open(str(links.folder))
        index.config_reader("Manual")  # whoever commits reloads: no thread watches the folder
    except ValueError as error:
        raise ArtefactError(f"{folder / ENGINE} can't be opened: {error}") from error
    analysis, synonyms = Analysis(manifest["language"]), folder / SYNONYMS
    fields = Fields(*(tuple(manifest[name]) for name in ("facets", "numbers", "categories")))
    words = json.loads((folder / WORDS).read_text())
    return OpenIndex(
        folder.name,
        fields,
        analysis,
        read_synonyms(synonyms, analysis) if synonyms.is_file() else Synonyms(),
        tuple(Phrase(*one) for one in json.loads((folder / PHRASES).read_text())),
        {string_key(text): text for text in json.loads((folder / FACETS).read_text())},
        links,
        index,
        index.searcher(),
        Vocabulary(tuple(words["term"]), tuple(words["written"]), np.array(words["items"])),
        np.load(folder / KEYS),
        manifest["built_us"],
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """Raises ArtefactError: it is missing, lacks something, or is of another version."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ArtefactError(f"{path} can't be read: {error}") from error
    if not isinstance(manifest, dict):
        raise ArtefactError(f"{path} is no manifest of an index: build the index anew")
    if manifest.get("version") != VERSION:
        raise ArtefactError(
            f"{path} has version {manifest.get('version')!r}, this program reads {VERSION}: build the "
            "index anew"
        )
    wrong = [name for name, kind in NEEDED.items() if not isinstance(manifest.get(name), kind)]
    if not wrong and manifest["language"] not in LANGUAGES:
        wrong = ["language"]
    if wrong:
        raise ArtefactError(
            f"{path} lacks {', '.join(wrong)}, or not as it should be: build the index anew"
        )
    return manifest


def _in_order(index: Index) -> Keys:
    """(I,) keys, as those that fit alike are found."""
    searcher = index.searcher()
    addresses = [a for _, a in searcher.search(Query.all_query(), searcher.num_docs).hits]
    addresses.sort(key=lambda a: (a.segment_ord, a.doc))
    return np.array(searcher.fast_field_values(KEY, addresses), dtype=np.int64)


class _Counted:
    """In how many items a word is, and how it is written."""

    def __init__(self) -> None:
        self._items: Counter[str] = Counter()
        self._written: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, words: set[Word]) -> None:
        """Those of an item."""
        for word in words:
            self._written[word.term][word.written] += 1
        self._items.update({word.term for word in words})

    def columns(self) -> dict[str, list[Any]]:
        """By term, ascending; of spellings that are as frequent, the first in the alphabet."""
        terms = sorted(self._items)
        written = [min(self._written[t], key=lambda w: (-self._written[t][w], w)) for t in terms]
        return {"term": terms, "written": written, "items": [self._items[t] for t in terms]}


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False) + "\n", encoding="utf-8")
