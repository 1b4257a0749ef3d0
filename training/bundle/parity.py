"""Do the framework, ONNX Runtime and the served model give the same answer? Asked at odd sizes.

Both tolerances are far above float32's rounding over these sums (about 5e-7 was measured) and far below
what would reorder a slate: 1e-5 where the same tensors go to the framework and to ONNX Runtime; the same
for Triton, which splits and joins requests as it likes.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnxruntime

from serving.errors import ArtefactError
from training.bundle.agreement import Tensors, distance, lines
from training.bundle.probes import padded, probe
from training.bundle.shipped import ShippedModel
from training.bundle.triton_calls import Call, ask
from training.bundle.triton_config import GRAPH

TOLERANCE = 1e-5
BATCHES = (1, 2, 3, 7)
CANDIDATES = (1, 63, 64, 65)


@dataclass(frozen=True, slots=True)
class Parity:
    """The largest distance from the framework's answers; Triton's is None if it wasn't asked."""

    model: str
    onnxruntime: float
    served: float | None

    @property
    def holds(self) -> bool:
        return max(self.onnxruntime, self.served or 0.0) <= TOLERANCE


def check_parity(
    models: Sequence[ShippedModel], repository: Path, endpoint: str | None
) -> list[Parity]:
    """Compares the graphs of the Triton model `repository`, and the Triton at `endpoint` that serves it.

    Raises:
        OutsideError: Triton can't be reached or refused a request.
    """
    return [_of(model, repository, endpoint) for model in models]


def session(graph: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(graph), options, ["CPUExecutionProvider"])


def graph_of(repository: Path, model: str) -> Path:
    """The model's one graph, in the folder of its version.

    Raises:
        ArtefactError: there is none, or another beside it.
    """
    found = sorted((repository / model).glob(f"[0-9]*/{GRAPH}"))
    if len(found) != 1:
        raise ArtefactError(f"{repository / model} holds {len(found)} graphs, not one")
    return found[0]


def run(graph: onnxruntime.InferenceSession, raw: Tensors) -> Tensors:
    names = [o.name for o in graph.get_outputs()]
    return dict(zip(names, graph.run(names, dict(raw)), strict=True))


def requests(model: ShippedModel) -> Iterator[Tensors]:
    """Every odd batch with every odd number of candidates, padded as the gateway pads."""
    seed = 0
    for candidates in CANDIDATES if model.candidates == "C" else (1,):
        width = next((w for w in model.pad_to if w >= candidates), candidates)
        for users in BATCHES:
            yield padded(model, probe(model, users, candidates, seed), width)
            seed += users  # so that each kind of user comes in each company


def _of(model: ShippedModel, repository: Path, endpoint: str | None) -> Parity:
    asked = list(requests(model))
    expected = [model.run(raw) for raw in asked]
    graph = session(graph_of(repository, model.name))
    local = _worst(expected, (run(graph, raw) for raw in asked))
    served = None if endpoint is None else _served(model, asked, expected, endpoint)
    return Parity(model.name, local, served)


def _served(
    model: ShippedModel, asked: Sequence[Tensors], expected: Sequence[Tensors], endpoint: str
) -> float:
    """Each batch as one request, and each of its lines alone: all at once."""
    alone = [line for raw in asked for line in lines(raw)]
    expected_alone = [line for answer in expected for line in lines(answer)]
    outputs = tuple(o.name for o in model.outputs)
    answers = ask(endpoint, [Call(model.name, raw, outputs) for raw in [*asked, *alone]])
    return _worst([*expected, *expected_alone], answers)


def _worst(expected: Sequence[Tensors], found: Iterable[Tensors]) -> float:
    return max(distance(a, b) for a, b in zip(expected, found, strict=True))
