"""The pool of pictures that the monocular encoder is trained with: shards on disk, more while training runs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .monocular_augment import Augmenter, CropTruth
from .monocular_labels import Labels
from .prior_settings import TrainingError

# A batch is drawn from so many shards: each is one file that is read here and there.
SHARDS_PER_BATCH = 6
# Eyes look aside from this angle on; a view is from the side below this cosine and drawn so often.
LOOKING_RAD, FACING, SIDE_SHARE = 0.17, 0.8, 0.5


@dataclass(frozen=True)
class Batch:
    """Crops with their truth; the first `num_faces` of them show a face."""

    crops: Tensor  # [B, 3, S, S] uint8, channels last
    num_faces: int
    code: Tensor  # [F, D]
    identity: Tensor  # [F, Z]
    rotation: Tensor
    origin: Tensor
    log_size: Tensor
    landmarks: Tensor
    gaze: Tensor
    mouth_mm: Tensor


class ShardPool:
    """All shards of a folder; `refresh` finds those that came since."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._shards: dict[str, tuple[np.ndarray, dict[str, np.ndarray]]] = {}
        self.refresh()
        if not self._shards:
            raise TrainingError(
                f"There are no pictures in '{folder}': run monocular_renders first."
            )

    def __len__(self) -> int:
        return len(self._shards)

    def refresh(self) -> None:
        """Open what is new."""
        for path in sorted(self.folder.glob("*.npy")):
            if path.name not in self._shards:
                with np.load(path.with_suffix(".npz")) as stored:
                    labels = {f.name: stored[f.name] for f in fields(Labels)}
                self._shards[path.name] = (np.load(path, mmap_mode="r"), labels)

    def all_labels(self) -> dict[str, np.ndarray]:
        """Labels of all pictures by name."""
        labels = [shard[1] for shard in self._shards.values()]
        return {f.name: np.concatenate([one[f.name] for one in labels]) for f in fields(Labels)}

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, list[Labels]]:
        """Random pictures `[count, H, W, 4]` and their labels."""
        names = list(self._shards)
        pictures, labels = [], []
        for part in np.array_split(np.arange(count), min(SHARDS_PER_BATCH, count)):
            pixels, stored = self._shards[names[rng.integers(len(names))]]
            for row in rng.choice(len(pixels), size=len(part), p=chances(stored)):
                pictures.append(np.array(pixels[row]))
                labels.append(Labels(**{name: values[row] for name, values in stored.items()}))
        return np.stack(pictures), labels


def chances(labels: dict[str, np.ndarray]) -> np.ndarray:
    """How often each picture of a shard is drawn `[N]`: eyes that look aside more, side views less."""
    aside = np.abs(labels["gaze"]).max((1, 2)) / LOOKING_RAD
    facing = -labels["rotation"][:, 2, 2]
    weights = (0.5 + np.clip(aside, 0.0, 1.0)) * np.where(facing > FACING, 1.0, SIDE_SHARE)
    return weights / weights.sum()


def make_batch(
    faces: ShardPool, heads: ShardPool | None, augmenter: Augmenter, sizes: tuple[int, int]
) -> Batch:
    """`sizes` faces and crops without one."""
    pictures, labels = faces.draw(sizes[0], augmenter.rng)
    crops, truths = augmenter.faces(pictures, labels)
    if sizes[1]:
        others = augmenter.nothing(*(heads or faces).draw(sizes[1], augmenter.rng))
        crops = np.concatenate([crops, others])
    return batch_of(crops, labels, truths)


def batch_of(crops: np.ndarray, labels: list[Labels], truths: list[CropTruth]) -> Batch:
    """Tensors of crops `[B, S, S, 3]`, the first of which have labels."""
    of_labels = {
        name: torch.from_numpy(np.stack([getattr(one, name) for one in labels])).float()
        for name in ("code", "identity", "gaze", "mouth_mm")
    }
    of_truths = {
        name: torch.from_numpy(np.stack([getattr(one, name) for one in truths])).float()
        for name in ("rotation", "origin", "log_size", "landmarks")
    }
    pixels = torch.from_numpy(crops).permute(0, 3, 1, 2)
    return Batch(pixels, len(labels), **of_labels, **of_truths)
