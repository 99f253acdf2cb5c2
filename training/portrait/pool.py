"""Clips on disk as batches for the portrait network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset

from ...core.portrait.drawing import NUM_POINTS, landmark_maps, noise_spread
from ...core.portrait.warping import warp_field
from ..prior_settings import TrainingError
from .photographs import Photographer
from .sounds import sound_features

# What another finder of landmarks would see elsewhere (parts of the window): the same in all pictures of a clip,
# since who predicts landmarks starts from the photo's; and anew in each.
COMMON_ERROR, OWN_ERROR = 0.004, 0.0012
# Of a clip's pictures so many are frames one after the other; the others are references.
FRAMES = 8
LOWER_FACE = [*range(3, 14), *range(48, 68)]
# Left and right of the 68 points of iBUG, and of the irises.
MIRRORED = (
    *range(16, -1, -1), *range(26, 16, -1), *range(27, 31), *range(35, 30, -1),
    45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40,
    54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65, 69, 68,
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """N frames of one clip: pictures in [-1, 1], maps and fields for them, and one reference."""

    photo: Tensor  # [3, S, S]
    photo_maps: Tensor  # [M, 64, 64]
    target: Tensor  # [N, 3, S, S]
    maps: Tensor  # [N, M, 64, 64]
    spread: Tensor  # [N, 1, 64, 64] of the noise
    field: Tensor  # [N, 2, 33, 33]
    sound: Tensor  # [N, S], or [N, 0]


class ClipPool(IterableDataset):
    """Endless samples of all clips in a folder; clips that come later are found.

    A sample is so many `frames` of a clip one after the other. With a folder of `sounds` the lower face's landmarks
    are at rest, and the sound's features stand for them. `seed` decides what is drawn.
    """

    def __init__(self, folder: Path, *, frames: int = 1, sounds: Path | None = None) -> None:
        self.folder, self.frames, self.sounds = folder, frames, sounds
        self.seed: list[int] = [0]
        if not self.paths():
            raise TrainingError(
                f"There are no clips in '{folder}': run training.capture.portrait_clips first."
            )

    def paths(self) -> list[Path]:
        """All clips that are there now."""
        return sorted(self.folder.glob("clip-*.npy"))

    def __iter__(self) -> Iterator[Sample]:
        worker = torch.utils.data.get_worker_info()
        number = worker.id if worker else 0
        rng = np.random.default_rng([*self.seed, number])
        photographer = Photographer(int(rng.integers(1 << 30)))
        paths: list[Path] = []
        count = 0
        while True:
            if count % 500 == 0:
                paths = self.paths()
            count += 1
            yield self.sample(paths[rng.integers(len(paths))], rng, photographer)

    def sample(self, path: Path, rng: np.random.Generator, photographer: Photographer) -> Sample:
        """One sample of one clip."""
        with np.load(path.with_suffix(".npz")) as stored:
            truth = dict(stored)
        rows = self._rows(truth["times_sec"], rng)
        others = [row for row in range(len(truth["points"])) if row not in rows]
        chosen = [int(rng.choice(others)), *rows]
        pixels = np.load(path, mmap_mode="r")
        pictures, photo = photographer.take(np.array(pixels[chosen]))
        shown = truth["points"][chosen]
        driven, sound = shown, None
        if self.sounds is not None:
            driven = with_still_mouth(shown, truth["rest_points"][chosen])
            heard = np.load(self.sounds / f"{truth['recording']}.npy", mmap_mode="r")
            sound = sound_features(heard, truth["times_sec"][rows])
        shown, driven = _missed(shown, driven, rng)
        if rng.random() < photographer.settings.mirror:
            pictures, photo = pictures[:, :, ::-1], photo[:, ::-1]
            shown, driven = _mirrored(shown), _mirrored(driven)
        return make_sample(photo, shown[0], pictures[1:], driven[1:], sound)

    def _rows(self, times_sec: np.ndarray, rng: np.random.Generator) -> list[int]:
        """Which frames are to be drawn; references too where a sample is a single one that needs no sound."""
        if self.frames > 1:
            first = int(rng.integers(FRAMES - self.frames + 1))
            return list(range(first, first + self.frames))
        heard = np.flatnonzero(np.isfinite(times_sec))
        return [int(rng.choice(len(times_sec) if self.sounds is None else heard))]


def with_still_mouth(points: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Points `[N, 70, 2]` whose mouth and jaw are those of a face at rest with the same head pose."""
    still = points.copy()
    still[:, LOWER_FACE] = rest[:, LOWER_FACE]
    return still


def make_sample(
    photo: np.ndarray,
    shown: np.ndarray,
    targets: np.ndarray,
    driven: np.ndarray,
    sound: np.ndarray | None = None,
) -> Sample:
    """Tensors of a photo with its points `[70, 2]` and frames with theirs `[N, 70, 2]`."""
    maps = landmark_maps(np.concatenate([shown[None], driven]))
    fields = np.stack([warp_field(shown, points) for points in driven])
    return Sample(
        photo=_signed(photo[None])[0],
        photo_maps=torch.from_numpy(maps[0]),
        target=_signed(targets),
        maps=torch.from_numpy(maps[1:]),
        spread=torch.from_numpy(noise_spread(maps[1:])),
        field=torch.from_numpy(fields).permute(0, 3, 1, 2).contiguous(),
        sound=torch.zeros(len(driven), 0) if sound is None else torch.from_numpy(sound),
    )


def collate(samples: list[Sample]) -> Sample:
    """One batch: each field stacked, frames of a clip one after the other in `[B, N, …]`."""
    names = Sample.__dataclass_fields__
    return Sample(**{name: torch.stack([getattr(s, name) for s in samples]) for name in names})


def on_device(batch: Sample, device: torch.device) -> Sample:
    """The batch where a network is."""
    return Sample(**{name: values.to(device) for name, values in vars(batch).items()})


def _signed(pictures: np.ndarray) -> Tensor:
    pixels = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2)
    return pixels.float() / 127.5 - 1.0


def _missed(
    shown: np.ndarray, driven: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points as a finder and a predictor would have them."""
    shape = (NUM_POINTS, 2)
    common = COMMON_ERROR * rng.random() * rng.normal(size=shape)
    # Lips that shut in the picture shut in its landmarks, whoever finds them.
    common[61:64] = common[[67, 66, 65]]
    own = OWN_ERROR * rng.random()
    return tuple(
        (points + common + own * rng.normal(size=(len(points), 1, 2))).astype(np.float32)
        for points in (shown, driven)
    )


def _mirrored(points: np.ndarray) -> np.ndarray:
    points = points[:, list(MIRRORED)].copy()
    points[..., 0] = 1.0 - points[..., 0]
    return points
