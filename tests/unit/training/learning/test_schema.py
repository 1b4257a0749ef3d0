import copy
from pathlib import Path

import polars as pl
import pytest
import torch

from training.data import Prepared
from training.errors import PreparedError
from training.learning.feature_config import check_same_inputs, described_rows, feature_config
from training.models.inputs import NULL_ROW
from training.models.retrievers import SEQUENCES
from training.schema import OWNED, Schema, row_vocabularies, schema
from training.settings import TrainingSettings
from training.train_retriever import teach, teaching_data


def test_inputs_have_the_contracts_kinds_and_names(of: Schema) -> None:
    kinds = {i.name: (i.kind, i.dtype) for i in of.inputs}
    assert kinds["user_float"] == ("user", "float32")
    assert kinds["user_key"] == ("user", "int64")
    assert kinds["item_key"] == ("item", "int64")
    assert kinds["owned_last_s"] == ("user_list", "int64")
    assert kinds["owned_score_364"] == kinds["category_share"] == ("user_list", "float32")
    assert kinds["category_last_s"] == ("user_list", "int64")
    assert kinds["category_interval_days"] == ("user_list", "float32")
    assert kinds["request_time"] == ("request_time", "int64")
    assert kinds["mask"] == ("mask", "bool")


def test_every_embedded_key_names_its_vocabularies(of: Schema) -> None:
    found = row_vocabularies(of)
    assert found["owned_item"] == found["recent_item"] == found["item_id"] == ("item",)
    assert found["category_key"] == ("category",)
    assert found["user_key"] == ("age",)
    assert found["item_key"] == tuple(c.split(".")[1] for c in of.columns("item_key"))
    assert not {"owned_last_s", "category_last_s", "user_float", "request_time", "mask"} & set(
        found
    )


def test_the_user_tower_takes_no_purchase_times(of: Schema) -> None:
    names = {i.name for i in of.for_users()}
    assert {"owned_item", "owned_score", "recent_item", "user_float"} <= names
    assert not {*OWNED[2:], "category_last_s", "category_interval_days", "mask"} & names


def test_a_field_that_no_view_has_is_named(prepared: Prepared) -> None:
    features = copy.deepcopy(prepared.features)
    features["services"]["ranker"]["user_activity"].append("shoe_size")
    with pytest.raises(PreparedError, match=r"user_activity\.shoe_size"):
        schema(features, "ranker")


def test_services_that_differ_are_refused(prepared: Prepared, of: Schema) -> None:
    features = copy.deepcopy(prepared.features)
    features["services"]["retriever"]["user_activity"].reverse()
    with pytest.raises(PreparedError, match="user_float"):
        check_same_inputs(schema(features, "retriever"), of)


def test_embeddings_have_a_row_for_every_text_and_for_unknown_and_null(
    prepared: Prepared, of: Schema
) -> None:
    config = feature_config(prepared, of)
    assert config.items == len(prepared.item_keys) + 2
    assert len(config.item_statistics) == len(of.columns("item_float"))
    names = [path.split(".")[1] for path in of.columns("item_key")]
    assert [names[column] for column in config.affinities] == config.affinity_names


def vocabulary(prepared: Prepared, name: str) -> dict[str, int]:
    frame = pl.read_parquet(prepared.folder / f"vocabularies/{name}.parquet")
    return dict(frame.select("text", "row").iter_rows())


def test_every_item_is_described_by_the_rows_of_its_categories(
    prepared: Prepared, of: Schema
) -> None:
    found = described_rows(prepared, of, prepared.cutoffs[0])
    profile = pl.read_parquet(prepared.folder / "views/item_profile.parquet")
    names = [path.split(".")[1] for path in of.columns("item_key")]
    texts = {name: vocabulary(prepared, name) for name in names}
    rows = {line["item_id"]: line for line in profile.iter_rows(named=True)}
    assert found[:2].tolist() == [[NULL_ROW] * len(names)] * 2
    for place, item in enumerate(prepared.item_ids.to_list()):
        line = rows[item]
        expected = [NULL_ROW if line[n] is None else texts[n][line[n]] for n in names]
        assert found[place + 2].tolist() == expected


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_taught_retriever_knows_the_items_of_a_history_by_their_categories(
    state: Path, prepared: Prepared, of: Schema, name: str
) -> None:
    settings = TrainingSettings(state=state, retriever_epochs=1, dimension=8, retriever_batch=64)
    data = teaching_data(prepared, of, prepared.cutoffs[:1], None)
    model = teach(settings, data, name, progress=False).model
    described = model.get_submodule("history").get_buffer("described")
    assert torch.equal(described, described_rows(prepared, of, prepared.cutoffs[0]))
