"""Are a graph's answers sane, and independent of whoever else is asked about?"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from serving.bundle import Bundle
from serving.features.read_plan import ModelPlan
from training.bundle.agreement import KEYS, NO_ITEM, SCORES, Tensors, distance, lines
from training.bundle.golden_files import read_golden
from training.bundle.parity import TOLERANCE, run, session

PROBABILITY = "probability"
LEAST_SPREAD = 1e-6  # between the least and the greatest score of a request
OF_CANDIDATES = ("item_id", "item", "mask")


def answer_problems(bundle: Bundle, plan: ModelPlan, graph_path: Path) -> Iterator[str]:
    """Asks the golden batch in several forms; each problem names the model."""
    golden = read_golden(bundle.folder, plan.name)
    wrong = _swapped_shapes(plan, golden.inputs)
    if wrong:
        yield f"{plan.name}: the golden batch has other tensors than the plan: {', '.join(wrong)}"
        return
    graph = session(graph_path)
    answer = run(graph, golden.inputs)
    apart = distance(golden.outputs, answer)
    if not apart <= TOLERANCE:
        yield (
            f"{plan.name}: the graph's answer to the golden batch differs by {apart:.0e} from the "
            f"framework's, where {TOLERANCE:.0e} is allowed"
        )
    insane = _insane(golden.inputs, answer, bundle.catalogue)
    yield from (f"{plan.name}: {problem}" for problem in insane)
    alone = [run(graph, line) for line in lines(golden.inputs)]
    if not max(map(distance, lines(answer), alone)) <= TOLERANCE:
        yield f"{plan.name}: scores change with the requests that share a batch"
    if len(plan.pad_to) > 1:
        yield from _candidates(plan, golden.inputs, answer, graph_path)


def _swapped_shapes(plan: ModelPlan, inputs: Tensors) -> list[str]:
    planned = {i.name: i.dtype for i in plan.inputs}
    found = {name: str(values.dtype) for name, values in inputs.items()}
    return sorted(n for n in planned.keys() | found.keys() if planned.get(n) != found.get(n))


def _insane(inputs: Tensors, answer: Tensors, catalogue: NDArray[np.int64]) -> Iterator[str]:
    if PROBABILITY in answer:
        yield from _probabilities(inputs, answer)
        return
    yield from _lists(inputs, answer)
    yield from _eligible(inputs, answer, catalogue)


def _probabilities(inputs: Tensors, answer: Tensors) -> Iterator[str]:
    probability = answer[PROBABILITY].astype(np.float64)
    mask = inputs["mask"].astype(np.bool_)
    if np.isnan(probability).any():
        yield "some probabilities are NaN"
        return
    if not ((probability >= 0) & (probability <= 1)).all():
        yield (
            f"probabilities lie in {probability.min():.3g} to {probability.max():.3g}, "
            "outside 0 to 1"
        )
    if (probability[~mask] != 0).any():
        yield "masked candidates have a probability other than 0"
    spreads = [np.ptp(line[real]) for line, real in zip(probability, mask, strict=True)]
    if max(spreads) < LEAST_SPREAD:
        yield "every candidate has the same probability"


def _lists(inputs: Tensors, answer: Tensors) -> Iterator[str]:
    spread = 0.0
    given = inputs.get("owned_item", inputs.get("item_id"))
    for line, (keys, scores) in enumerate(zip(answer[KEYS], answer[SCORES], strict=True)):
        real = keys != NO_ITEM
        if not np.isfinite(scores[real]).all() or not np.isnan(scores[~real]).all():
            yield f"request {line}: scores aren't finite, or not null where no item is left"
        if len(np.unique(keys[real])) != real.sum():
            yield f"request {line}: an item comes twice"
        if given is not None and np.isin(keys[real], given[line]).any():
            yield f"request {line}: an item that was passed in comes back"
        if (np.diff(scores[real]) > 0).any():
            yield f"request {line}: items aren't ordered by score"
        spread = max(spread, float(np.ptp(scores[real])) if real.any() else 0.0)
    if spread < LEAST_SPREAD:
        yield "every item has the same score, or none is found"


def _eligible(inputs: Tensors, answer: Tensors, catalogue: NDArray[np.int64]) -> Iterator[str]:
    """The golden batch has a request for which not every item is."""
    for line, eligible in enumerate(inputs.get("eligible", ())):
        keys = answer[KEYS][line]
        if np.isin(keys, catalogue[~eligible]).any():
            yield f"request {line}: an item comes back that is not eligible"


def _candidates(
    plan: ModelPlan, inputs: Tensors, answer: Tensors, graph_path: Path
) -> Iterator[str]:
    """Reverses the candidates, then pads them further: each keeps its score."""
    graph = session(graph_path)
    mine = {i.name for i in plan.inputs if i.kind in OF_CANDIDATES}
    backwards = {n: v[:, ::-1] if n in mine else v for n, v in inputs.items()}
    turned = {n: v[:, ::-1] for n, v in run(graph, backwards).items()}
    if not distance(answer, turned) <= TOLERANCE:
        yield f"{plan.name}: scores change with the order of the candidates"
    width = next(iter(answer.values())).shape[1]
    wide = {n: _wider(v, plan.pad_to[-1]) if n in mine else v for n, v in inputs.items()}
    cut = {n: v[:, :width] for n, v in run(graph, wide).items()}
    if not distance(answer, cut) <= TOLERANCE:
        yield f"{plan.name}: scores change with padding"


def _wider(values: np.ndarray, width: int) -> np.ndarray:
    """Padded along dimension 1 by what a masked candidate may hold: here zeros, not nulls."""
    more = [(0, 0), (0, width - values.shape[1]), *[(0, 0)] * (values.ndim - 2)]
    return np.pad(values, more)
