"""all-MiniLM-L6-v2: a text's token ids to one vector of length 1, as its authors pool it.

Wang et al., "MiniLM" (NeurIPS 2020), six layers of BERT (Devlin et al., NAACL 2019), taught by
sentence-transformers to bring texts of one meaning together (Reimers and Gurevych, EMNLP 2019). Written out
here, so that neither transformers nor sentence-transformers is needed to read the weights.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from training.errors import EncoderError
from training.search.safetensors import read_tensors

KNOWN = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
UNUSED = ("embeddings.position_ids", "pooler.")  # of the weights: sentence vectors need neither


@dataclass(frozen=True, slots=True)
class BertConfig:
    """Sizes, as `config.json` names them."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_attention_heads: int
    num_hidden_layers: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float


class Embeddings(nn.Module):
    """Ids (B, L) to (B, L, H): the word, its place, and the one segment that there is."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.word_embeddings = nn.Embedding(config.vocab_size, size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, size)
        self.LayerNorm = nn.LayerNorm(size, config.layer_norm_eps)

    def forward(self, ids: Tensor) -> Tensor:
        places = self.position_embeddings.weight[: ids.shape[1]]  # (L, H)
        summed = self.word_embeddings(ids) + self.token_type_embeddings.weight[0] + places
        return self.LayerNorm(summed)  # type: ignore[no-any-return]


class Layer(nn.Module):
    """One round: tokens (B, L, H) ask each other, where `bias` (B, 1, 1, L) is 0 and not far below it."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        size, wide = config.hidden_size, config.intermediate_size
        self.heads = config.num_attention_heads
        self.scale = (size // self.heads) ** -0.5
        self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))
        self.attended = nn.Linear(size, size)
        self.after_attention = nn.LayerNorm(size, config.layer_norm_eps)
        self.widened, self.narrowed = nn.Linear(size, wide), nn.Linear(wide, size)
        self.after_step = nn.LayerNorm(size, config.layer_norm_eps)

    def forward(self, tokens: Tensor, bias: Tensor) -> Tensor:
        query, key, value = (
            self._by_head(part(tokens)) for part in (self.query, self.key, self.value)
        )
        scores = query @ key.transpose(-1, -2) * self.scale  # (B, heads, L, L)
        said = torch.softmax(scores + bias, dim=-1) @ value  # (B, heads, L, H / heads)
        said = said.transpose(1, 2).flatten(2)
        tokens = self.after_attention(tokens + self.attended(said))
        step = self.narrowed(functional.gelu(self.widened(tokens)))
        return self.after_step(tokens + step)  # type: ignore[no-any-return]

    def _by_head(self, tokens: Tensor) -> Tensor:
        heads: Tensor = tokens.unflatten(-1, (self.heads, -1))  # type: ignore[no-untyped-call]
        return heads.transpose(1, 2)


class SentenceEncoder(nn.Module):
    """Token ids and mask (B, L), int64, to vectors (B, H) of length 1; a text of no token is all 0."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.embeddings = Embeddings(config)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        real = mask.to(torch.float32)
        bias = (1.0 - real)[:, None, None, :] * -1e9
        tokens = self.embeddings(ids)
        for layer in self.layers:
            tokens = layer(tokens, bias)
        weighted = real.unsqueeze(-1)
        mean = (tokens * weighted).sum(1) / weighted.sum(1).clamp(min=1.0)
        return mean / mean.square().sum(-1, keepdim=True).sqrt().clamp(min=1e-12)  # type: ignore[no-any-return]


PARTS = {  # of a layer: ours by BERT's
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "attended",
    "attention.output.LayerNorm": "after_attention",
    "intermediate.dense": "widened",
    "output.dense": "narrowed",
    "output.LayerNorm": "after_step",
}


def load(folder: Path) -> SentenceEncoder:
    """The encoder of a folder with `config.json` and `model.safetensors`, in eval mode.

    Raises:
        EncoderError: a file is missing, or holds another network than this one.
    """
    encoder = SentenceEncoder(_config(folder / "config.json"))
    weights = {
        _ours(name): torch.from_numpy(values)
        for name, values in read_tensors(folder / "model.safetensors").items()
        if not name.startswith(UNUSED)
    }
    try:
        encoder.load_state_dict(weights)
    except RuntimeError as error:
        raise EncoderError(f"{folder}/model.safetensors: {error}") from error
    return encoder.eval().requires_grad_(requires_grad=False)


def _config(path: Path) -> BertConfig:
    if not path.is_file():
        raise EncoderError(f"{path} is missing")
    given = json.loads(path.read_bytes())
    other = [f"{n} is {given.get(n)!r}, not {v!r}" for n, v in KNOWN.items() if given.get(n) != v]
    if other:
        raise EncoderError(f"{path}: {'; '.join(other)}")
    return BertConfig(**{name: given[name] for name in BertConfig.__slots__})


def _ours(name: str) -> str:
    """`encoder.layer.3.attention.self.query.bias` is `layers.3.query.bias`; embeddings keep theirs."""
    if not name.startswith("encoder.layer."):
        return name
    number, _, rest = name.removeprefix("encoder.layer.").partition(".")
    part, _, kind = rest.rpartition(".")
    return f"layers.{number}.{PARTS.get(part, part)}.{kind}"
