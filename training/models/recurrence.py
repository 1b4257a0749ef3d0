"""A GRU over a history, oldest token first."""

import torch
from torch import Tensor, nn

from training.models.history import Tokens


class Recurrence(nn.Module):
    """Tokens stand newest first with the padding behind.

    Turned round within its length, a history has its padding after its end, where it changes nothing.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gru = nn.GRU(size, size, batch_first=True)

    def forward(self, tokens: Tokens) -> Tensor:
        """(B, D): the state after the newest token; 0 without any."""
        lengths, states = self._turned(tokens)
        last = torch.gather(states, 1, _wide((lengths - 1).clamp(min=0), states)).squeeze(1)
        return last * (lengths > 0).to(last.dtype)

    def moments(self, tokens: Tokens) -> Tensor:
        """(B, L, D): the state after each token, newest first; any number where there is none."""
        lengths, states = self._turned(tokens)
        return torch.gather(states, 1, _wide(_back(lengths, states), states))

    def _turned(self, tokens: Tokens) -> tuple[Tensor, Tensor]:
        """(B, 1) lengths, and states oldest first: (B, L, D)."""
        lengths = tokens.real.sum(dim=1, keepdim=True)  # (B, 1)
        values = torch.gather(tokens.values, 1, _wide(_back(lengths, tokens.values), tokens.values))
        states, _ = self.gru(values)
        return lengths, states


def _back(lengths: Tensor, values: Tensor) -> Tensor:
    """(B, L) the place of each within its length, from the other end."""
    places = torch.arange(values.shape[1], device=lengths.device).unsqueeze(0)
    return (lengths - 1 - places).clamp(min=0)


def _wide(places: Tensor, values: Tensor) -> Tensor:
    return places.unsqueeze(-1).expand(-1, -1, values.shape[-1])
