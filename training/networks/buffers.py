"""Plain arrays as buffers of a module, in the precision that networks compute with."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def add_constant(module: nn.Module, name: str, values: np.ndarray) -> None:
    """Register `values` as float32."""
    module.register_buffer(name, torch.from_numpy(np.array(values, np.float32)))


def add_index(module: nn.Module, name: str, values: np.ndarray) -> None:
    """Register `values` as int64, to gather by."""
    module.register_buffer(name, torch.from_numpy(np.array(values, np.int64)))
