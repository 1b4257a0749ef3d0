import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.artefacts import digest
from serving.errors import ArtefactError
from serving.search.graph import Graph
from serving.search.vectors import ARRAYS, ItemVectors, highest, open_vectors
from training.search.vector_files import write_vectors


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def arrays(items: int = 40, texts: int = 15, dimension: int = 6, seed: int = 0) -> dict:
    draw = np.random.default_rng(seed)
    return {
        "item_key": np.sort(draw.choice(10**6, items, replace=False)).astype(np.int64),
        "text_row": draw.integers(0, texts, items).astype(np.int32),
        "text_key": np.sort(draw.choice(10**6, texts, replace=False)).astype(np.int64),
        "vector": unit(draw.normal(size=(texts, dimension))),
    }


def vectors(**changed: np.ndarray) -> ItemVectors:
    return ItemVectors("v", "e", **(arrays() | changed))


def reference(of: ItemVectors, query: np.ndarray, count: int, eligible: np.ndarray) -> list[int]:
    """Sorted in Python, with each text's score computed once."""
    scores = (of.vector @ query).tolist()
    found = [
        (-scores[row], key)
        for key, row, may in zip(
            of.item_key.tolist(), of.text_row.tolist(), eligible.tolist(), strict=True
        )
        if may and scores[row] != 0
    ]
    return [key for _, key in sorted(found)[:count]]


@pytest.mark.parametrize("count", [0, 1, 7, 39, 40, 100])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.6, 1.0])
def test_the_nearest_are_those_of_a_full_sort_and_ties_go_to_the_lowest_key(
    count: int, share: float
):
    of = vectors()
    draw = np.random.default_rng(count)
    for _ in range(20):
        query = unit(draw.normal(size=(1, 6)))[0]
        eligible = draw.random(40) < share
        found = of.nearest(query, count, eligible)
        assert found.item_key.tolist() == reference(of, query, count, eligible)
        assert (np.diff(found.score) <= 0).all()


def test_without_a_mask_all_are_eligible():
    of, query = vectors(), unit(np.ones((1, 6)))[0]
    everyone = of.nearest(query, 9, np.ones(40, dtype=np.bool_))
    assert of.nearest(query, 9).item_key.tolist() == everyone.item_key.tolist()


def test_scores_are_cosines():
    of = vectors()
    found = of.nearest(of.vector[3], 1)
    assert found.score[0] == pytest.approx(1)
    assert of.text_row[of.item_key.tolist().index(found.item_key[0])] == 3


def test_what_has_no_vector_is_never_found_and_finds_nothing():
    given_vectors = arrays()["vector"].copy()
    given_vectors[4] = 0
    of = vectors(vector=given_vectors)
    without = set(of.item_key[of.text_row == 4].tolist())
    assert without
    found = of.nearest(of.vector[3], 40)
    assert not without & set(found.item_key.tolist())
    assert len(found.item_key) == 40 - len(without)
    assert of.nearest(np.zeros(6, np.float32), 40).item_key.tolist() == []


def test_none_is_found_below_the_least_cosine():
    of, query = vectors(), unit(np.ones((1, 6)))[0]
    everyone = of.nearest(query, 40).item_key
    found = of.nearest(query, 40, least=0.3).item_key
    assert found.tolist() == everyone[of.cosines(query, everyone) >= 0.3].tolist()
    assert 0 < len(found) < 40


def test_a_cosine_is_that_of_the_items_text_and_0_of_no_item():
    of = vectors()
    keys = np.array([of.item_key[5], -1, of.item_key[39], 10**7])
    expected = of.vector @ of.vector[3]
    found = of.cosines(of.vector[3], keys)
    np.testing.assert_allclose(
        found, [expected[of.text_row[5]], 0, expected[of.text_row[39]], 0], atol=1e-6
    )
    alike = of.item_key[of.text_row == of.text_row[5]]
    assert len(np.unique(of.cosines(of.vector[3], alike))) == 1


def test_a_graph_finds_nearly_all_of_what_is_nearest_and_what_is_eligible_exactly(tmp_path: Path):
    made = arrays(items=4000, texts=3000, dimension=16)
    write_vectors(tmp_path, "enc", made, with_graph=True)
    of = open_vectors(tmp_path / "current", "enc")
    graph = Counted(of.graph)
    of = dataclasses.replace(of, graph=graph)
    exact = ItemVectors("v", "enc", **made)
    draw = np.random.default_rng(3)
    shares, among = [], []
    for _ in range(50):
        query = unit(draw.normal(size=(1, 16)))[0]
        found, wanted = of.nearest(query, 100), exact.nearest(query, 100)
        shares.append(np.isin(wanted.item_key, found.item_key).mean())
        assert (np.diff(found.score) <= 0).all()
        eligible = draw.random(4000) < 0.1
        narrow = of.nearest(query, 100, eligible).item_key
        assert narrow.tolist() == exact.nearest(query, 100, eligible).item_key.tolist()
        hardly = draw.random(4000) < 0.98
        some, best = (one.nearest(query, 100, hardly).item_key for one in (of, exact))
        assert hardly[np.searchsorted(of.item_key, some)].all()
        among.append(np.isin(best, some).mean())
    assert np.mean(shares) > 0.95
    assert np.mean(among) > 0.95
    assert graph.asked == 2 * 50  # but where few are eligible


class Counted:
    """A graph that counts how often it is asked."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.asked = graph, 0

    def nearest(self, query: np.ndarray, count: int) -> np.ndarray:
        self.asked += 1
        return self.graph.nearest(query, count)


def test_where_a_graph_finds_too_few_that_are_eligible_the_search_is_exact(tmp_path: Path):
    made = arrays(items=4000, texts=3000, dimension=16)
    write_vectors(tmp_path, "enc", made, with_graph=True)
    of = open_vectors(tmp_path / "current", "enc")
    exact = ItemVectors("v", "enc", **made)
    query = unit(np.ones((1, 16)))[0]
    barred = np.isin(of.item_key, exact.nearest(query, 150).item_key)
    found, wanted = (one.nearest(query, 100, ~barred) for one in (of, exact))
    assert found.item_key.tolist() == wanted.item_key.tolist()


def test_a_graph_that_is_damaged_or_of_other_vectors_is_refused(tmp_path: Path):
    made = arrays(items=200, texts=100)
    folder = write_vectors(tmp_path / "one", "enc", made, with_graph=True)
    graph = folder / "graph.usearch"
    assert open_vectors(folder).graph is not None
    content = graph.read_bytes()
    replace(graph, content[:-8] + b"damaged!")
    with pytest.raises(ArtefactError, match="was changed after it was written"):
        open_vectors(folder)
    other = write_vectors(tmp_path / "two", "enc", arrays(items=200, texts=90), with_graph=True)
    replace(graph, (other / "graph.usearch").read_bytes())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"]["graph.usearch"] = digest(graph)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match="is not of 100 vectors of 6 numbers"):
        open_vectors(folder)


def replace(path: Path, content: bytes) -> None:
    """Not in place, where somebody has it mapped."""
    path.unlink()
    path.write_bytes(content)


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3), max_size=30), st.integers(0, 35))
def test_the_highest_are_those_of_a_stable_sort(scores: list[int], count: int):
    expected = sorted((-s, place) for place, s in enumerate(scores) if s)[:count]
    found = highest(np.array(scores, dtype=np.float32), count)
    assert found.tolist() == [place for _, place in expected]


def test_what_was_written_is_opened_as_read_only_maps(tmp_path: Path):
    folder = write_vectors(tmp_path, "enc", arrays())
    opened = open_vectors(tmp_path / "current", "enc")
    assert opened.version == folder.name
    assert opened.encoder_id == "enc"
    for name, expected in arrays().items():
        np.testing.assert_array_equal(getattr(opened, name), expected)
        assert isinstance(getattr(opened, name), np.memmap)
        assert not getattr(opened, name).flags.writeable


def test_another_encoders_vectors_are_refused(tmp_path: Path):
    write_vectors(tmp_path, "one", arrays())
    with pytest.raises(ArtefactError, match="holds vectors of encoder one, queries are of two"):
        open_vectors(tmp_path / "current", "two")
    assert open_vectors(tmp_path / "current").encoder_id == "one"


@pytest.mark.parametrize("name", ARRAYS)
def test_a_missing_or_changed_file_is_refused(tmp_path: Path, name: str):
    path = write_vectors(tmp_path, "enc", arrays()) / f"{name}.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ArtefactError, match=f"{name}.npy was changed after it was written"):
        open_vectors(tmp_path / "current")
    path.unlink()
    with pytest.raises(ArtefactError, match=f"{name}.npy is missing"):
        open_vectors(tmp_path / "current")


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("text_row", lambda a: np.where(a == 3, 15, a), "texts are numbered 0 to 15, there are 15"),
        ("text_row", lambda a: a[1:], "40 items have 39 texts"),
        ("vector", lambda a: a[1:], "of 15 with 14 vectors"),
        ("item_key", lambda a: a[::-1], "item_key is not ascending"),
        ("text_key", lambda a: a * 0, "text_key is not ascending"),
        ("vector", lambda a: a.astype(np.float64), r"vector.npy is float64 \(15, 6\), not float32"),
        ("vector", lambda a: a[0], r"vector.npy is float32 \(6,\), not float32"),
    ],
)
def test_arrays_that_do_not_fit_are_refused_whoever_wrote_them(
    tmp_path: Path, name: str, changed: Callable[[np.ndarray], np.ndarray], message: str
):
    folder = write_vectors(tmp_path, "enc", arrays())
    np.save(folder / f"{name}.npy", changed(arrays()[name]))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["sha256"][f"{name}.npy"] = digest(folder / f"{name}.npy")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match=message):
        open_vectors(folder)


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        (None, r"manifest\.json is missing"),
        ("{", "is no JSON"),
        ("[]", "lacks some of version"),
        ('{"version": 1, "vectors_version": "a", "encoder_id": "b"}', "lacks some of version"),
        (
            '{"version": 2, "vectors_version": "a", "encoder_id": "b", "sha256": {}}',
            "is version 2, this program reads 1",
        ),
    ],
)
def test_a_broken_manifest_is_refused(tmp_path: Path, manifest: str | None, message: str):
    path = write_vectors(tmp_path, "enc", arrays()) / "manifest.json"
    path.unlink() if manifest is None else path.write_text(manifest)
    with pytest.raises(ArtefactError, match=message):
        open_vectors(path.parent)
