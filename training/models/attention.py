"""Attention over a history that knows how long ago everything was."""

import math

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Several heads, each with its own fading: what is longer ago is heard less, as far as it learns."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.heads, self.each = heads, size // heads
        self.query, self.key_value = nn.Linear(size, size), nn.Linear(size, 2 * size)
        self.out = nn.Linear(size, size)
        self.fading = nn.Parameter(torch.zeros(heads, 1, 1))

    def forward(self, asking: Tensor, values: Tensor, days: Tensor, seen: Tensor) -> Tensor:
        """(B, Q, D) asking (B, L, D): (B, Q, D).

        `days` and `seen`, (B, Q or 1, L), say how long ago each was to who asks, and whether it is seen.
        """
        query = self._split(self.query(asking))  # (B, H, Q, D / H)
        keys, held = (self._split(part) for part in self.key_value(values).chunk(2, dim=-1))
        scores = torch.matmul(query, keys.transpose(-1, -2)) / math.sqrt(self.each)
        scores = scores - self.fading * torch.log(days + 1.0).unsqueeze(1)
        scores = scores.masked_fill(~seen.unsqueeze(1), float("-inf"))
        said = torch.matmul(torch.softmax(scores, dim=-1), held)
        return self.out(said.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _split(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, H, N, D / H)."""
        return x.reshape(*x.shape[:2], self.heads, self.each).transpose(1, 2)
