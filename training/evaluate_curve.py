"""What limits a prior: PSNR against training steps and against the number of persons, as CSV and a picture.

Every evaluation with `--curve` adds its points to `points.csv`: evaluate the same run at several checkpoints,
or priors of several captures, and the lines grow. The loss and PSNR that training logged are drawn beside them.
"""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from ..core.files import replace_on_success

if TYPE_CHECKING:
    from .evaluate import Row
    from .evaluate_prior import TestedPrior

POINTS_FILE, PICTURE_FILE, LOG_FILE = "points.csv", "curves.png", "curves.csv"
PANEL_PX, MARGIN_PX, LABEL_PX = (560, 380), 56, 16
INK, GRID = (40, 40, 40), (224, 224, 224)
COLORS = ((31, 99, 178), (205, 92, 24), (44, 140, 70), (160, 50, 120), (120, 100, 30), (80, 80, 80))
SPLIT_NAMES = {"train": "seen persons", "validate": "unseen persons"}
# Steps that one point of the drawn training log stands for, as a share of the run.
LOG_POINTS = 60


@dataclass(frozen=True)
class Point:
    """One evaluated prior."""

    prior: str
    steps: int
    persons: int
    split: str
    way: str
    psnr_db: float
    ssim: float


Line = tuple[np.ndarray, np.ndarray]


def write_curves(folder: Path, tested: list[TestedPrior], rows: list[Row]) -> list[Point]:
    """Add the evaluated priors to the points of `folder` and draw all of them; gives all points."""
    by_name = {prior.name: prior for prior in tested}
    points = read_points(folder / POINTS_FILE)
    for row in rows:
        prior = by_name[row.prior]
        found = Point(
            *(row.prior, prior.steps, prior.persons, row.split, row.way, row.psnr_db, row.ssim)
        )
        points = [p for p in points if _place(p) != _place(found)] + [found]
    points.sort(key=_place)
    _write_points(folder / POINTS_FILE, points)
    log = read_log(tested[0].folder / LOG_FILE)
    with replace_on_success(folder / PICTURE_FILE) as temporary:
        draw_curves(points, log).save(temporary)
    return points


def _write_points(path: Path, points: list[Point]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with (
        replace_on_success(path) as temporary,
        temporary.open("w", encoding="utf8", newline="") as stream,
    ):
        table = csv.DictWriter(stream, list(Point.__dataclass_fields__))
        table.writeheader()
        table.writerows(asdict(point) for point in points)


def read_points(path: Path) -> list[Point]:
    """The points that earlier evaluations left."""
    if not path.is_file():
        return []
    with path.open(encoding="utf8", newline="") as stream:
        return [
            Point(
                *(row["prior"], int(row["steps"]), int(row["persons"]), row["split"], row["way"]),
                *(float(row["psnr_db"]), float(row["ssim"])),
            )
            for row in csv.DictReader(stream)
        ]


def read_log(path: Path) -> dict[str, Line]:
    """What training logged, in CSV or for TensorBoard, by name: steps and values, thinned for drawing."""
    curves: dict[str, list[tuple[float, float]]] = {}
    if path.is_file():
        with path.open(encoding="utf8", newline="") as stream:
            for row in csv.DictReader(stream):
                curves.setdefault(row["name"], []).append((float(row["step"]), float(row["value"])))
    elif path.with_suffix("").is_dir():
        curves = _tensorboard_curves(path.with_suffix(""))
    lines = {}
    for name, values in curves.items():
        groups = np.array_split(np.array(values), min(LOG_POINTS, len(values)))
        steps, means = np.array([group.mean(0) for group in groups]).T
        lines[name] = (steps, means)
    return lines


def _tensorboard_curves(folder: Path) -> dict[str, list[tuple[float, float]]]:
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError:
        return {}
    events = EventAccumulator(str(folder)).Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def draw_curves(points: list[Point], log: dict[str, Line]) -> Image.Image:
    """Panels: PSNR over steps, PSNR over persons where their number differs, the training's own curves."""
    panels = [("training steps", "PSNR, dB", _lines(points, "steps", "persons"))]
    if len({point.persons for point in points}) > 1:
        panels.append(("training persons", "PSNR, dB", _lines(points, "persons", "steps")))
    logged = {name: line for name, line in log.items() if name in ("psnr_db", "psnr", "loss")}
    panels += [("training steps", name, {name: line}) for name, line in logged.items()]
    sheet = Image.new("RGB", (PANEL_PX[0] * len(panels), PANEL_PX[1]), "white")
    for index, (across, up, lines) in enumerate(panels):
        sheet.paste(_panel(across, up, lines), (index * PANEL_PX[0], 0))
    return sheet


def _place(point: Point) -> tuple[str, str, str, int, int]:
    return (point.prior, point.split, point.way, point.persons, point.steps)


def _lines(points: list[Point], across: str, fixed: str) -> dict[str, Line]:
    """Lines over one figure; what else differs gets a line of its own only where priors do."""
    encoded = [point for point in points if point.way == "encoder"]
    lines = {}
    for split, title in SPLIT_NAMES.items():
        group = [point for point in encoded if point.split == split]
        if across == "persons":
            # Runs on different numbers of persons are different priors: the longest run of each counts.
            longest: dict[int, Point] = {}
            for point in group:
                if point.persons not in longest or point.steps > longest[point.persons].steps:
                    longest[point.persons] = point
            chosen = {title: sorted(longest.values(), key=lambda point: point.persons)}
        else:
            names = dict.fromkeys((point.prior, getattr(point, fixed)) for point in group)
            chosen = {
                f"{title}, {name}, {count} persons": [
                    p for p in group if (p.prior, getattr(p, fixed)) == (name, count)
                ]
                for name, count in names
            }
        for label, line in chosen.items():
            if line:
                values = [(getattr(point, across), point.psnr_db) for point in line]
                lines[label] = tuple(np.array(sorted(values), float).T)
    return lines


def _panel(across: str, up: str, lines: dict[str, Line]) -> Image.Image:
    panel = Image.new("RGB", PANEL_PX, "white")
    pen = ImageDraw.Draw(panel)
    left, top, right, bottom = MARGIN_PX, 28, PANEL_PX[0] - 16, PANEL_PX[1] - 40
    pen.text((left, 8), f"{up} against {across}", INK)
    pen.rectangle((left, top, right, bottom), outline=INK)
    if not lines:
        return panel
    x_low, x_high = _range(np.concatenate([line[0] for line in lines.values()]))
    y_low, y_high = _range(np.concatenate([line[1] for line in lines.values()]))

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            left + (x - x_low) / (x_high - x_low) * (right - left),
            bottom - (y - y_low) / (y_high - y_low) * (bottom - top),
        )

    for y in _ticks(y_low, y_high):
        pen.line([place(x_low, y), place(x_high, y)], fill=GRID)
        pen.text((6, place(x_low, y)[1] - 6), f"{y:g}", INK)
    for x in _ticks(x_low, x_high):
        pen.text((place(x, y_low)[0] - 12, bottom + 6), f"{x:g}", INK)
    for number, (label, (xs, ys)) in enumerate(lines.items()):
        color = COLORS[number % len(COLORS)]
        corners = [place(x, y) for x, y in zip(xs, ys, strict=True)]
        if len(corners) > 1:
            pen.line(corners, fill=color, width=2)
        for x, y in corners if len(corners) < 30 else []:
            pen.ellipse((x - 3, y - 3, x + 3, y + 3), fill=color)
        pen.text((left + 8, top + 6 + number * LABEL_PX), label, color)
    return panel


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers from `low` to `high`."""
    rough = (high - low) / 5
    step = 10.0 ** np.floor(np.log10(rough))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step >= rough)
    first, last = np.ceil(low / step), np.floor(high / step)
    return [round(float(tick * step), 10) + 0.0 for tick in np.arange(first, last + 1)]


def _range(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    space = 0.08 * (high - low) or max(abs(high) * 0.05, 0.5)
    return low - space, high + space
