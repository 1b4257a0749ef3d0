import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from serving.bundle import content_id, open_bundle
from serving.features.read_plan import parse_read_plan
from tests.unit.training.bundle.bundles import edit_graph, set_weight, sign, write_bundle
from tests.unit.training.bundle.shop import random_models
from training.bundle.code_version import CodeVersion, code_version
from training.bundle.documents import read_plan
from training.bundle.folder import CURRENT, KEPT, prune, publish, staging, write_document
from training.bundle.golden_files import read_golden
from training.bundle.manifest import bound, step_figures
from training.bundle.parity import BATCHES, requests
from training.bundle.probes import UNKNOWN_KEY, USERS
from training.bundle.shipped import ShippedModel
from training.data import Prepared
from training.errors import CheckpointError, PreparedError
from training.models.ranker import NETWORKS
from training.models.retrievers import NAMES


def test_the_same_models_make_the_same_bundle(
    sound: Path, prepared: Prepared, models: tuple[ShippedModel, ...], tmp_path: Path
):
    names = open_bundle(sound).plan.models
    write_bundle(tmp_path, prepared, [m for m in models if m.name in names])
    assert content_id(tmp_path) == content_id(sound)


def test_models_that_differ_have_other_versions_by_the_same_names(sound: Path, tmp_path: Path):
    changed = Path(shutil.copytree(sound, tmp_path / "changed"))
    edit_graph(changed, "mlp", lambda g: set_weight(g, "network.last.bias", 0.5))
    ours, theirs = (open_bundle(folder).plan.triton_versions for folder in (sound, signed(changed)))
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] != theirs[name]} == {"mlp"}
    assert (sound / "models/mlp" / ours["mlp"] / "model.onnx").is_file()


def signed(folder: Path) -> Path:
    sign(folder)
    return folder


def test_the_golden_batch_is_the_frameworks_answer_to_real_requests(
    whole: Path, prepared: Prepared, models: tuple[ShippedModel, ...]
):
    for model in models:
        golden = read_golden(whole, model.name)
        for name, values in model.run(golden.inputs).items():
            np.testing.assert_array_equal(golden.outputs[name], values)
    golden = read_golden(whole, "transformer")
    assert golden.inputs["mask"].sum(axis=1).tolist() == [40] * 4
    assert golden.inputs["request_time"].tolist() == [[int(prepared.now.timestamp())]] * 4
    assert (golden.inputs["owned_item"][:3] >= 0).any(axis=1).all()
    assert (golden.inputs["owned_item"][3] == -1).all()
    for name in ("recent_item", "recent_s"):
        assert (golden.inputs[name][:3] >= 0).any(axis=1).all()
        assert (golden.inputs[name][3] == -1).all()
    assert np.isnan(golden.inputs["user_float"][3]).all()
    for name in NAMES:
        eligible = read_golden(whole, name).inputs["eligible"]
        assert eligible.all(axis=1).tolist() == [True, True, True, False]
        assert eligible[3].any()


def test_the_plan_says_what_the_models_take(prepared: Prepared, models: tuple[ShippedModel, ...]):
    versions = {model.name: str(number) for number, model in enumerate(models)}
    plan = parse_read_plan(read_plan(prepared.features, models, versions), "the plan")
    assert plan.triton_versions == versions
    assert list(plan.models) == [*NETWORKS, *NAMES, "similar"]
    for model in models:
        planned = plan.models[model.name]
        assert [(i.name, i.kind, i.dtype, i.columns, i.length) for i in planned.inputs] == [
            (i.name, i.kind, i.dtype, i.columns, i.length) for i in model.inputs
        ]
    assert set(plan.views) == set(prepared.features["views"])
    assert plan.views["user_history"].max_age_s == 15 * 86_400


def test_triton_warms_up_every_number_of_candidates(whole: Path, models: tuple[ShippedModel, ...]):
    for model in models:
        text = (whole / "models" / model.name / "config.pbtxt").read_text()
        config = text_format.Parse(text, model_config_pb2.ModelConfig())
        warmed = [w.inputs for w in config.model_warmup]
        assert len(warmed) == len(model.pad_to or (1,))
        for inputs in warmed:
            assert set(inputs) == {i.name for i in model.inputs}
        if model.service == "ranker":
            assert [next(iter(w["item_float"].dims)) for w in warmed] == list(model.pad_to)
        assert config.max_batch_size >= max(BATCHES)


def test_items_out_of_the_catalogues_order_are_refused(prepared: Prepared):
    vocabulary = prepared.vocabularies["item"]
    turned = replace(vocabulary, rows=vocabulary.rows[::-1])
    shuffled = replace(prepared, vocabularies=prepared.vocabularies | {"item": turned})
    with pytest.raises(PreparedError, match="don't follow the catalogue's keys"):
        random_models(shuffled)


def test_an_opened_bundle_has_the_sources_in_their_order(whole: Path, prepared: Prepared):
    bundle = open_bundle(whole)
    assert [(s.name, s.quota, s.model, s.items) for s in bundle.policy.sources] == [
        ("repeat", 20, None, "user_history.owned_item"),
        ("two_tower", 12, "two_tower", None),
        ("item_to_item", 12, "item_to_item", None),
        ("sasrec", 8, "sasrec", None),
        ("gru4rec", 8, "gru4rec", None),
        ("popular", 8, None, None),
    ]
    assert bundle.policy.members == tuple(NETWORKS)
    assert bundle.policy.surfaces == ("SURFACE_PRODUCT",)
    assert bundle.policy.classification_threshold == 0.2
    np.testing.assert_array_equal(bundle.catalogue, prepared.item_keys)
    assert bundle.manifest["purchase_list_length"] == 512
    assert bundle.manifest["training"]["seed"] == 7


def test_probes_hold_every_odd_user_and_item(models: tuple[ShippedModel, ...]):
    asked = list(requests(models[0]))
    assert sorted({len(raw["mask"]) for raw in asked}) == [1, 2, 3, 7]
    assert sorted({raw["mask"].shape[1] for raw in asked}) == [64, 128]
    assert {int(n) for raw in asked for n in raw["mask"].sum(axis=1)} == {1, 63, 64, 65}
    lengths = {int(n) for raw in asked for n in (raw["owned_item"] >= 0).sum(axis=1)}
    assert {0, 1} <= lengths
    assert max(lengths) == len(models[0].vocabularies["owned_item"][0].keys)  # the whole catalogue
    floats = np.concatenate([raw["user_float"] for raw in asked])
    assert np.isnan(floats).all(axis=1).any()
    assert np.isposinf(floats).any()
    assert sum(len(raw["mask"]) for raw in asked) >= 4 * len(USERS)
    assert any((raw["item_id"] >= UNKNOWN_KEY).any() for raw in asked)


def test_probes_ask_a_search_for_all_for_some_and_for_none_of_the_catalogue(
    models: tuple[ShippedModel, ...], prepared: Prepared
):
    search = next(m for m in models if m.name == "sasrec")
    asked = np.concatenate([raw["eligible"] for raw in requests(search)])
    shares = asked.mean(axis=1)
    assert asked.shape[1] == len(prepared.item_keys)
    assert shares.min() == 0
    assert shares.max() == 1
    assert len(np.unique(shares)) > 4


def test_publishing_replaces_the_current_bundle_and_keeps_the_newest(tmp_path: Path):
    names = [f"{n:016x}" for n in range(KEPT + 2)]
    for age, name in enumerate(names):
        with staging(tmp_path) as folder:
            write_document(folder / "manifest.json", {"bundle_id": name})
            published = publish(folder, name)
        os.utime(published, (age, age))
        assert (tmp_path / CURRENT).resolve() == published
    (tmp_path / CURRENT).unlink()
    (tmp_path / CURRENT).symlink_to(names[0])  # an older one is served again
    assert [p.name for p in prune(tmp_path)] == [names[1]]
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([names[0], *names[2:], CURRENT])


def test_a_pinned_bundle_outlives_any_number_of_exports(tmp_path: Path):
    names = [f"{n:016x}" for n in range(3 * KEPT)]
    for age, name in enumerate(names):
        with staging(tmp_path) as folder:
            write_document(folder / "manifest.json", {"bundle_id": name})
            os.utime(publish(folder, name), (age, age))
        prune(tmp_path, [names[0], names[4], "f" * 16, CURRENT])
    kept = [p.name for p in tmp_path.iterdir() if not p.is_symlink()]
    assert sorted(kept) == [names[0], names[4], *names[-KEPT:]]


def test_the_same_bundle_is_published_once(tmp_path: Path):
    for _ in range(2):
        with staging(tmp_path) as folder:
            write_document(folder / "manifest.json", {})
            publish(folder, "0" * 16)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0" * 16, CURRENT]


def test_a_bundle_that_was_not_published_leaves_nothing(tmp_path: Path):
    with staging(tmp_path) as folder:
        write_document(folder / "manifest.json", {})
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed(tmp_path: Path):
    left = tmp_path / ".0123abcd" / "models"
    left.mkdir(parents=True)
    with staging(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_figures_are_those_of_what_was_made_not_of_the_run(tmp_path: Path):
    run = {"seconds": 3.0, "peak_memory_bytes": 5}
    (tmp_path / "retriever.json").write_text(json.dumps({"quotas": {"repeat": 16}} | run))
    members = {"mlp": {"log_loss": 0.2}, "cnn": {"log_loss": 0.3}}
    (tmp_path / "ranker.json").write_text(json.dumps({"threshold": 0.1, "members": members} | run))
    assert step_figures(tmp_path) == {
        "retriever": {"quotas": {"repeat": 16}},
        "ranker": {"threshold": 0.1},
        **members,
    }
    (tmp_path / "ranker.json").unlink()
    with pytest.raises(CheckpointError, match=r"run training\.train_ranker first"):
        step_figures(tmp_path)


@pytest.mark.parametrize(
    ("apart", "written"),
    [(4.8e-7, 1e-6), (1e-6, 1e-6), (0.0, 0.0), (float("inf"), float("inf")), (None, None)],
)
def test_differences_are_written_as_the_next_power_of_ten(
    apart: float | None, written: float | None
):
    assert bound(apart) == written


def test_the_commit_is_unknown_outside_a_checkout(tmp_path: Path):
    assert code_version(tmp_path) == CodeVersion("unknown", changed=False)


def test_the_commit_and_its_changes_are_told(tmp_path: Path):
    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        done = subprocess.run(
            ["git", "-C", str(tmp_path), *who, *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-m", "First")
    assert code_version(tmp_path) == CodeVersion(git("rev-parse", "HEAD"), changed=False)
    (tmp_path / "file").write_text("two")
    assert code_version(tmp_path).changed
