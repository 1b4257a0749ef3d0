"""What preparation makes of data sets that are poorer, or richer, than a shop's."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl
import pytest
import yaml

from tests.unit.training.bundle.shop import random_models, silent
from training.bundle.graph import export_graph, tensor_shape
from training.bundle.shipped import ShippedModel
from training.data import known_users, open_prepared
from training.datasets.generated.courses import COURSES
from training.datasets.generated.generate import generate
from training.models.ranker import NETWORKS
from training.models.retrievers import NAMES
from training.prepare.__main__ import prepare
from training.prepare.contract import open_data_set

NOW = datetime(2024, 6, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def courses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    state = tmp_path_factory.mktemp("courses")
    generate(COURSES, state / "dataset", 80, 7, silent())
    prepare(state, None, 5, silent())
    return state


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Items with an id and a title, and events; five items, nine people, no other table or column."""
    state = tmp_path_factory.mktemp("bare")
    folder = state / "dataset"
    folder.mkdir()
    draw = np.random.default_rng(5)
    pl.DataFrame({"id": list("abcde"), "name": list("ABCDE")}).write_parquet(
        folder / "items.parquet"
    )
    count = 600
    pl.DataFrame(
        {
            "who": [f"p{n}" for n in draw.integers(0, 9, count)],
            "what": draw.choice(list("abcde"), count),
            "did": ["purchase"] * count,
            "when": [
                NOW - timedelta(minutes=int(m)) for m in draw.integers(-20_000, 150_000, count)
            ],
        }
    ).write_parquet(folder / "events.parquet")
    roles = {
        "items": {"id": {"role": "id"}, "name": {"role": "title"}},
        "events": {
            "who": {"role": "user"},
            "what": {"role": "item"},
            "did": {"role": "kind"},
            "when": {"role": "time"},
        },
    }
    document = {
        "version": 1,
        "name": "bare",
        "id_kind": "string",
        "default_now": NOW.isoformat(),
        "catalogue": {"min_events": 1},
        "tables": roles,
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(document))
    prepare(state, None, 5, silent())
    return state


def fields(state: Path, view: str) -> dict[str, str]:
    described = open_prepared(state / "prepared").features["views"][view]["fields"]
    return {field["name"]: field["dtype"] for field in described}


def test_numbers_of_people_and_things_are_floats_of_their_profiles(courses: Path) -> None:
    assert fields(courses, "user_profile") == {
        "country": "string",
        "device": "string",
        "age": "float32",
    }
    assert fields(courses, "item_profile")["price_eur"] == "float32"
    frame = pl.read_parquet(courses / "prepared" / "views" / "user_profile.parquet")
    assert 0 < frame["age"].null_count() < frame.height


def test_texts_are_no_features(courses: Path) -> None:
    prepared = open_prepared(courses / "prepared")
    names = [f["name"] for v in prepared.features["views"].values() for f in v["fields"]]
    assert "description" not in names


def test_what_was_noticed_is_counted_for_people_and_things(courses: Path) -> None:
    expected = {
        f"{kind}_{days}d"
        for kind in ("ad_click", "ad_impression", "click", "complete", "impression")
        for days in (7, 28, 91)
    }
    latest = {"noticed_item", "noticed_kind", "noticed_s"}
    assert set(fields(courses, "item_engagement")) == expected
    assert set(fields(courses, "user_engagement")) == expected | latest


def test_what_else_was_done_after_each_cut_off_is_kept(courses: Path) -> None:
    """Held against the events themselves, of the kinds that are counted as features."""
    prepared = open_prepared(courses / "prepared")
    data = open_data_set(courses / "dataset")
    assert prepared.actions == ("ad_click", "ad_impression", "click", "complete", "impression")
    written = pl.read_parquet(prepared.folder / "actions.parquet")
    assert written["cutoff"].unique().sort().to_list() == list(prepared.cutoffs[:-1])
    keys = dict(zip(prepared.item_ids.to_list(), prepared.item_keys.tolist(), strict=True))
    events = data.events.filter(pl.col("item_id").is_in(list(keys))).collect()
    for cutoff in prepared.cutoffs[:-1]:
        known = set(known_users(prepared, cutoff).to_list())
        inside = events.filter(
            pl.col("kind").is_in(prepared.actions),
            pl.col("time") >= cutoff,
            pl.col("time") < cutoff + prepared.horizon,
        )
        expected = {
            (user, keys[item], kind)
            for user, item, kind in inside.select("user_id", "item_id", "kind").iter_rows()
            if user in known
        }
        found = written.filter(pl.col("cutoff") == cutoff).drop("cutoff")
        assert set(found.iter_rows()) == expected
        assert found.height == len(expected) > 0


def test_with_one_kind_of_event_there_are_no_other_actions(bare: Path) -> None:
    assert open_prepared(bare / "prepared").actions == ()
    assert not (bare / "prepared" / "actions.parquet").exists()


def test_horizon_and_surface_are_the_data_sets_own(courses: Path) -> None:
    features = open_prepared(courses / "prepared").features
    assert (features["horizon_days"], features["surface"]) == (28, "content")
    cutoffs = open_prepared(courses / "prepared").cutoffs
    assert cutoffs[1] - cutoffs[0] == timedelta(days=28)


def test_without_columns_there_are_no_profiles_and_no_affinities(bare: Path) -> None:
    views = open_prepared(bare / "prepared").features["views"]
    assert set(views) == {"item_activity", "user_activity", "user_history"}


@pytest.mark.parametrize("state", ["bare", "courses"])
def test_models_take_whatever_features_there_are(
    state: str, request: pytest.FixtureRequest
) -> None:
    """With fewer items than are retrieved, the rest of the places are empty."""
    prepared = open_prepared(request.getfixturevalue(state) / "prepared")
    count = len(prepared.item_keys)
    models = {m.name: m for m in random_models(prepared, retrieved=count + 3)}
    for name in NAMES:
        found = models[name].run(asked_by_nobody(models[name]))["candidate_id"][0]
        assert set(found[:count]) == set(prepared.item_keys)
        assert found[count:].tolist() == [-1, -1, -1]
    for name in NETWORKS:
        nobody = asked_by_nobody(models[name]) | {"mask": np.ones((1, 1), np.bool_)}
        assert 0 < models[name].run(nobody)["probability"][0, 0] < 1


@pytest.mark.parametrize("network", NETWORKS)
def test_the_target_alone_is_exported(courses: Path, network: str) -> None:
    prepared = open_prepared(courses / "prepared")
    model = next(m for m in random_models(prepared) if m.name == network)
    assert len(model.module.config.actions) == (0 if network == "trees" else 5)
    outputs = [o.name for o in model.outputs]
    graph = export_graph(model.module, model.inputs, outputs, model.vocabularies)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    assert [o.name for o in session.get_outputs()] == ["probability"]
    asked = asked_by_nobody(model) | {"mask": np.ones((1, 1), np.bool_)}
    (found,) = session.run(None, asked)
    assert found.shape == (1, 1)
    assert found == pytest.approx(model.run(asked)["probability"], abs=1e-6)


def asked_by_nobody(model: ShippedModel) -> dict[str, np.ndarray]:
    """Null throughout, with one candidate; what is NaN as a truth is true: all items are eligible."""
    shapes = {i.name: tensor_shape(i, 1) for i in model.inputs}
    return {
        i.name: np.full([1, *shapes[i.name][1:]], -1 if i.dtype == "int64" else np.nan).astype(
            i.dtype
        )
        for i in model.inputs
    }
