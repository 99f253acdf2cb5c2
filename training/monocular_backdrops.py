"""Backgrounds and things in front of faces for the monocular encoder's pictures, made up from noise and shapes."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

BACKDROP_PX = 256


def backdrops(count: int, rng: np.random.Generator) -> np.ndarray:
    """Pictures `[count, 256, 256, 3]` uint8: plain, graded, noisy, striped, and rooms of boxes."""
    makers = (_plain, _graded, _noisy, _noisy, _striped, _room, _room, _bokeh)
    return np.stack([makers[rng.integers(len(makers))](rng) for _ in range(count)])


def _color(rng: np.random.Generator) -> np.ndarray:
    """Rather grey than bright."""
    level, tint = rng.uniform(0, 255), rng.normal(0, 28, 3)
    return np.clip(level + tint, 0, 255)


def _plain(rng: np.random.Generator) -> np.ndarray:
    picture = np.empty((BACKDROP_PX, BACKDROP_PX, 3), np.float32)
    picture[:] = _color(rng)
    return picture.astype(np.uint8)


def _graded(rng: np.random.Generator) -> np.ndarray:
    corners = np.stack([_color(rng) for _ in range(4)]).reshape(2, 2, 3)
    small = Image.fromarray(corners.astype(np.uint8))
    return np.asarray(small.resize((BACKDROP_PX, BACKDROP_PX), Image.Resampling.BILINEAR))


def _noisy(rng: np.random.Generator) -> np.ndarray:
    """Clouds of several scales in two colours and a third of its own."""
    total = np.zeros((BACKDROP_PX, BACKDROP_PX, 3), np.float32)
    roughness = rng.uniform(0.35, 0.9)
    weight = 0.0
    for octave in range(1, 8):
        side = 2**octave
        cells = rng.integers(0, 256, (side, side, 3), np.uint8)
        if rng.random() < 0.7:
            cells[:] = cells[..., :1]
        smooth = Image.fromarray(cells).resize((BACKDROP_PX,) * 2, Image.Resampling.BICUBIC)
        total += roughness**octave * np.asarray(smooth, np.float32)
        weight += roughness**octave
    share = np.clip((total / weight - 128) / 255 * rng.uniform(1, 4) + 0.5, 0, 1)
    return (share * _color(rng) + (1 - share) * _color(rng)).astype(np.uint8)


def _striped(rng: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[:BACKDROP_PX, :BACKDROP_PX].astype(np.float32)
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / rng.uniform(8, 120))
    share = np.clip(0.5 + rng.uniform(0.3, 6) * wave, 0, 1)[..., None]
    return (share * _color(rng) + (1 - share) * _color(rng)).astype(np.uint8)


def _room(rng: np.random.Generator) -> np.ndarray:
    """Boxes before boxes: shelves, windows, pictures on walls."""
    picture = Image.fromarray(_graded(rng))
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.integers(3, 30)):
        x, y = rng.integers(-40, BACKDROP_PX, 2)
        width, height = np.exp(rng.uniform(np.log(6), np.log(180), 2)).astype(int)
        color = tuple(int(c) for c in _color(rng))
        if rng.random() < 0.85:
            draw.rectangle((x, y, x + width, y + height), fill=color)
        else:
            draw.ellipse((x, y, x + width, y + height), fill=color)
    blur = ImageFilter.GaussianBlur(float(rng.choice([0, 0.7, 2, 5])))
    mixed = np.asarray(picture.filter(blur), np.float32) * 0.85 + 0.15 * _noisy(rng)
    return mixed.astype(np.uint8)


def _bokeh(rng: np.random.Generator) -> np.ndarray:
    picture = Image.fromarray(_graded(rng))
    draw = ImageDraw.Draw(picture, "RGBA")
    for _ in range(rng.integers(10, 60)):
        x, y = rng.integers(-20, BACKDROP_PX + 20, 2)
        radius = int(rng.uniform(2, 30))
        color = (*(int(c) for c in _color(rng)), int(rng.uniform(40, 200)))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=color)
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 3)))))


def occluder(size_px: int, skin: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """RGBA picture of something before a face: fingers, a hand, a microphone, a bar or a sheet."""
    layer = Image.new("RGBA", (size_px, size_px))
    draw = ImageDraw.Draw(layer)
    kind = rng.choice(["hand", "fingers", "microphone", "bar", "sheet", "hair"])
    x, y = rng.uniform(0.0, size_px, 2)
    # Mostly from below or the side, seldom over all of the face.
    y = size_px * (0.45 + 0.6 * rng.random()) if rng.random() < 0.6 else y
    color = _skin_like(skin, rng) if kind in ("hand", "fingers") else _color(rng)
    fill = (*(int(c) for c in color), 255)
    if kind == "hand":
        radius = size_px * rng.uniform(0.08, 0.22)
        for _ in range(rng.integers(2, 6)):
            dx, dy = rng.normal(0, radius, 2)
            r = radius * rng.uniform(0.5, 1.1)
            draw.ellipse((x + dx - r, y + dy - 1.3 * r, x + dx + r, y + dy + 1.3 * r), fill=fill)
    elif kind == "fingers":
        angle, width = rng.uniform(0, np.pi), size_px * rng.uniform(0.04, 0.09)
        for i in range(rng.integers(1, 5)):
            shade = rng.uniform(0.8, 1.1)
            part = (*(int(np.clip(c * shade, 0, 255)) for c in color), 255)
            ox, oy = x - i * 1.1 * width * np.sin(angle), y + i * 1.1 * width * np.cos(angle)
            reach = size_px * rng.uniform(0.15, 0.5)
            end = (ox + reach * np.cos(angle), oy + reach * np.sin(angle))
            draw.line((ox, oy, *end), fill=part, width=int(width))
            r = width / 2
            draw.ellipse((ox - r, oy - r, ox + r, oy + r), fill=part)
    elif kind == "microphone":
        radius = size_px * rng.uniform(0.04, 0.13)
        draw.line((x, y, x + rng.normal(0, 60), size_px * 1.2), fill=fill, width=int(radius))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)
    elif kind == "bar":
        angle = rng.uniform(0, np.pi)
        step = 2 * size_px * np.array([np.cos(angle), np.sin(angle)])
        ends = (x - step[0], y - step[1], x + step[0], y + step[1])
        draw.line(ends, fill=fill, width=int(size_px * rng.uniform(0.02, 0.12)))
    elif kind == "sheet":
        points = [(x + rng.normal(0, 45), y + rng.normal(0, 45)) for _ in range(4)]
        draw.polygon(points, fill=fill)
    else:
        for _ in range(rng.integers(3, 25)):
            start = np.array([rng.uniform(0, size_px), rng.uniform(-20, 30)])
            end = start + rng.normal([0, 70], [15, 25])
            draw.line((*start, *end), fill=fill, width=int(rng.integers(1, 4)))
    return layer.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.3, 2.0))))


def _skin_like(skin: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(skin * np.exp(rng.normal(0, 0.15)) + rng.normal(0, 6, 3), 0, 255)
