"""From clean pictures of heads to crops as cameras, lenses and compression leave them.

Every crop is drawn anew: window, background, glasses, things in front, light and colour, blur, resolution,
noise and compression. Randomization is meant to be harder than life, so that life is one more variation.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from ..core.monocular.crops import CROP_PX, CropWindow, cut, window_of_landmarks
from ..core.monocular.pose import turns_to
from .monocular_backdrops import BACKDROP_PX, backdrops, occluder
from .monocular_glasses import put_on
from .monocular_labels import Labels


@dataclass(frozen=True)
class AugmentSettings:
    """How often things happen, and how far windows miss; all off is the plain crop over grey."""

    scale: float = 0.05
    wild_scale: tuple[float, float] = (0.85, 1.2)
    shift: float = 0.03
    wild_shift: float = 0.1
    roll_rad: float = 0.06
    wild_share: float = 0.12
    glasses: float = 0.12
    occluders: float = 0.06
    frame_edge: float = 0.05
    light: float = 0.4
    color: float = 0.7
    grey: float = 0.05
    sharpen: float = 0.12
    blur: float = 0.25
    motion: float = 0.06
    shrink: float = 0.25
    noise: float = 0.3
    compression: float = 0.4
    backdrops: int = 500


PLAIN = AugmentSettings(
    scale=0.0, wild_scale=(1.0, 1.0), shift=0.0, wild_shift=0.0, roll_rad=0.0, wild_share=0.0,
    glasses=0.0, occluders=0.0, frame_edge=0.0, light=0.0, color=0.0, grey=0.0, sharpen=0.0,
    blur=0.0, motion=0.0, shrink=0.0, noise=0.0, compression=0.0, backdrops=1,
)  # fmt: skip


@dataclass(frozen=True)
class CropTruth:
    """What the encoder should say of one crop (contract of `core.monocular.encoder`)."""

    rotation: np.ndarray  # [3, 3]
    origin: np.ndarray  # [2]
    log_size: float
    landmarks: np.ndarray  # [68, 2]


def crop_truth(labels: Labels, window: CropWindow) -> CropTruth:
    """Labels of a picture as seen in a window of it."""
    inverse = np.linalg.inv(labels.K)
    ray = inverse @ np.array([*window.center_px, 1.0])
    cos, sin = np.cos(window.roll_rad), np.sin(window.roll_rad)
    roll = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    seen = labels.K @ labels.origin_m
    return CropTruth(
        rotation=roll @ turns_to(ray[None])[0].T @ labels.rotation,
        origin=window.to_crop(seen[:2] / seen[2]),
        log_size=float(np.log(window.side_px * labels.origin_m[2] / labels.K[0, 0])),
        landmarks=window.to_crop(labels.landmarks),
    )


class Augmenter:
    """Makes crops; one generator of random numbers drives everything."""

    def __init__(self, settings: AugmentSettings, seed: int) -> None:
        self.settings, self.rng = settings, np.random.default_rng(seed)
        if settings.backdrops > 1:
            self._backdrops = backdrops(settings.backdrops, self.rng)
        else:
            self._backdrops = np.full((1, BACKDROP_PX, BACKDROP_PX, 3), 118, np.uint8)

    def window(self, landmarks: np.ndarray) -> CropWindow:
        """The face's window as a tracker or a finder would have it."""
        s, rng = self.settings, self.rng
        window = window_of_landmarks(landmarks)
        if rng.random() < s.wild_share:
            scale, shift = rng.uniform(*s.wild_scale), rng.uniform(-s.wild_shift, s.wild_shift, 2)
        else:
            scale = 1.0 + s.scale * np.clip(rng.normal(), -2.5, 2.5)
            shift = s.shift * np.clip(rng.normal(size=2), -2.5, 2.5)
        x, y = np.array(window.center_px) + window.side_px * shift
        roll = s.roll_rad * float(np.clip(rng.normal(), -2.5, 2.5))
        return CropWindow((float(x), float(y)), window.side_px * scale, roll)

    def faces(
        self, pictures: np.ndarray, labels: list[Labels]
    ) -> tuple[np.ndarray, list[CropTruth]]:
        """Crops `[B, 160, 160, 3]` uint8 of pictures `[B, H, W, 4]` (straight alpha), and their truth."""
        windows = [self.window(one.landmarks) for one in labels]
        truths = [crop_truth(one, window) for one, window in zip(labels, windows, strict=True)]
        parts = cut_rgba(pictures, windows)
        crops = [self.crop(rgba, truth) for rgba, truth in zip(parts, truths, strict=True)]
        return np.stack(crops), truths

    def nothing(self, pictures: np.ndarray, labels: list[Labels]) -> np.ndarray:
        """Crops `[B, 160, 160, 3]` of what is no face: backdrops, and heads' pictures beside the face."""
        windows = []
        for one in labels:
            window = window_of_landmarks(one.landmarks)
            angle = self.rng.uniform(0, 2 * np.pi)
            reach = self.rng.uniform(0.75, 1.6) * window.side_px
            x, y = np.array(window.center_px) + reach * np.array([np.cos(angle), np.sin(angle)])
            windows.append(CropWindow((x, y), window.side_px * self.rng.uniform(0.4, 0.9)))
        return np.stack([self.crop(rgba, None) for rgba in cut_rgba(pictures, windows)])

    def backdrop(self) -> np.ndarray:
        """A random part of a random background, float `[160, 160, 3]`."""
        rng = self.rng
        picture = self._backdrops[rng.integers(len(self._backdrops))]
        room = BACKDROP_PX - CROP_PX
        x, y = rng.integers(0, room + 1, 2)
        part = picture[y : y + CROP_PX, x : x + CROP_PX]
        return (part[:, ::-1] if rng.random() < 0.5 else part).astype(np.float32)

    def crop(self, rgba: np.ndarray, truth: CropTruth | None) -> np.ndarray:
        """One crop uint8 of premultiplied `[160, 160, 4]` in [0, 255]."""
        s, rng = self.settings, self.rng
        alpha = rgba[..., 3:] * np.float32(1 / 255)
        image = rgba[..., :3] + (1 - alpha) * self.backdrop()
        if rng.random() < s.light:
            image = image * light_gains(rng, CROP_PX)
        if truth is not None and rng.random() < s.glasses:
            side_m = float(np.exp(truth.log_size))
            image = put_on(_bytes(image), truth.landmarks, truth.rotation, side_m, rng)
        if rng.random() < s.occluders:
            skin = np.asarray(image[70:90, 60:100], np.float32).mean((0, 1))
            image = _covered(image, occluder(CROP_PX, skin, rng))
        image = np.asarray(image, np.float32)
        image = self._filmed(image)
        return _bytes(self._stored(image))

    def _filmed(self, image: np.ndarray) -> np.ndarray:
        """Lens and sensor."""
        s, rng = self.settings, self.rng
        if rng.random() < s.blur:
            image = _blurred(image, float(rng.uniform(0.3, 1.0) ** 2 * 2.2))
        if rng.random() < s.motion:
            image = _moved(image, rng)
        if rng.random() < s.color:
            image = coloured(image, rng)
        if rng.random() < s.grey:
            image = grey(image)
        return image

    def _stored(self, image: np.ndarray) -> np.ndarray:
        """Resolution, noise, sharpening, compression and where the frame ends."""
        s, rng = self.settings, self.rng
        shrunk = rng.random() < s.shrink
        size = int(CROP_PX * rng.uniform(0.35, 1.0) ** 0.8) if shrunk else CROP_PX
        if shrunk:
            image = resized(image, size, rng)
        if rng.random() < s.noise:
            image = noisy(image, rng)
        if rng.random() < s.compression:
            image = compressed(image, rng)
        if shrunk:
            image = resized(image, CROP_PX, rng)
        if rng.random() < s.sharpen:
            image = image + rng.uniform(0.3, 1.5) * (image - _blurred(image, 1.2))
        if rng.random() < s.frame_edge:
            image = _cut_off(image, rng)
        return image


def cut_rgba(pictures: np.ndarray, windows: list[CropWindow]) -> np.ndarray:
    """Premultiplied float crops `[B, 160, 160, 4]` in [0, 255], cut as at run time."""
    crops = []
    for picture, window in zip(pictures, windows, strict=True):
        values = np.array(picture)
        share = values[..., 3:].astype(np.uint16)
        values[..., :3] = (values[..., :3] * share + 127) // 255
        crops.append(cut(values, window))
    return np.stack(crops).astype(np.float32)


def _bytes(image: np.ndarray) -> np.ndarray:
    return np.clip(image, 0, 255).astype(np.uint8)


def _covered(image: np.ndarray, layer: Image.Image) -> np.ndarray:
    over = np.asarray(layer, np.float32)
    alpha = over[..., 3:] / 255
    return over[..., :3] * alpha + (1 - alpha) * image


def light_gains(rng: np.random.Generator, size_px: int) -> np.ndarray:
    """Light that falls off, coloured lamps, lens shading: a smooth gain, coloured a little, `[S, S, 3]`."""
    small = np.exp(rng.normal(0, rng.uniform(0.05, 0.35), (1, 3, 2, 3)))
    gains = torch.from_numpy(small.astype(np.float32)).permute(0, 3, 1, 2)
    gains = gains.mean(1, keepdim=True).expand(-1, 3, -1, -1) * 0.6 + 0.4 * gains
    size = (size_px, size_px)
    wide = functional.interpolate(gains, size, mode="bilinear", align_corners=True)
    return wide[0].permute(1, 2, 0).numpy()


def grey(image: np.ndarray) -> np.ndarray:
    """The picture without its colours."""
    return np.repeat(image @ np.array([[0.3], [0.59], [0.11]], np.float32), 3, axis=2)


def coloured(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Contrast, brightness, gamma, saturation and white balance."""
    values = np.clip(image * np.float32(1 / 255), 0, 1)
    if rng.random() < 0.5:
        values = values ** np.float32(np.exp(rng.normal(0, 0.3)))
    gains = np.exp(rng.normal(0, 0.16) + rng.normal(0, 0.08, 3)).astype(np.float32)
    saturation, contrast = np.exp(rng.normal(-0.05, 0.3)), np.exp(rng.normal(0, 0.17))
    grey = np.array([0.3, 0.59, 0.11], np.float32)
    matrix = saturation * np.eye(3) + (1 - saturation) * np.outer(grey, np.ones(3))
    offset = 0.5 - 0.5 * contrast + rng.normal(0, 0.04) + rng.normal(0, 0.015, 3)
    matrix = (matrix * gains * contrast).astype(np.float32)
    return 255 * (values @ matrix + offset.astype(np.float32))


def _blurred(image: np.ndarray, sigma_px: float) -> np.ndarray:
    radius = max(int(2.5 * sigma_px + 0.5), 1)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma_px) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    for axis in (0, 1):
        pad = [(radius, radius) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(image, pad, mode="edge")
        total = np.zeros_like(image, np.float32)
        for i, weight in enumerate(weights):
            part = padded[i : i + len(image)] if axis == 0 else padded[:, i : i + image.shape[1]]
            total += weight * part
        image = total
    return image


def _moved(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smeared along a line, as when the head or the camera moves."""
    reach, angle = rng.uniform(2, 9), rng.uniform(0, np.pi)
    steps = np.linspace(-0.5, 0.5, 7)
    shifts = {(round(reach * t * np.sin(angle)), round(reach * t * np.cos(angle))) for t in steps}
    padded = np.pad(image, ((6, 6), (6, 6), (0, 0)), mode="edge")
    height, width = image.shape[:2]
    parts = [padded[6 + y : 6 + y + height, 6 + x : 6 + x + width] for y, x in shifts]
    return sum(parts) / np.float32(len(parts))


def resized(image: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Another side, by one of the ways in which programs do it."""
    kinds = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.BOX)
    chosen = kinds[rng.choice(3, p=(0.5, 0.35, 0.15))]
    return np.asarray(Image.fromarray(_bytes(image)).resize((size, size), chosen), np.float32)


def noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sensor's noise, of one colour or of all."""
    level = rng.uniform(0.2, 1.0) ** 2 * 11
    shape = image.shape if rng.random() < 0.6 else (*image.shape[:2], 1)
    noise = rng.standard_normal(shape, dtype=np.float32)
    return image + np.float32(level) * noise * (0.4 + image * np.float32(1 / 255))


def compressed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As JPEG leaves it."""
    stream = io.BytesIO()
    quality = int(rng.uniform(14, 92))
    Image.fromarray(_bytes(image)).save(
        stream, "JPEG", quality=quality, subsampling=int(rng.choice([0, 2, 2]))
    )
    return np.asarray(Image.open(stream), np.float32)


def _cut_off(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where the frame ends its last pixels go on, as in `core.monocular.crops.cut`."""
    image = image.copy()
    place = int(rng.uniform(0.02, 0.3) * CROP_PX)
    side = rng.integers(4)
    turned = np.rot90(image, side)
    turned[:place] = turned[place : place + 1]
    return np.ascontiguousarray(np.rot90(turned, -side))
