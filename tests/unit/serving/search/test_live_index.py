"""Changes are found as an index of the items as they are now would find them, and harm nobody."""

import gc
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from tantivy import Query

from serving.errors import ArtefactError
from serving.features.item_texts import ItemTexts
from serving.features.keys import string_key
from serving.search.documents import Item
from serving.search.engine import Engine
from serving.search.index import OpenIndex, digests, open_index
from serving.search.lexical import Found, Lexical
from serving.search.live_index import ItemChange, LiveIndex
from serving.search.query import Match, Order
from serving.types import Condition
from tests.unit.serving.search.made import (
    BAKERY,
    DAIRY,
    DRINKS,
    ITEMS,
    item,
    lexical,
    opened,
)

NOBODY = np.empty(0, dtype=np.int64)
NEW = item(20, "Zebra quark", "quark dairy", DAIRY, 0.5)
OATS = item(10, "Oat drink", "oats drinks", DRINKS, 9.0)  # in the place of whole milk


def change(one: Item, *, time_us: int = 1) -> ItemChange:
    facets = {name: string_key(text) for name, text in one.facets.items()}
    return ItemChange(
        one.key, ItemTexts(time_us, one.title, tuple(one.texts)), facets, dict(one.numbers)
    )


def with_changes(
    folder: Path, changes: Sequence[Item], gone: Iterable[int] = (), items: list[Item] = ITEMS
) -> LiveIndex:
    live = LiveIndex(opened(folder, items))
    live.write([change(one) for one in changes], np.array([*gone], dtype=np.int64))
    assert live.commit({})
    return live


def searched(index: OpenIndex) -> Lexical:
    return Engine(index).lexical


def found(live: LiveIndex, text: str, *conditions: Condition) -> list[int]:
    """Of all words: an item that has some of them alone doesn't count."""
    answer = searched(live.current)(text, 100, conditions)
    return sorted(answer.keys.tolist()) if answer.match is Match.ALL else []


def test_a_new_item_is_found_by_title_and_texts_and_a_word_that_it_alone_has(
    tmp_path: Path,
) -> None:
    live = with_changes(tmp_path, [NEW])
    assert found(live, "zebra") == [20]
    assert found(live, "quarks") == [20]  # stemmed as any other
    assert found(live, "dairy") == [10, 11, 12, 13, 20]
    assert live.changed == 1


def test_a_changed_title_is_found_by_its_new_words_and_by_the_old_ones_no_longer(
    tmp_path: Path,
) -> None:
    live = with_changes(tmp_path, [OATS])
    assert found(live, "oat") == [10]
    assert found(live, "milk") == [11, 14]
    assert found(live, "drinks") == [10, 15, 16]


def test_a_word_that_nobody_has_any_more_is_unknown(tmp_path: Path) -> None:
    live = with_changes(tmp_path, [OATS])
    assert searched(live.current)("whole milk", 10).reading.unknown == ("whole",)
    assert lexical(live.base)("whole milk", 10).reading.unknown == ()


def test_a_word_that_is_gone_is_nobodys_guess(tmp_path: Path) -> None:
    live = with_changes(tmp_path, [], gone=[12])
    assert searched(live.current)("chedder", 10).reading.unknown == ("chedder",)
    assert lexical(live.base)("chedder", 10).keys.tolist() == [12]


def test_facets_and_numbers_filter_count_and_sort_by_what_they_are_now(tmp_path: Path) -> None:
    live = with_changes(tmp_path, [OATS, NEW])
    cheap = Condition("price", maximum=2.0)
    assert found(live, "", cheap) == [11, 14, 15, 16, 20]
    assert found(live, "", Condition("department", (DAIRY,))) == [11, 12, 13, 20]
    answer = searched(live.current)("", 100, facets=["department"], order=Order("price"))
    assert answer.facets["department"] == tuple(
        sorted(((DAIRY, 4), (DRINKS, 3), (BAKERY, 2)), key=lambda pair: (-pair[1], pair[0]))
    )
    assert answer.keys.tolist() == [20, 15, 16, 14, 11, 17, 12, 10, 13]


def test_an_item_that_is_gone_is_not_found_and_comes_back(tmp_path: Path) -> None:
    live = with_changes(tmp_path, [NEW], gone=[10, 99])
    assert found(live, "milk") == [11, 14]
    live.write([], np.array([20]))
    assert live.commit({})
    assert found(live, "zebra") == []
    back = ItemChange(10, None, {"department": DAIRY}, {"price": 3.5})
    live.write([back], NOBODY)
    assert live.commit({})
    assert found(live, "whole milk") == [10]  # by the words that the folder has
    assert live.changed == 1


def test_without_texts_the_folders_words_stay_beside_new_features(tmp_path: Path) -> None:
    live = LiveIndex(opened(tmp_path))
    done = live.write([ItemChange(10, None, {"department": DRINKS}, {})], NOBODY)
    assert (done.indexed, done.removed, done.wordless) == (1, 0, 0)
    live.commit({})
    assert found(live, "whole milk", Condition("department", (DRINKS,))) == [10]


def test_a_new_item_without_texts_is_left_out_and_told(tmp_path: Path) -> None:
    live = LiveIndex(opened(tmp_path))
    assert live.write([ItemChange(99, None)], NOBODY).wordless == 1
    assert not live.commit({})


def test_texts_no_newer_than_the_folder_count_only_where_that_has_none(tmp_path: Path) -> None:
    live = LiveIndex(opened(tmp_path, built_us=5))
    live.write([change(OATS, time_us=5), change(NEW, time_us=5)], NOBODY)
    live.commit({})
    assert found(live, "whole milk") == [10]
    assert found(live, "zebra") == [20]
    live.write([change(OATS, time_us=6)], NOBODY)
    live.commit({})
    assert found(live, "oat") == [10]


def test_what_is_as_it_was_is_not_written_again(tmp_path: Path) -> None:
    live = with_changes(tmp_path, [NEW])
    assert live.write([change(NEW, time_us=2)], NOBODY).indexed == 0
    assert not live.commit({})


def test_an_empty_title_and_odd_letters_are_found_by_the_rest(tmp_path: Path) -> None:
    odd = Item(1, "\x00\n", ("", "\u2028 ufo"))
    live = with_changes(tmp_path, [odd, Item(2, "", ())])
    assert found(live, "ufo") == [1]
    assert set(found(live, "")) >= {1, 2}


def test_of_huge_texts_the_beginning_is_read(tmp_path: Path) -> None:
    huge = Item(1, "title " + "t" * 2_000, ("first", "x " * 30_000, "last"))
    live = with_changes(tmp_path, [huge])
    assert found(live, "title") == found(live, "first") == [1]
    assert found(live, "last") == []


def test_a_search_under_way_has_the_old_state_whole(tmp_path: Path) -> None:
    live = LiveIndex(opened(tmp_path))
    before, engine = searched(live.current), Engine(live.current)
    live.write([change(OATS), change(NEW)], np.array([11]))
    assert found(live, "milk") == [10, 11, 14]  # nothing is seen before the commit
    live.commit({})
    assert sorted(before("milk", 10).keys.tolist()) == [10, 11, 14]
    assert before("zebra", 10).total == 0
    changed = engine.changed(live.current)
    assert changed.lexical("zebra", 10).keys.tolist() == [20]
    assert engine.lexical("zebra", 10).total == 0
    assert changed.suggest is engine.suggest


def test_the_folder_stays_as_it_was_through_many_merges(tmp_path: Path) -> None:
    index = opened(tmp_path)
    before = digests(tmp_path)
    live = LiveIndex(index)
    for turn in range(40):
        live.write([change(item(turn % 3 + 10, f"turn{turn} milk", "", DAIRY))], NOBODY)
        live.commit({})
    live.close()
    assert digests(tmp_path) == before
    assert sorted(open_index(tmp_path).keys.tolist()) == [one.key for one in ITEMS]
    assert found(live, "turn39") == [10]
    assert found(live, "milk") == [10, 11, 12, 14]


def test_a_folder_that_nobody_may_write_to_takes_changes(tmp_path: Path) -> None:
    opened(tmp_path)
    engine = tmp_path / "engine"
    for path in engine.glob(".tantivy-*.lock"):
        path.unlink()
    (engine / ".tantivy-writer.lock").mkdir()  # not even whoever may write everything can lock it
    engine.chmod(0o500)
    try:
        live = LiveIndex(open_index(tmp_path))
        live.write([change(NEW)], np.array([10]))
        live.commit({})
        assert found(live, "zebra") == [20]
    finally:
        engine.chmod(0o700)


def test_its_working_files_go_with_it(tmp_path: Path) -> None:
    live = with_changes(tmp_path, [NEW])
    working = live.base.links.folder
    live.close()
    del live
    gc.collect()
    assert not working.exists()


def write_often(live: LiveIndex) -> None:
    """The engine tells of a failure late."""
    for turn in range(3):
        live.write([change(item(30 + turn, "late", "", DAIRY))], NOBODY)
        live.commit({})


def test_a_failure_of_the_engine_is_told_for_good(tmp_path: Path) -> None:
    live = with_changes(tmp_path, [NEW])
    engine = Engine(live.current)
    shutil.rmtree(live.base.links.folder)
    live.base.links.folder.write_text("")  # there is no room
    with pytest.raises(ArtefactError, match="takes no changes any more"):
        write_often(live)
    live.base.links.folder.unlink()
    with pytest.raises(ArtefactError, match="takes no changes any more"):
        live.write([], NOBODY)
    assert engine.lexical("zebra", 10).keys.tolist() == [20]
    live.close()


def test_those_that_fit_alike_stand_as_in_the_folder_and_new_ones_by_key_behind(
    tmp_path: Path,
) -> None:
    alike = [Item(key, "tea", ()) for key in (7, 3, 9, 5)]
    changes = [Item(key, "tea", (), {}, {"price": 1.0}) for key in (9, 2, 7, 1)]
    live = with_changes(tmp_path, changes, items=alike)
    assert searched(live.current)("tea", 10).keys.tolist() == [7, 3, 9, 5, 1, 2]
    by_price = searched(live.current)("tea", 10, order=Order("price"))
    assert by_price.keys.tolist()[:4] == [7, 9, 1, 2]


WORDS = ("milk", "oat", "cream", "soda", "bread", "nut")
KEYS = (10, 11, 12, 40, 41)
titles = some.lists(some.sampled_from(WORDS), max_size=4).map(" ".join)
state = some.tuples(titles, titles, some.sampled_from((DAIRY, BAKERY))) | some.none()
histories = some.lists(some.tuples(some.sampled_from(KEYS), state), min_size=1, max_size=12)


def as_item(key: int, given_state: tuple[str, str, int]) -> Item:
    title, text, department = given_state
    return item(key, title, text, department, float(len(title)))


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(histories, some.integers(1, 5))
def test_any_changes_in_any_parts_find_what_an_index_of_the_final_items_finds(
    tmp_path_factory: pytest.TempPathFactory,
    history: list[tuple[int, tuple[str, str, int] | None]],
    part: int,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    live = LiveIndex(opened(folder / "live"))
    final = {one.key: one for one in ITEMS}
    for start in range(0, len(history), part):
        latest = dict(history[start : start + part])
        final |= {key: as_item(key, one) for key, one in latest.items() if one is not None}
        gone = [key for key, one in latest.items() if one is None]
        changes = [change(final[key]) for key in latest if key not in gone]
        final = {key: one for key, one in final.items() if key not in gone}
        live.write(changes, np.array(gone, dtype=np.int64))
        live.commit({})
    fresh = lexical(opened(folder / "fresh", list(final.values())))
    now = searched(live.current)
    for text in (*WORDS, "cheese", "milk bread", "oat cream nut", ""):
        for conditions in (
            (),
            (Condition("department", (DAIRY,)),),
            (Condition("price", maximum=4),),
        ):
            assert same(now(text, 100, conditions), fresh(text, 100, conditions), text)


def same(one: Found, other: Found, text: str) -> bool:
    """Which items, how well, and which words nobody has; a guess may be another one."""
    if one.reading.corrected or other.reading.corrected:
        return one.reading.corrected != () or one.reading.unknown != ()
    keys = [sorted(found.keys.tolist()) for found in (one, other)]
    assert keys[0] == keys[1], text
    assert (one.match, one.total) == (other.match, other.total)
    assert one.reading.unknown == other.reading.unknown
    return True


def test_scores_are_those_of_an_index_of_all_where_nothing_was_deleted(tmp_path: Path) -> None:
    added = [NEW, item(21, "Milk chocolate", "sweets", BAKERY), item(22, "Oat milk", "", DAIRY)]
    live = with_changes(tmp_path / "live", added[:1])
    live.write([change(one) for one in added[1:]], NOBODY)
    live.commit({})
    fresh = lexical(opened(tmp_path / "fresh", [*ITEMS, *added]))
    for text in ("milk", "oat milk", "quark", "dairy cheese", "chocolate"):
        one, other = searched(live.current)(text, 100), fresh(text, 100)
        assert one.keys.tolist() == other.keys.tolist()
        assert one.scores.tolist() == pytest.approx(other.scores.tolist(), rel=1e-6)


def test_deleted_documents_count_in_how_rare_a_word_is_until_they_are_merged_away(
    tmp_path: Path,
) -> None:
    live = with_changes(tmp_path / "live", [item(10, "Oat milk", "milk dairy", DAIRY)])
    fresh = lexical(
        opened(tmp_path / "fresh", [item(10, "Oat milk", "milk dairy", DAIRY), *ITEMS[1:]])
    )
    one, other = searched(live.current)("milk", 100), fresh("milk", 100)
    assert set(one.keys.tolist()) == set(other.keys.tolist())
    assert one.scores.tolist() != pytest.approx(other.scores.tolist(), rel=1e-6)
    assert one.scores.tolist() == pytest.approx(other.scores.tolist(), rel=0.25)


def test_every_document_is_read_as_its_item(tmp_path: Path) -> None:
    live = with_changes(tmp_path, [NEW, OATS], gone=[12])
    hits = live.current.searcher.search(Query.all_query(), 100).hits
    keys = live.current.keys_of([address for _, address in hits])
    assert sorted(keys.tolist()) == [10, 11, 13, 14, 15, 16, 17, 20]
