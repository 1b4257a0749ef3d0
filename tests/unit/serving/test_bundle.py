import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from serving.bundle import content_id, open_bundle
from serving.errors import ArtefactError
from tests.fakes.policies import blended, described_policy
from tests.fakes.read_plans import described_input, described_plan

TWO = blended("mlp", "cnn")
Change = Callable[[dict[str, Any], dict[str, Any]], object]


def written(
    folder: Path, change: Change = lambda *_: None, catalogue: np.ndarray | bytes | None = None
) -> Path:
    """A bundle of two members without their graphs; `change` spoils its read plan and policy."""
    plan, policy = described_plan(), described_policy({"popular": {"quota": 64}}, TWO)
    one = plan["models"].pop("ranker")
    plan["models"] = {name: json.loads(json.dumps(one)) for name in TWO.members}
    change(plan, policy)
    if isinstance(catalogue, bytes):
        (folder / "catalogue.npy").write_bytes(catalogue)
    elif catalogue is not None:
        np.save(folder / "catalogue.npy", catalogue)
    manifest: dict[str, Any] = {"version": 1, "horizon_days": 14}
    for name, document in (("read_plan", plan), ("policy", policy), ("manifest", manifest)):
        (folder / f"{name}.json").write_text(json.dumps(document))
    signed = json.dumps(manifest | {"bundle_id": content_id(folder)})
    (folder / "manifest.json").write_text(signed)
    return folder


@pytest.mark.parametrize("manifest", ["", '{"version": 1, "bundle', "[1]", '"text"'])
def test_a_manifest_that_is_not_whole_is_refused(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(ArtefactError, match=r"manifest\.json is no JSON.*export it again"):
        open_bundle(tmp_path)


def test_members_and_their_fusion_are_read_as_they_were_written(tmp_path: Path) -> None:
    policy = open_bundle(written(tmp_path)).policy
    assert policy.members == ("mlp", "cnn")
    assert policy.fusion == TWO


def other_length(plan: dict[str, Any], _: dict[str, Any]) -> None:
    plan["models"]["cnn"]["inputs"][0]["length"] = 3


def other_width(plan: dict[str, Any], _: dict[str, Any]) -> None:
    plan["models"]["cnn"]["pad_to"] = [64, 128]


def one_less(plan: dict[str, Any], _: dict[str, Any]) -> None:
    plan["models"]["cnn"]["inputs"].pop()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (other_length, "members mlp and cnn differ in owned_item; all members take the same"),
        (other_width, "members mlp and cnn differ in pad_to"),
        (one_less, "members mlp and cnn differ in item_float"),
        (lambda plan, _: plan["models"].pop("cnn"), "names models without a plan: cnn"),
        (lambda _, policy: policy.update(version=1), "is version 1, this program reads 2"),
        (lambda _, policy: policy.pop("fusion"), "lacks 'fusion'"),
        (lambda _, policy: policy["fusion"].pop(), "fusion has 0 entries of cnn and mlp"),
        (lambda _, policy: policy.update(members=[]), "members has 0 models"),
    ],
)
def test_members_that_cannot_be_fused_are_refused_when_the_bundle_is_opened(
    tmp_path: Path, change: Change, complaint: str
) -> None:
    written(tmp_path, change)
    with pytest.raises(ArtefactError, match=complaint):
        open_bundle(tmp_path)


def test_members_may_list_the_same_inputs_in_another_order(tmp_path: Path) -> None:
    def turned(plan: dict[str, Any], _: dict[str, Any]) -> None:
        plan["models"]["cnn"]["inputs"].reverse()

    assert open_bundle(written(tmp_path, turned)).policy.members == TWO.members


def searching(plan: dict[str, Any], policy: dict[str, Any]) -> None:
    """One more model, which searches three items."""
    wanted = described_input("eligible", "eligible", "bool") | {"length": 3}
    plan["models"]["search"] = plan["models"]["mlp"] | {"inputs": [wanted]}
    policy["sources"]["search"] = {"quota": 5, "model": "search"}


def test_the_catalogue_is_opened_where_a_model_searches_it(tmp_path: Path) -> None:
    bundle = open_bundle(written(tmp_path, searching, np.array([3, 5, 9])))
    assert bundle.catalogue.tolist() == [3, 5, 9]


def test_without_such_a_model_there_need_not_be_a_catalogue(tmp_path: Path) -> None:
    assert open_bundle(written(tmp_path)).catalogue.tolist() == []


@pytest.mark.parametrize(
    ("catalogue", "complaint"),
    [
        (None, "catalogue.npy is missing, which search searches"),
        (b"", "catalogue.npy is no array"),
        (b"no array at all", "catalogue.npy is no array"),
        (np.array([3, 9, 5]), "must hold int64 keys, ascending"),
        (np.array([3, 3, 5]), "must hold int64 keys, ascending"),
        (np.array([3.0, 5.0, 9.0]), "must hold int64 keys, ascending"),
        (np.array([[3, 5, 9]]), "must hold int64 keys, ascending"),
        (np.array([3, 5]), "has 2 items, the plan of search 3"),
    ],
)
def test_a_catalogue_that_is_not_the_models_is_refused(
    tmp_path: Path, catalogue: np.ndarray | bytes | None, complaint: str
) -> None:
    written(tmp_path, searching, catalogue)
    with pytest.raises(ArtefactError, match=complaint):
        open_bundle(tmp_path)


def test_the_catalogue_is_part_of_the_bundles_name(tmp_path: Path) -> None:
    written(tmp_path, searching, np.array([3, 5, 9]))
    np.save(tmp_path / "catalogue.npy", np.array([3, 5, 10]))
    with pytest.raises(ArtefactError, match="was changed after export"):
        open_bundle(tmp_path)
