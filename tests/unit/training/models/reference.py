"""The models' parts once more in numpy, a vector at a time: of torch come the weights alone."""

from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray
from torch import nn

from training.models.attention import Attention
from training.models.head import Head

Array = NDArray[np.float64]


def weights(module: nn.Module, name: str) -> Array:
    found: Array = module.get_parameter(name).detach().numpy().astype(np.float64)
    return found


def sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


def relu(x: Array) -> Array:
    return np.maximum(x, 0.0)


def gelu(x: Array) -> Array:
    return np.array([v * (1 + erf(v / sqrt(2))) / 2 for v in x.ravel()]).reshape(x.shape)


def unit(x: Array) -> Array:
    return x / np.linalg.norm(x)


def linear(layer: nn.Linear, x: Array) -> Array:
    """(out,) of a vector."""
    bias = 0.0 if layer.bias is None else weights(layer, "bias")
    return weights(layer, "weight") @ x + bias


def normed(layer: nn.LayerNorm, x: Array) -> Array:
    flat = (x - x.mean()) / np.sqrt(x.var() + layer.eps)
    return flat * weights(layer, "weight") + weights(layer, "bias")


def stack(layers: nn.Sequential, x: Array) -> Array:
    """Linear layers and what stands between them; dropout is off."""
    done = {nn.ReLU: relu, nn.GELU: gelu, nn.Dropout: lambda values: values}
    for layer in layers:
        x = linear(layer, x) if isinstance(layer, nn.Linear) else done[type(layer)](x)
    return x


def head(of: Head, x: Array) -> Array:
    """DCN-V2: x' = x0 * (U V x + b) + x, entry by entry, with a deep part beside."""
    crossed = x
    for down, up in zip(of.down, of.up, strict=True):
        weighed = linear(up, linear(down, crossed))
        crossed = np.array([a * w + c for a, w, c in zip(x, weighed, crossed, strict=True)])
    return linear(of.last, np.concatenate([crossed, stack(of.deep, x)]))


def gru(layer: nn.GRU, states: list[Array]) -> Array:
    """The last state; the gates of Cho et al. (2014), the reset one behind the matrix as torch has it."""
    inner, outer = weights(layer, "weight_hh_l0"), weights(layer, "weight_ih_l0")
    of_state, of_token = weights(layer, "bias_hh_l0"), weights(layer, "bias_ih_l0")
    size = inner.shape[1]
    held = np.zeros(size)
    for token in states:
        a, b = outer @ token + of_token, inner @ held + of_state
        reset = sigmoid(a[:size] + b[:size])
        keep = sigmoid(a[size : 2 * size] + b[size : 2 * size])
        fresh = np.tanh(a[2 * size :] + reset * b[2 * size :])
        held = (1 - keep) * fresh + keep * held
    return held


def attention(of: Attention, asking: Array, values: list[Array], days: list[float]) -> Array:
    """What one vector hears of those that it sees."""
    query = linear(of.query, asking)
    size = len(query)
    both = [linear(of.key_value, value) for value in values]
    said = np.zeros(size)
    for head in range(of.heads):
        part = slice(head * of.each, (head + 1) * of.each)
        fading = weights(of, "fading")[head, 0, 0]
        scores = np.array(
            [
                query[part] @ one[:size][part] / sqrt(of.each) - fading * np.log(since + 1)
                for one, since in zip(both, days, strict=True)
            ]
        )
        share = np.exp(scores - scores.max())
        share /= share.sum()
        said[part] = sum(s * one[size:][part] for s, one in zip(share, both, strict=True))
    return linear(of.out, said)
