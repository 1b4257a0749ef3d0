"""What texts mean, as vectors: tokens are made here, the network runs on Triton."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from serving.errors import Failed
from serving.search.encoder_files import EncoderFiles
from serving.search.tokens import Tokenizing
from serving.types import ModelDoor

LENGTH_TOLERANCE = 1e-3
IDS, MASK, VECTOR = "token_id", "mask", "vector"


class TextEncoder:
    """Texts to vectors that compare by their inner product, which is their cosine."""

    def __init__(self, files: EncoderFiles, models: ModelDoor) -> None:
        """Raises ArtefactError if the tokenizer lacks the unknown token."""
        self._files = files
        self._models = models
        self._tokens = Tokenizing(files.tokenizer, files.lengths, files.unknown_token)

    async def __call__(self, texts: Sequence[str], timeout_s: float) -> NDArray[np.float32]:
        """(n, D) of length 1, or all 0 where the encoder knows less than half of what the text says.

        One request of 1 to `max_batch` texts, as wide as the longest; none if none is known.

        Raises:
            OutsideError: Triton can't be reached, is late, or answers with an error or a wrong shape.
            ValueError: no text, or more than `max_batch`.
        """
        if not 1 <= len(texts) <= self._files.max_batch:
            raise ValueError(f"{len(texts)} texts; a request takes 1 to {self._files.max_batch}")
        tokens = self._tokens(texts)
        vectors = np.zeros((len(texts), self._files.dimension), dtype=np.float32)
        if not tokens.known.any():
            return vectors
        model = self._files.model
        inputs = {IDS: tokens.ids[tokens.known], MASK: tokens.mask[tokens.known]}
        answer = (await self._models.infer(model, inputs, [VECTOR], timeout_s))[VECTOR]
        expected = (int(tokens.known.sum()), self._files.dimension)
        if answer.shape != expected or answer.dtype != np.float32:
            raise Failed(
                f"{model} gave {VECTOR} as {answer.dtype} {answer.shape}, not float32 {expected}"
            )
        if not (abs(np.linalg.norm(answer, axis=1) - 1) < LENGTH_TOLERANCE).all():
            raise Failed(f"{model} gave a {VECTOR} that is not of length 1")
        vectors[tokens.known] = answer
        return vectors
