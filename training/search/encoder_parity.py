"""Do the framework, ONNX Runtime and Triton give a text the same vector, in whatever company and padding?"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from serving.search.encode import IDS, MASK, VECTOR
from training.bundle.agreement import Tensors, distance, lines
from training.bundle.golden_files import Golden
from training.bundle.parity import TOLERANCE, run, session
from training.bundle.triton_calls import Call, ask
from training.errors import EncoderError
from training.search.minilm import SentenceEncoder

SIZES = ((1, 8), (2, 16), (3, 32), (7, 8), (2, 64))  # texts and tokens of the random requests
SEED = 7


def check(
    model: str, encoder: SentenceEncoder, golden: Golden, graph: Path, endpoint: str
) -> dict[str, float]:
    """How far the others' vectors are from the framework's, at most: of whole requests and single texts.

    Raises:
        EncoderError: further than the tolerance.
        OutsideError: Triton can't be reached or refused a request.
    """
    asked = [golden.inputs, *requests(encoder)]
    expected = [golden.outputs, *(answer(encoder, raw) for raw in asked[1:])]
    alone = [line for raw in asked for line in lines(raw)]
    expected += [line for answered in expected for line in lines(answered)]
    everything = [*asked, *alone]
    opened = session(graph)
    found = {
        "onnxruntime": [run(opened, raw) for raw in everything],
        "triton": ask(endpoint, [Call(model, raw, (VECTOR,)) for raw in everything]),
    }
    apart = {where: max(map(distance, expected, answers)) for where, answers in found.items()}
    if bad := [f"{where} by {far:.1e}" for where, far in apart.items() if far > TOLERANCE]:
        raise EncoderError(
            f"{graph} gives other vectors than the framework: {', '.join(bad)}, where {TOLERANCE:.0e} "
            "is allowed"
        )
    return apart


def requests(encoder: SentenceEncoder) -> Iterator[Tensors]:
    """Random tokens; of each request the first text fills its width, the others end anywhere."""
    draw = np.random.default_rng(SEED)
    for texts, width in SIZES:
        ends = draw.integers(1, width, texts, endpoint=True)
        ends[0] = width
        mask = np.arange(width) < ends[:, None]
        ids = draw.integers(1, encoder.config.vocab_size, (texts, width))
        yield {IDS: np.where(mask, ids, 0), MASK: mask}


def answer(encoder: SentenceEncoder, raw: Tensors) -> Tensors:
    """The framework's own."""
    ids, mask = (torch.from_numpy(np.asarray(raw[name])) for name in (IDS, MASK))
    return {VECTOR: encoder(ids, mask).numpy()}
