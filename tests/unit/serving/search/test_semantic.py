"""Search by meaning beside search by words: what either finds, and what is left where one is away."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from serving.errors import ArtefactError, Unavailable
from serving.features.keys import string_key
from serving.search.encode import TextEncoder
from serving.search.engine import Engine
from serving.search.pipeline import Search
from serving.search.query import Match, Order, Searched, SearchQuery
from serving.search.semantic import Semantic, open_semantic
from serving.search.sought import MEANT_ALONE, Sought
from serving.search.vectors import ItemVectors
from serving.types import Action, Condition, Reason, Tensors
from tests.fakes.doors import Arrays
from tests.fakes.encoders import WORDS, write_encoder
from tests.fakes.shop import KEYS
from tests.fakes.shop_pipeline import PERSON, Shop
from tests.unit.serving.search.shop import ColouredShop, live, searched
from training.search.vector_files import write_vectors

PRICE = "item_activity.price"
ENCODER = "text_encoder"
MEANS = {"red": 0, "apple": 0, "dog": 1, "milk": 2}  # apples mean red, dogs blue, milk nothing here


def directions(inputs: Tensors) -> Arrays:
    """Each text's vector: the mean of those of its words."""
    axes = np.zeros((len(WORDS), 3), dtype=np.float32)
    for word, axis in MEANS.items():
        axes[WORDS.index(word), axis] = 1.0
    total = (axes[inputs["token_id"]] * inputs["mask"][..., None]).sum(axis=1)
    return {"vector": total / np.linalg.norm(total, axis=1, keepdims=True).clip(min=1e-9)}


@pytest.fixture
def shop() -> Shop:
    shop = ColouredShop()
    shop.triton.models = {**shop.triton.models, ENCODER: directions}
    return shop


@pytest.fixture
def semantic(shop: Shop, tmp_path: Path) -> Semantic:
    """Of the shop's items: the even ones are red, the odd ones as blue as dogs."""
    texts = np.array([string_key("blue"), string_key("red")])
    order = np.argsort(texts)
    rows = np.argsort(order)[1 - np.arange(len(KEYS)) % 2].astype(np.int32)
    vectors = np.eye(3, dtype=np.float32)[[1, 0]][order]
    files = write_encoder(tmp_path)
    of = ItemVectors("v", files.encoder_id, KEYS, rows, texts[order], vectors)
    return Semantic(TextEncoder(files, shop.triton), of)


async def search(
    shop: Shop, engine: Engine, semantic: Semantic, text: str, **fields: object
) -> Searched:
    query = replace(SearchQuery(PERSON, text, 100), **fields)  # type: ignore[arg-type]
    return await live(shop, engine, semantic).search(query, shop.budget(8.0))


def ids(searched: Searched) -> list[int]:
    return [int(item.item_id) for item in searched.answered.items]


def colours(searched: Searched) -> set[int]:
    return {(key - 100) // 10 % 2 for key in ids(searched)}


def stages(degradations: Sequence[object]) -> list[str]:
    return [getattr(one, "stage") for one in degradations]  # noqa: B009


async def test_what_nobody_calls_so_is_found_by_what_it_means(
    shop: Shop, engine: Engine, semantic: Semantic
) -> None:
    found = await search(shop, engine, semantic, "apple")
    assert (found.rest.match, found.total, found.unknown) == (Match.MEANING, 0, ("apple",))
    assert len(ids(found)) == 20
    assert colours(found) == {0}
    assert {item.sources for item in found.answered.items} == {("semantic",)}
    assert found.answered.proposed == (("lexical", 0), ("semantic", 20))
    assert not found.answered.degradations


async def test_what_holds_the_words_comes_before_what_is_only_near(
    shop: Shop, engine: Engine, semantic: Semantic
) -> None:
    found = await search(shop, engine, semantic, "blue red")
    assert found.rest.match is Match.SOME
    assert {item.sources for item in found.answered.items} == {
        ("lexical",),
        ("lexical", "semantic"),
    }
    dogs = await search(shop, engine, semantic, "red dog")
    sources = [item.sources for item in dogs.answered.items]
    assert sources == [("lexical", "semantic")] * 20 + [("semantic",)] * 20


async def test_what_is_near_to_nothing_falls_back_to_what_is_popular(
    shop: Shop, engine: Engine, semantic: Semantic
) -> None:
    found = await search(shop, engine, semantic, "milk")
    assert found.rest.match is Match.NONE
    assert found.answered.items[0].sources == ("popular",)


async def test_filters_hold_for_what_is_near(
    shop: Shop, engine: Engine, semantic: Semantic
) -> None:
    cheap = (Condition(PRICE, maximum=0.55),)
    found = await search(shop, engine, semantic, "apple", conditions=cheap)
    assert sorted(ids(found)) == [100, 120, 140]


async def test_a_list_sorted_by_a_number_and_one_of_everything_ask_for_no_meaning(
    shop: Shop, engine: Engine, semantic: Semantic
) -> None:
    await search(shop, engine, semantic, "red", order=Order(PRICE))
    await search(shop, engine, semantic, " ")
    assert ENCODER not in [model for model, _ in shop.triton.calls]


async def test_without_the_encoder_words_alone_answer_and_it_is_said(
    shop: Shop, engine: Engine, semantic: Semantic
) -> None:
    shop.triton.errors[ENCODER] = Unavailable("away")
    found = await search(shop, engine, semantic, "red")
    assert (found.rest.match, len(ids(found))) == (Match.ALL, 20)
    (said,) = found.answered.degradations
    assert (said.stage, said.reason) == ("semantic", Reason.UNAVAILABLE)
    assert said.action is Action.DROPPED_SOURCE
    del shop.triton.errors[ENCODER]
    again = await search(shop, engine, semantic, "red")
    assert not again.answered.degradations


async def test_without_the_engine_meaning_alone_answers_and_it_is_said(
    shop: Shop, engine: Engine, semantic: Semantic, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(engine, "find", away)
    found = await search(shop, engine, semantic, "red")
    assert found.rest.match is Match.MEANING
    assert colours(found) == {0}
    assert stages(found.answered.degradations) == ["lexical"]
    shop.triton.errors[ENCODER] = Unavailable("away")
    neither = await search(shop, engine, semantic, "blue apple")
    assert neither.rest.match is Match.NONE
    assert colours(neither) == {1}  # what is popular in the category that the query names
    assert stages(neither.answered.degradations) == ["lexical", "semantic"]


async def test_files_that_can_not_be_used_are_said_and_the_other_answers(
    shop: Shop, engine: Engine, semantic: Semantic
) -> None:
    """Deployed, but no index or no vectors could be opened yet."""
    query = SearchQuery(PERSON, "red", 100)
    of = searched(engine, semantic)
    of.engine = None
    found = await Search(of)(shop.pipeline, query, shop.budget(8.0))
    assert (found.rest.match, colours(found)) == (Match.MEANING, {0})
    (said,) = found.answered.degradations
    assert (said.stage, said.detail) == ("lexical", "no search index can be used")
    for descending in (False, True):  # by the snapshot's numbers, where the index can't sort
        order = Order(PRICE, descending)
        by_price = await Search(of)(shop.pipeline, replace(query, order=order), shop.budget(8.0))
        assert by_price.rest.match is Match.MEANING
        assert ids(by_price) == sorted(ids(found), reverse=descending)
    of.semantic = None
    blue = await Search(of)(shop.pipeline, replace(query, text="blue"), shop.budget(8.0))
    assert (blue.rest.match, colours(blue)) == (Match.NONE, {1})
    assert stages(blue.answered.degradations) == ["lexical", "semantic"]
    with pytest.raises(Unavailable, match="no search index can be used"):
        _ = Search(of).engine
    of.engine = engine
    words = await Search(of)(shop.pipeline, query, shop.budget(8.0))
    assert words.rest.match is Match.ALL
    assert stages(words.answered.degradations) == ["semantic"]


async def test_items_that_are_no_more_take_no_places_of_what_is_near(
    shop: Shop, engine: Engine, semantic: Semantic, tmp_path: Path
) -> None:
    """Vectors of a night ago: more red items than places, and the snapshot lacks all of them but its own."""
    old = semantic._vectors
    vanished = np.arange(200) * 10 + 1
    keys = np.sort(np.concatenate([vanished, KEYS]))
    red = old.text_row[0]
    rows = np.full(len(keys), red, dtype=np.int32)
    rows[np.searchsorted(keys, KEYS)] = old.text_row
    files = write_encoder(tmp_path / "again")
    of = Semantic(TextEncoder(files, shop.triton), replace(old, item_key=keys, text_row=rows))
    found = await search(shop, engine, of, "apple")
    assert (found.rest.match, len(ids(found))) == (Match.MEANING, 20)
    assert not found.answered.removed


async def test_an_answer_that_is_no_vector_is_a_failure_and_is_not_kept(
    shop: Shop, engine: Engine, semantic: Semantic
) -> None:
    broken = {"vector": np.full((1, 3), np.nan, dtype=np.float32)}
    shop.triton.models = {**shop.triton.models, ENCODER: lambda _: broken}
    found = await search(shop, engine, semantic, "red")
    assert [(d.stage, d.reason) for d in found.answered.degradations] == [
        ("semantic", Reason.FAILED)
    ]
    shop.triton.models = {**shop.triton.models, ENCODER: directions}
    assert not (await search(shop, engine, semantic, "red")).answered.degradations


@pytest.mark.parametrize("with_engine", [True, False])
async def test_a_sorted_list_that_no_words_fill_is_asked_by_meaning(
    shop: Shop,
    engine: Engine,
    semantic: Semantic,
    with_engine: bool,  # noqa: FBT001 (pytest's own way)
) -> None:
    of = searched(engine, semantic)
    of.engine = engine if with_engine else None
    query = SearchQuery(PERSON, "apple", 100, order=Order(PRICE))
    found = await Search(of)(shop.pipeline, query, shop.budget(8.0))
    assert (found.rest.match, colours(found)) == (Match.MEANING, {0})


def test_vectors_of_another_width_than_the_encoders_are_refused(
    shop: Shop, semantic: Semantic, tmp_path: Path
) -> None:
    files = write_encoder(tmp_path / "encoder", dimension=4)
    arrays = {
        "item_key": KEYS,
        "text_row": semantic._vectors.text_row,
        "text_key": semantic._vectors.text_key,
        "vector": np.asarray(semantic._vectors.vector),
    }
    write_vectors(tmp_path / "vectors", files.encoder_id, arrays)
    with pytest.raises(ArtefactError, match="vectors of 3 numbers, the encoder's have 4"):
        open_semantic(tmp_path / "encoder", tmp_path / "vectors/current", shop.triton)


async def test_a_query_is_encoded_once(shop: Shop, engine: Engine, semantic: Semantic) -> None:
    for text in ("apple", "Apple ", "apple 22 lb", "dog"):
        await search(shop, engine, semantic, text)
    assert [model for model, _ in shop.triton.calls].count(ENCODER) == 2


async def test_further_pages_say_where_their_items_come_from(
    shop: Shop, engine: Engine, semantic: Semantic
) -> None:
    whole = await search(shop, engine, semantic, "red dog")
    first = await search(shop, engine, semantic, "red dog", page_size=15)
    second = await search(shop, engine, semantic, "red dog", page_size=15, rest=first.rest)
    third = await search(shop, engine, semantic, "red dog", page_size=15, rest=second.rest)
    assert [*ids(first), *ids(second), *ids(third)] == ids(whole)
    sources = [item.sources for item in second.answered.items]
    assert sources == [("lexical",)] * 5 + [("semantic",)] * 10
    assert second.answered.proposed == (("lexical", 5), ("semantic", 20))


async def test_relevance_is_of_words_and_meaning(semantic: Semantic) -> None:
    near = await semantic.near("apple", 5, 1.0)
    assert near.keys.tolist() == KEYS[::2][:5].tolist()
    keys = np.array([KEYS[0], KEYS[1], 7])
    assert Sought(near=near).relevance(keys).tolist() == [MEANT_ALONE, 0.0, 0.0]
    assert not Sought().relevance(keys).any()
