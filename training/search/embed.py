"""The vectors of a catalogue's texts: `python -m training.search.embed --state FOLDER`.

Reads the items and `encoders/current`, asks a Triton that serves it, by default one of its own, and writes
`vectors/<version>/`. Each different text is asked about once, and not again while the encoder stays: only
what the current vectors lack costs time. Killed anywhere, it leaves the current ones as they were.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.markup import escape

from serving.clients.triton import TritonModels
from serving.errors import ArtefactError, RecserveError
from serving.features.keys import string_keys
from serving.search.encode import VECTOR, TextEncoder
from serving.search.encoder_files import EncoderFiles, open_encoder
from serving.search.vectors import open_vectors
from serving.telemetry import Metrics
from serving.triton.launcher import running
from serving.types import Keys
from training.bundle.agreement import distance
from training.bundle.golden_files import read_golden
from training.bundle.triton_calls import Call, ask
from training.data import open_prepared
from training.datasets.errors import DataSetError
from training.errors import EncoderError, TrainingError
from training.prepare.contract import open_data_set
from training.search.described import described
from training.search.vector_files import write_vectors
from training.settings import TrainingSettings, read_settings

TIMEOUT_S = 60.0
AT_ONCE = 2  # one batch runs while the next is on its way
TOLERANCE = 1e-4  # as of a replay: another Triton may bring another ONNX Runtime


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m training.search.embed")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--triton", metavar="HOST:PORT", help="gRPC endpoint of one that runs")
    given = parser.parse_args()
    console = Console()
    try:
        made = embed(read_settings(given.state), given.triton, console)
    except (TrainingError, DataSetError, RecserveError) as error:
        console.print(f"[red]embed:[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        return 1
    console.print(f"{made} is {given.state / 'vectors/current'}", soft_wrap=True)
    return 0


def embed(settings: TrainingSettings, triton: str | None, console: Console) -> Path:
    """The folder of the vectors, which are the current ones.

    Raises:
        PreparedError, DataSetError: the state folder is incomplete.
        EncoderError: Triton answers otherwise than the encoder's files say.
        RecserveError: the encoder's files can't be opened; Triton can't be reached or fails.
    """
    state, prepared = settings.state, open_prepared(settings.prepared)
    texts = described(open_data_set(state / "dataset"), prepared)
    return embedded(
        state, prepared.item_keys, texts, triton, console, with_graph=settings.search_graph
    )


def embedded(
    state: Path,
    item_keys: Keys,
    texts: Sequence[str],
    triton: str | None,
    console: Console,
    *,
    with_graph: bool = False,
) -> Path:
    """The same of these items, ascending, and their texts."""
    files = open_encoder(state / "encoders" / "current")
    text_key, first, text_row = np.unique(
        string_keys(texts), return_index=True, return_inverse=True
    )
    vector, known = before(state / "vectors", files, text_key)
    missing = np.flatnonzero(~known)
    began = time.monotonic()
    vector[missing] = encoded(state, triton, files, [texts[first[i]] for i in missing])
    console.print(
        f"{len(texts):,} items, {len(text_key):,} texts, {len(missing):,} of them encoded in "
        f"{time.monotonic() - began:.1f} s",
        highlight=False,
    )
    arrays: dict[str, NDArray[np.generic]] = {
        "item_key": item_keys,
        "text_row": text_row.astype(np.int32),
        "text_key": text_key,
        "vector": vector,
    }
    return write_vectors(state / "vectors", files.encoder_id, arrays, with_graph=with_graph)


def encoded(
    state: Path, triton: str | None, files: EncoderFiles, texts: Sequence[str]
) -> NDArray[np.float32]:
    """(n, D); a Triton is started only where there is something to ask, and none is named."""
    if not texts:
        return np.empty((0, files.dimension), dtype=np.float32)
    with (
        nullcontext(triton) if triton else running(files.models, state / "triton" / "encoder")
    ) as endpoint:
        check_served(files, endpoint)
        return asyncio.run(vectors_of(files, endpoint, texts))


def check_served(files: EncoderFiles, triton: str) -> None:
    """Replays the encoder's golden batch.

    Raises:
        EncoderError: this Triton serves another encoder.
        OutsideError: it can't be reached or refused the request.
    """
    golden = read_golden(files.folder, files.model)
    (answer,) = ask(triton, [Call(files.model, golden.inputs, (VECTOR,))])
    if (apart := distance(golden.outputs, answer)) > TOLERANCE:
        raise EncoderError(
            f"the Triton at {triton} answers otherwise than encoder {files.encoder_id} says, by "
            f"{apart:.1e}; it may serve another"
        )


def before(
    folder: Path, files: EncoderFiles, text_key: Keys
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """(U, D) what the current vectors have of these texts, and (U,) of which."""
    vector = np.zeros((len(text_key), files.dimension), dtype=np.float32)
    known = np.zeros(len(text_key), dtype=np.bool_)
    try:
        current = open_vectors(folder / "current", files.encoder_id)
    except ArtefactError:
        return vector, known  # none yet, broken ones, or another encoder's: all are made anew
    places = np.searchsorted(current.text_key, text_key).clip(max=len(current.text_key) - 1)
    known = current.text_key[places] == text_key
    vector[known] = current.vector[places[known]]
    return vector, known


async def vectors_of(files: EncoderFiles, triton: str, texts: Sequence[str]) -> NDArray[np.float32]:
    """(n, D) in the order of the texts; those of like length share a request."""
    vectors = np.empty((len(texts), files.dimension), dtype=np.float32)
    by_length = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    turn = asyncio.Semaphore(AT_ONCE)
    unseen = Metrics(CollectorRegistry())
    models = TritonModels([triton], Random(0), time.monotonic, unseen)  # noqa: S311
    encode = TextEncoder(files, models)

    async def one(places: Sequence[int]) -> None:
        async with turn:
            vectors[list(places)] = await encode([texts[place] for place in places], TIMEOUT_S)

    starts = range(0, len(by_length), files.max_batch)
    try:
        await asyncio.gather(*(one(by_length[at : at + files.max_batch]) for at in starts))
    finally:
        await models.close()
    return vectors


if __name__ == "__main__":
    sys.exit(main())
