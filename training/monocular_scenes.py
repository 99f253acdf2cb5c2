"""Whole pictures with heads in them, for what finds faces and what cuts heads out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import GaussianHeadsError
from ..core.monocular.crops import CROP_PX, FACE_MARGIN, CropWindow, cut, window_of_landmarks
from .monocular_augment import Augmenter, AugmentSettings

# Scenes are as large as crops, so that both meet the same cameras.
SCENE_PX = CROP_PX
CAMERA = AugmentSettings(glasses=0.0, frame_edge=0.0, occluders=0.0)
# How often something in the colour of skin stands about that is no face.
DECOY_SHARE = 0.35
# A picture whose border shows less of the head than this, but for its lower one, can stand anywhere.
WHOLE_SHARE = 0.03


class NoPicturesError(GaussianHeadsError):
    """A folder without the pictures that training needs."""


@dataclass(frozen=True)
class Head:
    """One picture of head and shoulders: straight RGBA `[S, S, 4]` and where its face is."""

    rgba: np.ndarray
    face: CropWindow  # the landmarks' box
    is_whole: bool

    def mirrored(self) -> Head:
        """Left and right swapped."""
        x, y = self.face.center_px
        face = CropWindow((self.rgba.shape[1] - x, y), self.face.side_px)
        return Head(self.rgba[:, ::-1], face, self.is_whole)


class HeadPictures:
    """All heads in the shards of a folder (`monocular_renders --mode head`), read as they are needed."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(Path(folder).glob("head-*.npy"))
        if not paths:
            raise NoPicturesError(
                f"There are no heads in '{folder}': run monocular_renders --mode head first."
            )
        self.pixels = [np.load(path, mmap_mode="r") for path in paths]
        self.windows = []
        for path in paths:
            with np.load(path.with_suffix(".npz")) as labels:
                self.windows.append([window_of_landmarks(p) for p in labels["landmarks"]])

    def __len__(self) -> int:
        return sum(map(len, self.pixels))

    def draw(self, rng: np.random.Generator) -> Head:
        """A random head, mirrored or not."""
        shard = int(rng.integers(len(self.pixels)))
        index = int(rng.integers(len(self.pixels[shard])))
        rgba = np.asarray(self.pixels[shard][index])
        border = [rgba[0, :, 3], rgba[:, 0, 3], rgba[:, -1, 3]]
        is_whole = all((edge > 20).mean() < WHOLE_SHARE for edge in border)
        face = self.windows[shard][index].scaled(1.0 / FACE_MARGIN)
        head = Head(rgba, face, is_whole)
        return head.mirrored() if rng.random() < 0.5 else head

    def draw_whole(self, rng: np.random.Generator) -> Head:
        """A random head that its picture does not cut off at the top or the sides."""
        head = self.draw(rng)
        while not head.is_whole:
            head = self.draw(rng)
        return head


class SceneCamera(Augmenter):
    """Backgrounds for scenes, and pictures of them as cameras and codecs leave them."""

    def __init__(self, seed: int, settings: AugmentSettings = CAMERA) -> None:
        super().__init__(settings, seed)

    def background(self) -> np.ndarray:
        """An empty scene, float `[160, 160, 3]`, mostly with nothing like a face in it."""
        scene = self.backdrop()
        for _ in range(self.rng.poisson(DECOY_SHARE)):
            scene = put(scene, draw_decoy(self.rng, SCENE_PX))
        return scene

    def filmed(self, scene: np.ndarray) -> np.ndarray:
        """uint8 `[160, 160, 3]` of a scene with values up to 255."""
        scene = self._stored(self._filmed(scene.astype(np.float32)))
        return np.clip(scene, 0, 255).astype(np.uint8)


def place(head: Head, size_px: int, center_px: tuple[float, float], side_px: float) -> np.ndarray:
    """The head `[S, S, 4]` uint8 in a picture where its face has this centre and side.

    What its own picture does not show goes on like its border.
    """
    scale = head.face.side_px / side_px
    middle = [
        at + (0.5 * size_px - to) * scale
        for at, to in zip(head.face.center_px, center_px, strict=True)
    ]
    window = CropWindow((float(middle[0]), float(middle[1])), float(size_px * scale))
    return cut(np.ascontiguousarray(head.rgba), window, size_px)


def put(canvas: np.ndarray, rgba: np.ndarray) -> np.ndarray:
    """A straight RGBA picture over another, float32 `[S, S, 3]`."""
    alpha = rgba[..., 3:].astype(np.float32) / 255.0
    return canvas + alpha * (rgba[..., :3] - canvas)


def draw_body(
    rng: np.random.Generator,
    cloth: np.ndarray,
    center_px: tuple[float, float],
    side_px: float,
) -> np.ndarray:
    """Shoulders and chest `[S, S, 4]` uint8 below a face, which the studio's busts end above."""
    size = len(cloth)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    u = (x - center_px[0]) / side_px + rng.normal(0, 0.1)
    v = (y - center_px[1]) / side_px - rng.uniform(0.95, 1.35)
    half = rng.uniform(1.0, 1.5)
    # Shoulders fall away to both sides and the arms go straight down.
    line = rng.uniform(0.15, 0.4) * (np.abs(u) / half) ** rng.uniform(1.5, 3.0)
    edge = np.minimum(v - line, half - np.abs(u) + 0.15 * np.clip(v, 0, 1))
    alpha = np.clip(edge * side_px * rng.uniform(0.3, 1.5) + 0.5, 0.0, 1.0)
    shade = 1.0 - rng.uniform(0.0, 0.5) * np.abs(u / half)[..., None]
    color = rng.uniform(0, 255) + rng.normal(0, 30, 3) if rng.random() < 0.6 else cloth
    pixels = np.clip(color * shade + rng.normal(0, 3, (size, size, 1)), 0, 255)
    return np.concatenate([pixels, 255 * alpha[..., None]], axis=2).astype(np.uint8)


def draw_decoy(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """A ball, cup or hand `[S, S, 4]` uint8 in the colour of skin: no face."""
    y, x = np.mgrid[:size_px, :size_px].astype(np.float32)
    center, radii = rng.uniform(0, size_px, 2), np.exp(rng.uniform(1.5, np.log(0.4 * size_px), 2))
    angle = rng.uniform(0, np.pi)
    u = (x - center[0]) * np.cos(angle) + (y - center[1]) * np.sin(angle)
    v = (y - center[1]) * np.cos(angle) - (x - center[0]) * np.sin(angle)
    inside = np.clip((1.0 - np.hypot(u / radii[0], v / radii[1])) * rng.uniform(3, 20), 0, 1)
    shade = (1.0 + rng.uniform(-0.4, 0.4) * u / radii[0])[..., None]
    pixels = np.clip(skin_color(rng) * shade, 0, 255) * np.ones((1, 1, 3))
    return np.concatenate([pixels, 255 * inside[..., None]], axis=2).astype(np.uint8)


def skin_color(rng: np.random.Generator) -> np.ndarray:
    """sRGB `[3]` of light to dark skin."""
    return np.array([228.0, 178.0, 150.0]) ** rng.uniform(0.8, 1.02) + rng.normal(0, 8, 3)
