from pathlib import Path

import numpy as np
import pytest

from serving.errors import Failed, TimedOut
from serving.search.encode import TextEncoder
from serving.search.encoder_files import EncoderFiles
from serving.types import Tensors
from tests.fakes.doors import Arrays, FakeTriton
from tests.fakes.encoders import WORDS, write_encoder


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> EncoderFiles:
    return write_encoder(tmp_path_factory.mktemp("encoder"))


def sums(inputs: Tensors) -> Arrays:
    """Directions that tell texts apart and say nothing of padding."""
    ids, mask = inputs["token_id"], inputs["mask"]
    total = (ids * mask).sum(axis=1).astype(np.float32)
    vectors = np.stack([total, total * 2, mask.sum(axis=1)], axis=1)
    return {"vector": (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("f4")}


async def test_each_text_gets_the_row_of_its_own_tokens(files: EncoderFiles):
    triton = FakeTriton({"text_encoder": sums})
    vectors = await TextEncoder(files, triton)(["dog food", "milkshake", "a"], 1.5)
    total = sum(map(WORDS.index, ["[CLS]", "dog", "food", "[SEP]"]))
    assert vectors.dtype == np.float32
    assert vectors.shape == (3, 3)
    expected = np.array([total, total * 2, 4]) / np.linalg.norm([total, total * 2, 4])
    assert vectors[0].tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    ((model, inputs),) = triton.calls
    assert model == "text_encoder"
    assert inputs["token_id"].dtype == np.int64
    assert inputs["mask"].dtype == np.bool_
    assert triton.timeouts == [1.5]


async def test_a_text_of_which_nothing_is_known_is_0_and_is_not_asked_about(files: EncoderFiles):
    triton = FakeTriton({"text_encoder": sums})
    vectors = await TextEncoder(files, triton)(["犬", "dog", ""], 1)
    assert vectors.any(axis=1).tolist() == [False, True, False]
    assert len(triton.calls[0][1]["token_id"]) == 1


async def test_nothing_is_asked_where_nothing_is_known(files: EncoderFiles):
    triton = FakeTriton({"text_encoder": sums})
    assert not (await TextEncoder(files, triton)(["狗粮", "?¿"], 1)).any()
    assert triton.calls == []


async def test_the_doors_errors_pass(files: EncoderFiles):
    triton = FakeTriton({}, errors={"text_encoder": TimedOut("late")})
    with pytest.raises(TimedOut):
        await TextEncoder(files, triton)(["dog"], 1)


@pytest.mark.parametrize(
    "answer", [np.ones((1, 4), np.float32), np.ones((2, 3), np.float32), np.ones((1, 3), np.int64)]
)
async def test_vectors_of_another_form_are_a_failure(files: EncoderFiles, answer: np.ndarray):
    triton = FakeTriton({"text_encoder": lambda _: {"vector": answer}})
    with pytest.raises(Failed, match=r"text_encoder gave vector as .* not float32 \(1, 3\)"):
        await TextEncoder(files, triton)(["dog"], 1)


@pytest.mark.parametrize("count", [0, 5])
async def test_a_request_takes_no_more_texts_than_the_model(files: EncoderFiles, count: int):
    with pytest.raises(ValueError, match=f"{count} texts; a request takes 1 to 4"):
        await TextEncoder(files, FakeTriton({}))(["dog"] * count, 1)


def test_the_encoder_names_its_files(files: EncoderFiles):
    assert files.tokenizer == files.folder / "tokenizer.json"
    assert files.models == Path(files.folder, "models")
