"""Linear maps between ARKit-52 and a latent code: fitted where they matter, in the decoded geometry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..core.avatar import Controls
from ..core.spaces import au_to_arkit, viseme_to_arkit

# Ridge of the first regression, as a share of the weights' own mean square.
RIDGE = 1e-2
# How much a code may leave what the encoder gives to meet the mesh: mm² per unit² of code.
CODE_PULL = 2e-3
ROUNDS = 150
# Of the read-out: pairs through the map count this often as much as encoded frames.
MAPPED_SHARE = 1.0

Shapes = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Evidence:
    """Frames whose controls are known; `person` numbers the rows of whatever `Shapes` looks persons up in."""

    weights: np.ndarray  # [F, 52] ARKit
    codes: np.ndarray  # [F, D] as the encoder gives them
    coefficients: np.ndarray  # [F, G] of the tracked mesh
    person: np.ndarray  # [F]

    def take(self, index: np.ndarray) -> Evidence:
        """The frames at `index` (mask or indices)."""
        return Evidence(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


def fit_map(evidence: Evidence, shapes: Shapes, metric: np.ndarray) -> np.ndarray:
    """Matrix `[52, D]` from ARKit weights to code.

    First a ridge regression of the encoder's codes; then least squares of the decoded mesh, where
    `shapes(codes [F, D], person [F])` gives coefficients `[F, G]` and eᵀ `metric` e is the squared error of
    coefficients e in mm². A small pull towards the encoder's codes keeps colours where training saw them.
    """
    first = ridge(evidence.weights, evidence.codes, RIDGE)
    matrix = torch.tensor(first, dtype=torch.float32, requires_grad=True)
    weights, codes, wanted = (
        torch.from_numpy(np.asarray(values, np.float32))
        for values in (evidence.weights, evidence.codes, evidence.coefficients)
    )
    person = torch.from_numpy(np.asarray(evidence.person, np.int64))
    root = torch.from_numpy(_root(metric))

    def loss() -> Tensor:
        mapped = weights @ matrix
        error = (shapes(mapped, person) - wanted) @ root
        return error.square().sum(1).mean() + CODE_PULL * (mapped - codes).square().sum(1).mean()

    solver = torch.optim.LBFGS(
        [matrix], max_iter=ROUNDS, history_size=20, line_search_fn="strong_wolfe"
    )

    def step() -> Tensor:
        solver.zero_grad()
        value = loss()
        value.backward()
        return value

    solver.step(step)
    return matrix.detach().numpy()


def fit_readout(evidence: Evidence, matrix: np.ndarray) -> np.ndarray:
    """Matrix `[52, D]` that reads ARKit weights off codes, encoded ones and those of the map `[52, D]`."""
    mapped = evidence.weights @ matrix
    codes = np.concatenate([evidence.codes, np.sqrt(MAPPED_SHARE) * mapped])
    weights = np.concatenate([evidence.weights, np.sqrt(MAPPED_SHARE) * evidence.weights])
    return ridge(codes, weights, 1e-4).T.astype(np.float32)


def ridge(inputs: np.ndarray, outputs: np.ndarray, share: float) -> np.ndarray:
    """Matrix `[I, O]` of least squares, with a ridge of `share` of the inputs' mean square."""
    inputs, outputs = np.asarray(inputs, np.float64), np.asarray(outputs, np.float64)
    square = inputs.T @ inputs
    square += share * np.trace(square) / len(square) * np.eye(len(square))
    return np.linalg.solve(square, inputs.T @ outputs)


def controls_of(matrix: np.ndarray, readout: np.ndarray) -> Controls:
    """Named controls of a latent space: Action Units and visemes go through ARKit."""
    matrix = np.asarray(matrix, np.float32)
    return Controls(
        matrix,
        au_to_arkit() @ matrix,
        viseme_to_arkit() @ matrix,
        np.asarray(readout, np.float32),
        np.zeros(len(readout), np.float32),
    )


def _root(metric: np.ndarray) -> np.ndarray:
    """Matrix R `[G, G]` with R Rᵀ = metric."""
    values, vectors = np.linalg.eigh(np.asarray(metric, np.float64))
    return (vectors * np.sqrt(np.maximum(values, 0))).astype(np.float32)
