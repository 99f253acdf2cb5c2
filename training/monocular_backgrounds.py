"""What stands behind heads in training pictures: made-up rooms, walls, lights, leaves and papers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def draw_background(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """One background `[H, W, 3]` uint8, mostly out of focus."""
    canvas = _gradient(rng, height, width)
    layers: list[Callable] = [_cloud, _boxes, _stripes, _blobs, _grain]
    for layer in layers:
        if rng.random() < 0.45:
            canvas = layer(canvas, rng)
    if rng.random() < 0.6:
        canvas = blurred(canvas, float(np.exp(rng.uniform(np.log(0.5), np.log(width / 20)))))
    return np.clip(canvas, 0, 255).astype(np.uint8)


def random_color(rng: np.random.Generator) -> np.ndarray:
    """A colour `[3]` of rooms: mostly dull; now and then of skin, which is no sign of a face."""
    if rng.random() < 0.2:
        return np.array([225.0, 175.0, 145.0]) * rng.uniform(0.25, 1.1)
    grey = rng.uniform(5, 245)
    return np.clip(grey + rng.normal(0, rng.choice([4.0, 20.0, 60.0]), 3), 0, 255)


def blurred(canvas: np.ndarray, sigma_px: float) -> np.ndarray:
    """Three box averages, which come close to a Gaussian of this deviation; the border goes on."""
    radius = int(round(np.sqrt(sigma_px**2 + 0.25) - 0.5))
    if radius < 1:
        return canvas.astype(np.float32)
    values = canvas.astype(np.float32)
    for axis in (0, 1) * 3:
        padding = [(0, 0)] * values.ndim
        padding[axis] = (radius + 1, radius)
        total = np.cumsum(np.pad(values, padding, mode="edge"), axis=axis, dtype=np.float32)
        size = 2 * radius + 1
        count = values.shape[axis]
        after, before = (np.take(total, range(i, i + count), axis) for i in (size, 0))
        values = (after - before) / size
    return values


def _gradient(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A wall that the light falls on from one side."""
    first = random_color(rng)
    second = first + rng.normal(0, 35, 3) if rng.random() < 0.7 else random_color(rng)
    angle = rng.uniform(0, 2 * np.pi)
    y, x = np.ogrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    along = (x * np.cos(angle) + y * np.sin(angle) + 0.5).astype(np.float32)
    return (first + (second - first) * np.clip(along, 0, 1)[..., None]).astype(np.float32)


def _cloud(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise of several octaves, in light or in colour."""
    height, width = canvas.shape[:2]
    is_colored = rng.random() < 0.3
    total = np.zeros((height, width, 3 if is_colored else 1), np.float32)
    roughness = rng.uniform(0.4, 0.9)
    for octave in range(1, 6):
        cells = 2**octave + 1
        grid = rng.normal(0, roughness**octave, (cells, cells, total.shape[2])).astype(np.float32)
        total += _enlarged(grid, height, width)
    return canvas + total * rng.uniform(10, 70)


def _boxes(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Doors, frames, shelves with books, screens, windows."""
    height, width = canvas.shape[:2]
    canvas = canvas.copy()
    for _ in range(rng.integers(1, 9)):
        w, h = np.exp(rng.uniform(np.log(4), np.log(0.7 * width), 2))
        if rng.random() < 0.3:
            w, h = (w, 2 + 0.03 * height) if rng.random() < 0.5 else (2 + 0.03 * width, h)
        x, y = rng.uniform(-0.2, 1.0, 2) * (width, height)
        rows = slice(max(int(y), 0), max(int(y + h), 0))
        columns = slice(max(int(x), 0), max(int(x + w), 0))
        color, solid = random_color(rng), rng.uniform(0.3, 1.0)
        canvas[rows, columns] += solid * (color - canvas[rows, columns])
        if rng.random() < 0.3:
            # Books and blinds: every few columns another shade.
            part = canvas[rows, columns]
            teeth = rng.normal(0, 30, (part.shape[1] // 4 + 1, 3)).repeat(4, 0)[: part.shape[1]]
            part += teeth.astype(np.float32)
    return canvas


def _stripes(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Curtains, wallpaper, lines of text."""
    height, width = canvas.shape[:2]
    y, x = np.ogrid[:height, :width]
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
    period = np.exp(rng.uniform(np.log(3.0), np.log(width / 3)))
    wave = np.sin(
        2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / period + rng.uniform(0, 6.3)
    )
    if rng.random() < 0.5:
        wave = np.sign(wave)
    return canvas + wave[..., None].astype(np.float32) * rng.normal(0, 25, 3)


def _blobs(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Lamps, plants, cups, and balls in the colour of skin with darker spots, which are no faces."""
    height, width = canvas.shape[:2]
    canvas = canvas.copy()
    y, x = np.mgrid[:height, :width].astype(np.float32)
    for _ in range(rng.integers(1, 7)):
        cx, cy = rng.uniform(0, 1, 2) * (width, height)
        a, b = np.exp(rng.uniform(np.log(2.0), np.log(0.35 * width), 2))
        angle = rng.uniform(0, np.pi)
        u = (x - cx) * np.cos(angle) + (y - cy) * np.sin(angle)
        v = (y - cy) * np.cos(angle) - (x - cx) * np.sin(angle)
        inside = np.clip((1.0 - np.hypot(u / a, v / b)) * rng.uniform(2, 12), 0, 1)[..., None]
        shade = 1.0 + rng.uniform(-0.4, 0.4) * (u / a)[..., None]
        canvas += inside * (random_color(rng) * shade - canvas)
    return canvas


def _grain(canvas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fine texture: cloth, plaster, leaves."""
    height, width = canvas.shape[:2]
    grid = rng.normal(0, 1, (height, width, 1)).astype(np.float32)
    size = rng.uniform(0.0, 2.5)
    grain = blurred(grid, size) if size > 0.9 else grid
    return canvas + grain * rng.uniform(5, 40) / max(float(grain.std()), 1e-3)


def _enlarged(grid: np.ndarray, height: int, width: int) -> np.ndarray:
    """A small grid `[G, G, C]` interpolated linearly to a picture."""
    for axis, size in ((0, height), (1, width)):
        at = np.linspace(0, grid.shape[axis] - 1.001, size)
        first = at.astype(int)
        share = (at - first).astype(np.float32).reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
        grid = (
            np.take(grid, first, axis) * (1 - share)
            + np.take(grid, np.minimum(first + 1, grid.shape[axis] - 1), axis) * share
        )
    return grid
