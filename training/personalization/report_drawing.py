"""Charts as SVG and pictures as JPEG inside a page: nothing that a report shows lies outside its file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 236, 52, 30, 28
COLORS = ("#2a6f97", "#c1121f", "#588157")


def picture(colors: np.ndarray, caption: str, side_px: int = 256) -> str:
    """An HTML figure of colours [H, W, 3] in [0, 1] or uint8."""
    pixels = colors
    if pixels.dtype != np.uint8:
        pixels = np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    image = Image.fromarray(pixels)
    scale = side_px / max(image.size)
    if scale < 1:
        size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=88)
    data = base64.b64encode(stream.getvalue()).decode("ascii")
    text = html.escape(caption)
    return (
        f'<figure><img alt="{text}" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def line_chart(
    x: Sequence[float], curves: dict[str, Sequence[float]], x_name: str, y_name: str
) -> str:
    """Curves over `x`; each as long as `x`."""
    x = np.asarray(x, float)
    values = np.concatenate([np.asarray(curve, float) for curve in curves.values()])
    frame = _Frame(_span(x), _span(values[np.isfinite(values)]))
    parts = [frame.axes(x_name, y_name)]
    for number, (name, curve) in enumerate(curves.items()):
        color = COLORS[number % len(COLORS)]
        points = " ".join(
            f"{a:.1f},{b:.1f}"
            for a, b in frame.place(x, np.asarray(curve, float))
            if np.isfinite(b)
        )
        parts.append(f'<polyline fill="none" stroke="{color}" stroke-width="2" points="{points}"/>')
        if len(curves) > 1:
            parts.append(
                f'<text x="{LEFT + 10 + 130 * number}" y="{TOP - 8}" fill="{color}">'
                f"{html.escape(name)}</text>"
            )
    return _svg(parts)


def scatter_chart(
    groups: dict[str, tuple[np.ndarray, np.ndarray]], x_name: str, y_name: str, least: float
) -> str:
    """Points of every group; both axes reach at least from -`least` to `least`."""
    every = [np.concatenate([values[axis] for values in groups.values()]) for axis in (0, 1)]
    spans = [_span(np.append(values, [-least, least])) for values in every]
    frame = _Frame(*spans)
    parts = [frame.axes(x_name, y_name)]
    for number, (name, (x, y)) in enumerate(groups.items()):
        color = COLORS[number % len(COLORS)]
        parts += [
            f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.4" fill="{color}" fill-opacity="0.55"/>'
            for a, b in frame.place(np.asarray(x, float), np.asarray(y, float))
        ]
        parts.append(
            f'<text x="{LEFT + 10 + 130 * number}" y="{TOP - 8}" fill="{color}">{html.escape(name)}</text>'
        )
    return _svg(parts)


def bar_chart(values: dict[str, tuple[float, float]]) -> str:
    """Bars from 0 to 1 with a mark at what is wanted: name to (value, wanted)."""
    row_px, left = 24, 150
    parts = []
    for number, (name, (value, wanted)) in enumerate(values.items()):
        y = number * row_px + 4
        color = COLORS[2] if value >= wanted else COLORS[1]
        length, mark = (WIDTH - left - 60) * np.clip([value, wanted], 0, 1)
        parts.append(
            f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{html.escape(name)}</text>'
            f'<rect x="{left}" y="{y}" width="{length:.0f}" height="{row_px - 8}" fill="{color}"/>'
            f'<line x1="{left + mark:.0f}" x2="{left + mark:.0f}" y1="{y - 2}" y2="{y + row_px - 6}" '
            f'stroke="#333"/><text x="{left + length + 6:.0f}" y="{y + 13}">{value:.2f}</text>'
        )
    return _svg(parts, row_px * len(values) + 8)


class _Frame:
    """Where numbers lie in a chart."""

    def __init__(self, x_span: tuple[float, float], y_span: tuple[float, float]) -> None:
        self.x_span, self.y_span = x_span, y_span

    def place(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Pixels [N, 2] of points."""
        (left, right), (low, high) = self.x_span, self.y_span
        across = LEFT + (x - left) / (right - left) * (WIDTH - LEFT - 12)
        down = HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - BOTTOM - TOP)
        return np.stack([across, down], axis=1)

    def axes(self, x_name: str, y_name: str) -> str:
        """Grid, numbers and names."""
        parts = []
        for value in _ticks(*self.y_span, 4):
            y = self.place(np.zeros(1), np.array([value]))[0, 1]
            parts.append(
                f'<line x1="{LEFT}" x2="{WIDTH - 12}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_number(value)}</text>'
            )
        for value in _ticks(*self.x_span, 6):
            x = self.place(np.array([value]), np.zeros(1))[0, 0]
            parts.append(
                f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{_number(value)}</text>'
            )
        parts.append(
            f'<text x="{WIDTH - 12}" y="{HEIGHT - 4}" text-anchor="end" fill="#555">{html.escape(x_name)}</text>'
            f'<text x="{WIDTH - 16}" y="{TOP - 8}" text-anchor="end" fill="#555">{html.escape(y_name)}</text>'
        )
        return "".join(parts)


def _span(values: np.ndarray) -> tuple[float, float]:
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if high - low > 1e-9 else (low - 0.5, high + 0.5)


def _ticks(low: float, high: float, count: int) -> np.ndarray:
    """About `count` round numbers between two."""
    rough = (high - low) / count
    power = 10.0 ** np.floor(np.log10(rough))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(np.log(s / rough)))
    return np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1) * step


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _svg(parts: list[str], height: int = HEIGHT) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(parts)}</svg>'
