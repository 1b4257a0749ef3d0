"""The text encoder's graph in ONNX Runtime, behind the door that serving has to Triton."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from serving.search.encoder_files import open_encoder
from serving.types import Tensors
from training.bundle.parity import graph_of, session


class GraphDoor:
    """A ModelDoor of one model, whose answers the encoder's parity check held against Triton's."""

    def __init__(self, encoder: Path) -> None:
        """Raises ArtefactError: the encoder's folder can't be used."""
        files = open_encoder(encoder)
        self._session = session(graph_of(files.models, files.model))

    async def infer(
        self, model: str, inputs: Tensors, outputs: Sequence[str], timeout_s: float
    ) -> dict[str, NDArray[np.generic]]:
        del model, timeout_s
        answers = self._session.run(list(outputs), dict(inputs))
        return dict(zip(outputs, map(np.asarray, answers), strict=True))
