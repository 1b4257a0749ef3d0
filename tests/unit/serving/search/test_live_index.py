"""Changes are found as an index of the items as they are now would find them, and harm nobody."""

import gc
import shutil
from pathlib import Path

import numpy as np
import pytest

from serving.artefacts import digests
from serving.errors import ArtefactError
from serving.search.documents import Item
from serving.search.engine import Engine
from serving.search.index import open_index
from serving.search.live_index import ItemChange, LiveIndex
from serving.search.query import Order
from serving.types import Condition
from tests.unit.serving.search.changes import (
    NEW,
    NOBODY,
    OATS,
    change,
    found,
    searched,
    with_changes,
)
from tests.unit.serving.search.made import (
    BAKERY,
    DAIRY,
    DRINKS,
    ITEMS,
    item,
    lexical,
    opened,
)


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


def test_an_amount_over_two_lines_is_one_and_the_next_change_is_taken_too(tmp_path: Path) -> None:
    live = with_changes(tmp_path, [item(21, "Pack of 2\n1/2 lb each", "x", DAIRY), NEW])
    assert found(live, "2\t1/2 lb") == [21]
    assert found(live, "zebra") == [20]


def test_of_huge_texts_the_beginning_is_read(tmp_path: Path) -> None:
    huge = Item(1, "title " + "t" * 2_000, ("first", "x " * 30_000, "last"))
    live = with_changes(tmp_path, [huge])
    assert found(live, "title") == found(live, "first") == [1]
    assert found(live, "last") == []


async def test_a_search_under_way_has_the_old_state_whole(tmp_path: Path) -> None:
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
    assert await changed.suggest("m", 9, 9) == await engine.suggest("m", 9, 9) != []


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
