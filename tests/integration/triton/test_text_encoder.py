"""The real package's model on the real Triton."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from random import Random

import numpy as np
import pytest
import tritonclient.grpc as triton
from rich.console import Console

from serving.clients.triton import TritonModels
from serving.errors import OutsideError
from serving.search.encode import TextEncoder
from serving.search.encoder_files import EncoderFiles, open_encoder
from serving.search.vectors import open_vectors
from serving.triton.launcher import running
from serving.triton.ports import free_ports
from tests.fakes.sinks import ListRecorder
from training.bundle.golden_files import Golden, read_golden, write_golden
from training.bundle.parity import TOLERANCE
from training.errors import EncoderError
from training.search.embed import check_served, embedded
from training.search.encoder import PACKAGE, make

ATTEMPTS = 20
# The first numbers of each text's vector by transformers 5.24.0, mean over tokens and length 1.
PUBLISHED = {
    "bananas": [-0.045205, -0.019768, -0.005490, 0.051571, -0.023982, 0.036404],
    "Fluid Milk White Only, 1 ga": [-0.009998, -0.064799, 0.027821, 0.042735, 0.049583, -0.032778],
    "something for breakfast": [-0.110070, 0.111285, 0.019424, 0.039550, 0.003784, 0.044713],
    "crème brûlée \u725b": [-0.013468, -0.055188, 0.029214, 0.003329, -0.025908, -0.008407],
}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    make(Path(sys.prefix) / PACKAGE, folder, Console(file=StringIO()))
    return folder


@pytest.fixture(scope="module")
def files(state: Path) -> EncoderFiles:
    return open_encoder(state / "encoders/current")


@pytest.fixture(scope="module")
def endpoint(files: EncoderFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(files.models, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
async def encode(files: EncoderFiles, endpoint: str) -> AsyncIterator[TextEncoder]:
    door = TritonModels([endpoint], Random(7), time.monotonic, ListRecorder())
    yield TextEncoder(files, door)
    await door.close()


def cosine(vectors: np.ndarray) -> np.ndarray:
    return vectors @ vectors.T


async def test_the_vectors_are_those_that_the_model_was_published_with(encode: TextEncoder):
    found = await encode(list(PUBLISHED), 30)
    for vector, expected in zip(found, PUBLISHED.values(), strict=True):
        np.testing.assert_allclose(vector[: len(expected)], expected, atol=TOLERANCE)


async def test_a_text_has_the_same_vector_alone_and_in_any_company(encode: TextEncoder):
    texts = ["milk", "dog food, 22 lb", "a long question " * 30, "", "crème brûlée"]
    together = await encode(texts, 30)
    for text, vector in zip(texts, together, strict=True):
        np.testing.assert_allclose((await encode([text], 30))[0], vector, atol=TOLERANCE)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), [1, 1, 1, 0, 1], atol=1e-5)


async def test_what_means_the_same_is_nearer_than_what_sounds_alike(encode: TextEncoder):
    found = cosine(await encode(["soda", "soft drinks", "sofa", "nappies", "diapers"], 30))
    assert found[0, 1] > found[0, 2]
    assert found[3, 4] > found[3, 1]


async def test_what_it_can_not_read_gets_no_vector(encode: TextEncoder):
    found = await encode(["\U0001f34c", "\u6d17\u53d1\u6c34 \u53bb\u5c51", "dog"], 30)
    assert found.any(axis=1).tolist() == [False, False, True]


async def test_queries_of_like_length_meet_in_one_execution(
    encode: TextEncoder, files: EncoderFiles, endpoint: str
):
    texts = ["soda", "dog food", "red apples", "ice cream"]
    with triton.InferenceServerClient(endpoint) as client:

        def counts() -> tuple[int, int]:
            found = client.get_inference_statistics(files.model).model_stats[0]
            return found.inference_count, found.execution_count

        for _ in range(ATTEMPTS):
            rows_before, runs_before = counts()
            await asyncio.gather(*(encode([text], 30) for text in texts))
            rows, runs = counts()
            assert rows - rows_before == len(texts)
            if runs - runs_before < len(texts):
                return
    pytest.fail(f"{len(texts)} queries at once never shared an execution in {ATTEMPTS} attempts")


def embed(state: Path, texts: list[str], endpoint: str | None) -> str:
    """What is said; of items 1, 4, 7 and so on."""
    said = StringIO()
    keys = np.arange(1, 3 * len(texts), 3)
    embedded(state, keys, texts, endpoint, Console(file=said, width=200))
    return said.getvalue()


async def test_a_catalogue_is_embedded_once_and_found_by_what_is_meant(
    state: Path, files: EncoderFiles, endpoint: str, encode: TextEncoder
):
    texts = ["dog food", "soft drinks", "baby diapers", "soft drinks", ""]
    texts += [f"greeting card number {n}" for n in range(70)]
    said = await asyncio.to_thread(embed, state, texts, endpoint)
    assert "75 items, 74 texts, 74 of them encoded" in said
    vectors = open_vectors(state / "vectors/current", files.encoder_id)
    nappies = (await encode(["nappies"], 30))[0]
    assert vectors.nearest(nappies, 1).item_key.tolist() == [7]
    soda = vectors.nearest((await encode(["soda"], 30))[0], 2)
    assert soda.item_key.tolist() == [4, 10]
    assert soda.score[0] == soda.score[1]
    assert 13 not in vectors.nearest(nappies, 75).item_key

    said = await asyncio.to_thread(embed, state, [*texts, "ice cream"], None)
    assert "76 items, 75 texts, 1 of them encoded" in said
    after = open_vectors(state / "vectors/current", files.encoder_id)
    assert after.version != vectors.version
    np.testing.assert_array_equal(
        after.vector[np.isin(after.text_key, vectors.text_key)], vectors.vector
    )


def test_where_nobody_listens_nothing_is_written(state: Path, tmp_path: Path):
    (tmp_path / "encoders").symlink_to(state / "encoders")
    (port,) = free_ports(1)
    with pytest.raises(OutsideError, match=f"no Triton answers at 127.0.0.1:{port}"):
        embed(tmp_path, ["ice cream"], f"127.0.0.1:{port}")
    assert not (tmp_path / "vectors").exists()


def test_a_triton_of_another_encoder_is_refused(files: EncoderFiles, endpoint: str, tmp_path: Path):
    other = other_encoder(files, tmp_path / "other")
    with pytest.raises(EncoderError, match=r"answers otherwise than encoder .* by 1\.0e-02"):
        check_served(other, endpoint)


def other_encoder(files: EncoderFiles, folder: Path) -> EncoderFiles:
    """One that should answer a little differently."""
    golden = read_golden(files.folder, files.model)
    moved = {name: values + 0.01 for name, values in golden.outputs.items()}
    write_golden(folder / "golden" / f"{files.model}.npz", Golden(golden.inputs, moved))
    return replace(files, folder=folder)
