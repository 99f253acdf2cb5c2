"""From an expression code to coefficients, such that the zero code gives zeros exactly."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .identity_encoder import SLOPE


class CodeMap(nn.Module):
    """Codes `[B, D]` of a person with this identity code `[Z]` to coefficients `[B, outputs]`.

    A straight part keeps them nearly linear in the code; a small network gives the rest, as the
    difference to what it gives for code zero.
    """

    def __init__(self, code_dim: int, identity_dim: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.straight = nn.Linear(code_dim, outputs, bias=False)
        self.of_code = nn.Linear(code_dim, hidden, bias=False)
        self.of_identity = nn.Linear(identity_dim, hidden)
        self.middle = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, outputs, bias=False)
        with torch.no_grad():
            self.of_identity.weight.mul_(0.3)
            self.last.weight.mul_(0.1)

    def forward(self, code: Tensor, identity: Tensor) -> Tensor:
        """Coefficients of each code."""
        start = self.of_identity(identity)
        change = self._hidden(start + self.of_code(code)) - self._hidden(start)
        return self.straight(code) + self.last(change)

    def _hidden(self, values: Tensor) -> Tensor:
        return _leaky(self.middle(_leaky(values)))

    @torch.no_grad()
    def turn_codes(self, matrix: Tensor) -> None:
        """Take codes c from now on where `matrix` @ c `[D, D]` was taken before."""
        for layer in (self.straight, self.of_code):
            layer.weight.copy_(layer.weight @ matrix)


class BakedCodeMap(nn.Module):
    """A `CodeMap` of one person: takes a code `[D]` alone."""

    def __init__(self, code_map: CodeMap, identity: Tensor) -> None:
        super().__init__()
        with torch.no_grad():
            start = code_map.of_identity(identity)
            values = {
                "straight": code_map.straight.weight.T,
                "of_code": code_map.of_code.weight.T,
                "start": start,
                "middle": code_map.middle.weight.T,
                "middle_bias": code_map.middle.bias,
                "last": code_map.last.weight.T,
                "rest": code_map._hidden(start),
            }
        for name, value in values.items():
            self.register_buffer(name, value.detach().clone().contiguous())

    def forward(self, code: Tensor) -> Tensor:
        """Coefficients `[outputs]` of one code."""
        hidden = _leaky(self.start + code @ self.of_code)
        hidden = _leaky(hidden @ self.middle + self.middle_bias)
        return code @ self.straight + (hidden - self.rest) @ self.last


def _leaky(values: Tensor) -> Tensor:
    return nn.functional.leaky_relu(values, SLOPE)
