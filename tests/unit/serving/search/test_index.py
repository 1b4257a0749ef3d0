"""The index's folder: whole or refused, and every document is the item that it was made from."""

import gc
import json
from pathlib import Path

import pytest
from tantivy import Query

from serving.artefacts import MANIFEST
from serving.errors import ArtefactError
from serving.search.index import VERSION, OpenIndex, open_index, write_index
from tests.unit.serving.search.made import DAIRY, FIELDS, ITEMS, item, opened


def test_documents_are_the_items_in_their_order(index: OpenIndex) -> None:
    hits = index.searcher.search(Query.all_query(), 100).hits
    assert index.keys_of([address for _, address in hits]).tolist() == [one.key for one in ITEMS]


def test_the_vocabulary_counts_items_and_tells_how_words_are_written(index: OpenIndex) -> None:
    words = index.vocabulary
    of = dict(zip(words.terms, zip(words.written, words.items.tolist(), strict=True), strict=True))
    assert list(words.terms) == sorted(words.terms)
    assert of["milk"] == ("milk", 3)
    assert of["chees"] == ("cheese", 3)
    assert of["cracker"] == ("crackers", 1)
    assert of["128oz"] == ("1 gallon", 1)


def test_the_same_items_make_the_same_words_and_keys(tmp_path: Path) -> None:
    one, other = opened(tmp_path / "a"), opened(tmp_path / "b")
    assert one.keys.tolist() == other.keys.tolist()
    assert one.vocabulary.terms == other.vocabulary.terms


def test_an_item_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="item key 10 comes twice"):
        write_index([*ITEMS, ITEMS[0]], FIELDS, "en", tmp_path)


def test_no_items_and_no_such_language_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="no items"):
        write_index([], FIELDS, "en", tmp_path)
    with pytest.raises(ArtefactError, match="language is 'tlh'; known are und, ar"):
        write_index(ITEMS, FIELDS, "tlh", tmp_path)


def test_a_file_changed_or_missing_is_refused(tmp_path: Path) -> None:
    opened(tmp_path / "changed")
    for name in ("words.json", "keys.npy"):
        path = tmp_path / "changed" / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(ArtefactError, match="not as it was written"):
            open_index(tmp_path / "changed")
        path.write_bytes(whole)
    open_index(tmp_path / "changed")
    next((tmp_path / "changed" / "engine").glob("*.term")).unlink()
    with pytest.raises(ArtefactError, match="not as it was written"):
        open_index(tmp_path / "changed")


def test_another_version_and_half_a_manifest_are_refused(tmp_path: Path) -> None:
    opened(tmp_path)
    path = tmp_path / MANIFEST
    whole = path.read_text()
    path.write_text(json.dumps(json.loads(whole) | {"version": 99}))
    with pytest.raises(ArtefactError, match=f"has version 99, this program reads {VERSION}"):
        open_index(tmp_path)
    path.write_text(whole[: len(whole) // 2])
    with pytest.raises(ArtefactError, match="can't be read"):
        open_index(tmp_path)
    path.unlink()
    with pytest.raises(ArtefactError, match="can't be read"):
        open_index(tmp_path)


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ([], "is no manifest"),
        ("x", "is no manifest"),
        ({}, "has version None"),
        ({"version": VERSION}, "lacks language, facets, numbers, categories, built_us, files"),
        ({"language": "tlh"}, "lacks language, or not as it should be"),
        ({"files": []}, "lacks files"),
        ({"facets": None}, "lacks facets"),
    ],
)
def test_a_manifest_that_lacks_something_is_refused(
    tmp_path: Path, manifest: object, said: str
) -> None:
    opened(tmp_path)
    path = tmp_path / MANIFEST
    if isinstance(manifest, dict) and manifest and "version" not in manifest:
        manifest = json.loads(path.read_text()) | manifest
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match=said):
        open_index(tmp_path)


def test_titles_of_any_letters_are_indexed(tmp_path: Path) -> None:
    odd = [
        item(1, "", "", DAIRY),
        item(2, "\x00\n\t", "🥛 milk\u2028", DAIRY),
        item(3, "x" * 70_000, "", DAIRY),
    ]
    of = opened(tmp_path, odd)
    assert sorted(of.keys.tolist()) == [1, 2, 3]
    assert "milk" in of.vocabulary.terms


def test_a_folder_that_nobody_may_write_to_is_read(tmp_path: Path) -> None:
    opened(tmp_path)
    lock = tmp_path / "engine" / ".tantivy-meta.lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()  # not even whoever may write everything can lock it now
    of = open_index(tmp_path)
    assert of.searcher.num_docs == len(ITEMS)
    links = of.links.folder
    assert links.is_dir()
    del of
    gc.collect()
    assert not links.exists()
