"""The search index of a prepared state folder, against what the folder holds."""

import numpy as np
import polars as pl
import pytest
from rich.console import Console
from tantivy import Occur, Query

from serving.errors import ArtefactError
from serving.search.documents import Fields, terms_of, words_of
from serving.search.index import OpenIndex, open_index
from training.data import open_prepared, read_columns
from training.datasets import complete_journey
from training.item_texts import data_set_texts
from training.prepare.__main__ import prepare
from training.prepare.contract import open_data_set
from training.search.index import POPULARITY, build, items_of
from training.settings import TrainingSettings

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> TrainingSettings:
    folder = tmp_path_factory.mktemp("state")
    complete_journey.convert(folder / "dataset", 60, QUIET)
    prepare(folder, None, 4, QUIET)
    return TrainingSettings(state=folder)


@pytest.fixture(scope="module")
def index(settings: TrainingSettings) -> OpenIndex:
    return open_index(build(settings, QUIET))


def test_it_holds_the_catalogue_best_selling_first(
    index: OpenIndex, settings: TrainingSettings
) -> None:
    prepared = open_prepared(settings.prepared)
    assert sorted(index.keys.tolist()) == prepared.item_keys.tolist()
    frame = read_columns(prepared, "item_id", prepared.item_ids, [POPULARITY], prepared.now)
    popularity = dict(zip(prepared.item_keys.tolist(), frame[POPULARITY].to_list(), strict=True))
    sold = [popularity[key] or 0.0 for key in index.keys.tolist()]
    assert sold == sorted(sold, reverse=True)


def test_every_item_is_found_by_the_words_of_its_own_title(
    index: OpenIndex, settings: TrainingSettings
) -> None:
    catalogue = pl.read_parquet(settings.prepared / "catalogue.parquet").sample(50, seed=1)
    for key, title in catalogue.select("item_key", "title").iter_rows():
        words = [word.term for word in index.analysis.indexed(title)]
        query = Query.boolean_query(
            [(Occur.Must, Query.term_query(index.index.schema, "title", word)) for word in words]
        )
        hits = index.searcher.search(query, len(index.keys)).hits
        assert key in index.keys_of([address for _, address in hits])


def test_items_without_any_category_are_found_by_their_titles(settings: TrainingSettings) -> None:
    data, prepared = open_data_set(settings.state / "dataset"), open_prepared(settings.prepared)
    (first, *_) = items_of(data, prepared, Fields())
    assert first.title
    assert (first.facets, first.numbers) == ({}, {})


def test_facets_and_suggestions_are_those_of_the_data_set(
    index: OpenIndex, settings: TrainingSettings
) -> None:
    catalogue = pl.read_parquet(settings.prepared / "catalogue.parquet")
    departments = set(catalogue["department"].drop_nulls())
    assert departments <= set(index.texts.values())
    known = {
        text
        for name in ("title", "department", "category", "type", "manufacturer")
        for text in catalogue[name].drop_nulls().str.strip_chars()
    }
    assert {phrase.text for phrase in index.phrases} == known
    weights = [phrase.weight for phrase in index.phrases]
    assert weights == sorted(weights, reverse=True)
    assert np.isfinite(weights).all()


def test_the_same_input_is_the_same_version_and_another_one_another(
    index: OpenIndex, settings: TrainingSettings
) -> None:
    assert build(settings, QUIET).name == index.version
    synonyms = settings.state / "dataset/synonyms.txt"
    synonyms.write_text("soda, pop\n")
    other = open_index(build(settings, QUIET))
    assert other.version != index.version
    assert other.synonyms.meant == {("soda",): (("pop",),), ("pop",): (("soda",),)}
    synonyms.write_text("soda\n")
    with pytest.raises(ArtefactError, match="line 1: 'soda' names one thing alone"):
        build(settings, QUIET)
    assert (settings.state / "search/current").resolve().name == other.version
    assert [p.name for p in (settings.state / "search").glob(".*")] == []
    synonyms.unlink()
    assert build(settings, QUIET).name == index.version


def test_the_texts_that_the_store_gets_make_the_very_documents_of_the_index(
    index: OpenIndex, settings: TrainingSettings
) -> None:
    texts = data_set_texts(settings.state)
    assert sorted(texts) == sorted(index.keys.tolist())
    hits = index.searcher.search(Query.all_query(), len(index.keys)).hits
    for address in [address for _, address in hits[::7]]:
        (key,) = index.keys_of([address]).tolist()
        stored = index.searcher.doc(address)
        terms = terms_of(words_of(texts[key].title, texts[key].texts, index.analysis))
        assert (stored.get_first("title"), stored.get_first("text")) == (terms.title, terms.text)
        assert texts[key].event_time_us == index.built_us
