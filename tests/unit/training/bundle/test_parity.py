"""Framework and ONNX Runtime give the same answers, at the edges of what a model may be sent."""

from pathlib import Path

import numpy as np
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument

from training.bundle.parity import (
    BATCHES,
    TOLERANCE,
    check_parity,
    graph_of,
    requests,
    run,
    session,
)
from training.bundle.probes import NOW_S, UNKNOWN_KEY, padded, probe
from training.bundle.shipped import ShippedModel
from training.models.ranker import NETWORKS
from training.models.retrievers import NAMES

EVERY = (*NETWORKS, *NAMES, "similar")
READ_HISTORY = ("cnn", "rnn", "transformer", "sasrec", "gru4rec")


@pytest.fixture(params=EVERY)
def model(request: pytest.FixtureRequest, models: tuple[ShippedModel, ...]) -> ShippedModel:
    return next(m for m in models if m.name == request.param)


@pytest.fixture(params=READ_HISTORY)
def reader(request: pytest.FixtureRequest, models: tuple[ShippedModel, ...]) -> ShippedModel:
    return next(m for m in models if m.name == request.param)


def test_every_kind_of_model_is_among_those_that_are_compared(
    models: tuple[ShippedModel, ...],
) -> None:
    assert tuple(m.name for m in models) == EVERY


def test_framework_and_graph_agree(model: ShippedModel, whole: Path) -> None:
    (found,) = check_parity([model], whole / "models", None)
    assert found.onnxruntime <= TOLERANCE


def test_probes_hold_histories_of_every_length_with_unknown_items_and_odd_times(
    reader: ShippedModel,
) -> None:
    asked = list(requests(reader))
    assert {len(raw["recent_item"]) for raw in asked} == set(BATCHES)
    items = np.concatenate([raw["recent_item"] for raw in asked])
    times = np.concatenate([raw["recent_s"] for raw in asked])
    lengths = (items >= 0).sum(axis=1)
    longest = next(i.length for i in reader.inputs if i.name == "recent_item")
    assert {0, 1, longest} <= set(lengths.tolist())
    assert (items >= UNKNOWN_KEY).any()
    timeless = (items >= 0) & (times < 0)
    assert timeless.any()  # taken, but nobody knows when
    assert (times > NOW_S).any()
    assert (times == 0).any()


@pytest.mark.parametrize("length", [0, 1, 2, 64])
def test_a_history_of_any_length_scores_alike(
    reader: ShippedModel, whole: Path, length: int
) -> None:
    raw = dict(padded(reader, probe(reader, 3, 5, seed=11), 64))
    draw = np.random.default_rng(length)
    keys = reader.vocabularies["recent_item"][0].keys
    raw["recent_item"], raw["recent_s"] = (np.full((3, 64), -1) for _ in range(2))
    raw["recent_item"][:, :length] = draw.choice(keys, (3, length))
    raw["recent_s"][:, :length] = NOW_S - np.sort(draw.integers(0, 10**7, (3, length)))
    found = run(session(graph_of(whole / "models", reader.name)), raw)
    for name, expected in reader.run(raw).items():
        np.testing.assert_allclose(found[name], expected, atol=TOLERANCE)


def test_a_longer_history_reaches_no_graph(reader: ShippedModel, whole: Path) -> None:
    """It is cut before, by preparation and by the events that change a row."""
    raw = dict(padded(reader, probe(reader, 1, 5, seed=0), 64))
    raw["recent_item"] = np.pad(raw["recent_item"], ((0, 0), (0, 1)), constant_values=-1)
    with pytest.raises(InvalidArgument, match="recent_item"):
        run(session(graph_of(whole / "models", reader.name)), raw)
