"""From what a frame changes of its person's neutral to a distribution of expression codes.

After the variational encoders of Ava-256 and of Goliath's relightable Gaussians: it sees differences to the
own neutral only. No layer towards the mean has a bias, so that no difference gives code zero exactly, and
what a frame does not have (its texture, or its mesh) is given as zeros.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .identity_encoder import SLOPE

# Codes are sampled from nearly a point at first (log variance).
FIRST_LOG_VARIANCE = -6.0
LOG_VARIANCE_RANGE = (-9.0, 1.0)


class ExpressionEncoder(nn.Module):
    """Whitened coefficients of the mesh `[B, K]` and the texture's change `[B, 3, R, R]` to mean, log variance."""

    def __init__(
        self, coefficients: int, widths: tuple[int, ...], change_px: int, hidden: int, code_dim: int
    ) -> None:
        super().__init__()
        sizes = [3, *widths]
        self.change = nn.ModuleList(
            nn.Conv2d(a, b, 4, 2, 1, bias=False) for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        )
        top = change_px >> len(widths)
        self.from_change = nn.Linear(widths[-1] * top * top, hidden, bias=False)
        self.from_mesh = nn.Linear(coefficients, hidden, bias=False)
        self.joint = nn.Linear(hidden, hidden, bias=False)
        # Codes are nearly linear in the mesh, hence in the controls.
        self.straight = nn.Linear(coefficients, code_dim, bias=False)
        self.mean = nn.Linear(hidden, code_dim, bias=False)
        self.log_variance = nn.Linear(hidden, code_dim)
        with torch.no_grad():
            self.mean.weight.mul_(0.1)
            self.log_variance.weight.mul_(0.1)
            self.log_variance.bias.fill_(FIRST_LOG_VARIANCE)
            nn.init.orthogonal_(self.straight.weight)

    def forward(self, coefficients: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance `[B, D]`."""
        for layer in self.change:
            change = _leaky(layer(change))
        hidden = self.from_change(change.flatten(1)) + self.from_mesh(coefficients)
        hidden = _leaky(self.joint(_leaky(hidden)))
        mean = self.straight(coefficients) + self.mean(hidden)
        return mean, self.log_variance(hidden).clamp(*LOG_VARIANCE_RANGE)


def sample_codes(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Codes of these distributions, differentiable."""
    return mean + (0.5 * log_variance).exp() * noise


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Mean Kullback-Leibler divergence from the standard normal distribution, per number of the code."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()


def _leaky(values: Tensor) -> Tensor:
    return nn.functional.leaky_relu(values, SLOPE)
