import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.fakes.encoders import SIZES, WORDS, write_package, write_tensors
from training.errors import EncoderError
from training.search.minilm import load

Weights = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    write_package(folder)
    return folder


def reference(weights: Weights, ids: list[int]) -> Tensor:
    """One text by torch's own encoder layers, without padding."""
    named = {name: torch.from_numpy(values) for name, values in weights.items()}
    size = SIZES["hidden_size"]
    tokens = (
        named["embeddings.word_embeddings.weight"][ids]
        + named["embeddings.position_embeddings.weight"][: len(ids)]
        + named["embeddings.token_type_embeddings.weight"][0]
    )
    norm = (named["embeddings.LayerNorm.weight"], named["embeddings.LayerNorm.bias"])
    tokens = nn.functional.layer_norm(tokens, (size,), *norm, 1e-12)[None]
    for number in range(SIZES["num_hidden_layers"]):
        tokens = layer(named, f"encoder.layer.{number}.")(tokens)
    mean = tokens[0].mean(dim=0)
    return mean / mean.norm()


def layer(named: dict[str, Tensor], prefix: str) -> nn.TransformerEncoderLayer:
    made = nn.TransformerEncoderLayer(
        SIZES["hidden_size"],
        SIZES["num_attention_heads"],
        SIZES["intermediate_size"],
        activation="gelu",
        layer_norm_eps=1e-12,
        batch_first=True,
    ).eval()
    parts = [f"{prefix}attention.self.{part}." for part in ("query", "key", "value")]
    state = {
        f"self_attn.in_proj_{kind}": torch.cat([named[part + kind] for part in parts])
        for kind in ("weight", "bias")
    }
    others = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    state |= {
        f"{theirs}.{kind}": named[f"{prefix}{ours}.{kind}"]
        for theirs, ours in others.items()
        for kind in ("weight", "bias")
    }
    made.load_state_dict(state)
    return made.requires_grad_(requires_grad=False)


def tensors(*texts: list[int], width: int) -> tuple[Tensor, Tensor]:
    ids = torch.zeros(len(texts), width, dtype=torch.int64)
    mask = torch.zeros(len(texts), width, dtype=torch.bool)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
        mask[row, : len(text)] = True
    return ids, mask


def test_vectors_are_those_of_torchs_own_layers(package: Path):
    weights = write_package(package)
    draw = np.random.default_rng(1)
    texts = [draw.integers(1, len(WORDS), n).tolist() for n in (1, 2, 5, 16)]
    found = load(package)(*tensors(*texts, width=16))
    expected = torch.stack([reference(weights, text) for text in texts])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_padding_and_company_change_nothing(package: Path):
    encoder = load(package)
    alone = encoder(*tensors([2, 4, 5, 3], width=4))
    among = encoder(*tensors([2, 8, 8, 9, 3], [2, 4, 5, 3], width=16))
    torch.testing.assert_close(among[1:], alone, atol=1e-6, rtol=0)


def test_vectors_have_length_1_and_a_text_without_tokens_is_0(package: Path):
    found = load(package)(*tensors([2, 4, 3], [], width=4))
    assert found.norm(dim=1).tolist() == pytest.approx([1, 0], abs=1e-6)


def test_the_place_of_a_word_matters(package: Path):
    one, other = load(package)(*tensors([2, 4, 5, 3], [2, 5, 4, 3], width=4))
    assert not torch.allclose(one, other, atol=1e-3)


@pytest.mark.parametrize(
    ("key", "value"), [("model_type", "roberta"), ("hidden_act", "relu"), ("model_type", None)]
)
def test_another_kind_of_network_is_refused(tmp_path: Path, key: str, value: object):
    write_package(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {key: value}))
    with pytest.raises(EncoderError, match=f"{key} is {value!r}, not "):
        load(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, name: str):
    write_package(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(EncoderError, match=f"{name} is missing"):
        load(tmp_path)


def test_weights_that_lack_one_or_have_one_too_many_are_refused(tmp_path: Path):
    weights = write_package(tmp_path)
    lacking = {n: v for n, v in weights.items() if n != "encoder.layer.1.output.dense.bias"}
    write_tensors(tmp_path / "model.safetensors", lacking)
    with pytest.raises(EncoderError, match=r"Missing key.*layers\.1\.narrowed\.bias"):
        load(tmp_path)
    write_tensors(tmp_path / "model.safetensors", weights | {"head.bias": np.ones(1, np.float32)})
    with pytest.raises(EncoderError, match=r"Unexpected key.*head\.bias"):
        load(tmp_path)
