"""A text encoder of a few words: its folder as it is served, and the package that one is made of."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

from serving.artefacts import digests
from serving.search.encoder_files import EncoderFiles, identity, open_encoder

WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "dog",
    "food",
    "milk",
    "##shake",
    "red",
    "apple",
    "a",
    "b",
)
LENGTHS = (4, 8)
SIZES = {
    "vocab_size": len(WORDS),
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "max_position_embeddings": 16,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}
KIND = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
DTYPES = {"float32": "F32", "float16": "F16", "int64": "I64"}


def write_tokenizer(path: Path) -> None:
    """As a BERT's, with padding and truncation of its own, as packages have them."""
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer()
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = TemplateProcessing(
        "[CLS] $A [SEP]",
        special_tokens=[(word, vocabulary[word]) for word in ("[CLS]", "[SEP]")],
    )
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(128)
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))


def write_encoder(folder: Path, dimension: int = 3) -> EncoderFiles:
    """A folder without a graph."""
    write_tokenizer(folder / "tokenizer.json")
    sign(folder, {"dimension": dimension})
    return open_encoder(folder)


def sign(folder: Path, changed: Mapping[str, object] | None = None) -> None:
    """Writes a manifest that fits the folder's other files."""
    document = {
        "version": 1,
        "model": "text_encoder",
        "dimension": 3,
        "lengths": list(LENGTHS),
        "max_batch": 4,
        "unknown_token": "[UNK]",
    } | dict(changed or {})
    encoder_id = identity(b"", (folder / "tokenizer.json").read_bytes(), document)
    whole = {"encoder_id": encoder_id, **document, "sha256": digests(folder)}
    (folder / "manifest.json").write_text(json.dumps(whole))


def write_package(folder: Path, seed: int = 0) -> dict[str, NDArray[np.generic]]:
    """Random weights in BERT's names, which are returned, with a tokenizer."""
    write_tokenizer(folder / "tokenizer.json")
    (folder / "config.json").write_text(json.dumps(KIND | SIZES))
    draw = np.random.default_rng(seed)
    weights = {
        name: draw.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes().items()
    }
    weights["embeddings.position_ids"] = np.arange(16)[None]
    write_tensors(folder / "model.safetensors", weights)
    return weights


def shapes() -> dict[str, tuple[int, ...]]:
    size, wide = SIZES["hidden_size"], SIZES["intermediate_size"]
    found = {
        "embeddings.word_embeddings.weight": (SIZES["vocab_size"], size),
        "embeddings.position_embeddings.weight": (SIZES["max_position_embeddings"], size),
        "embeddings.token_type_embeddings.weight": (SIZES["type_vocab_size"], size),
        "embeddings.LayerNorm.weight": (size,),
        "embeddings.LayerNorm.bias": (size,),
        "pooler.dense.weight": (size, size),
        "pooler.dense.bias": (size,),
    }
    for layer in range(SIZES["num_hidden_layers"]):
        parts = {
            "attention.self.query": (size, size),
            "attention.self.key": (size, size),
            "attention.self.value": (size, size),
            "attention.output.dense": (size, size),
            "attention.output.LayerNorm": (size,),
            "intermediate.dense": (wide, size),
            "output.dense": (size, wide),
            "output.LayerNorm": (size,),
        }
        for part, shape in parts.items():
            found[f"encoder.layer.{layer}.{part}.weight"] = shape
            found[f"encoder.layer.{layer}.{part}.bias"] = shape[:1]
    return found


def write_tensors(path: Path, tensors: Mapping[str, NDArray[np.generic]]) -> None:
    """A .safetensors file."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    content = b""
    for name, values in tensors.items():
        raw = values.tobytes()
        header[name] = {
            "dtype": DTYPES[values.dtype.name],
            "shape": list(values.shape),
            "data_offsets": [len(content), len(content) + len(raw)],
        }
        content += raw
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content)
