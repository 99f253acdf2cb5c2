"""A picture of the built-in head beside Cycles: expressions in rows, views in columns, PSNR per pair.

    python -m gaussian_heads.training.contact_sheet --avatar assets/avatars/ada.uhap \\
        --reference build/heads/ada/reference --out docs/images/ada_contact_sheet.png
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..core.avatar import Avatar
from ..core.camera import Camera
from ..core.errors import AvatarError, GaussianHeadsError
from ..core.files import replace_on_success
from ..core.render import render
from ..core.spaces import ARKIT_BLENDSHAPES

BACKGROUND = np.array([0.18, 0.19, 0.21], np.float32)
LABEL_PX = 18
# The part of each picture that the sheet shows: head and collar fill it. Left, top, right, bottom.
SHOWN = (0.1, 0.03, 0.9, 0.83)
# Pixels that Cycles covers by less are edge or empty and do not count.
FOREGROUND_ALPHA = 0.5


@dataclass(frozen=True)
class Panel:
    """One view of one expression: ours, Cycles' and how near they are."""

    state: str
    view: str
    ours: np.ndarray  # [H, W, 3]
    reference: np.ndarray  # [H, W, 3]
    psnr_db: float


def foreground_psnr_db(ours: np.ndarray, reference: np.ndarray, alpha: np.ndarray) -> float:
    """PSNR over the pixels that the reference covers; colours in [0, 1]."""
    mask = alpha > FOREGROUND_ALPHA
    error = float(np.mean((ours[mask] - reference[mask]) ** 2))
    return -10 * np.log10(max(error, 1e-12))


def compare(avatar: Avatar, folder: Path, state: str, view: str, code: np.ndarray) -> Panel:
    """Draw the avatar with the camera of one Cycles picture and compare the two."""
    record = _record(folder)
    picture = (
        np.asarray(Image.open(folder / f"{state}_{view}.png").convert("RGBA"), np.float32) / 255
    )
    height, width = picture.shape[:2]
    entry = camera_of(record, view)
    camera = Camera(np.array(entry["viewmat"]), np.array(entry["K"]), width, height)
    ours = render(avatar.decode(code, None), camera, backend="cpu", background=BACKGROUND).colors
    alpha = picture[..., 3:]
    reference = picture[..., :3] * alpha + BACKGROUND * (1 - alpha)
    ours = np.clip(ours, 0, 1)
    return Panel(state, view, ours, reference, foreground_psnr_db(ours, reference, alpha[..., 0]))


def camera_of(record: dict, view: str) -> dict:
    """The entry of a view in cameras.json, which may hold the views under `views`."""
    return record.get("views", record)[view]


def code_of(controls: dict[str, float]) -> np.ndarray:
    """Code `[52]` of named ARKit weights."""
    code = np.zeros(len(ARKIT_BLENDSHAPES), np.float32)
    for name, weight in controls.items():
        code[ARKIT_BLENDSHAPES.index(name)] = weight
    return code


def draw_sheet(rows: list[list[Panel]], side_px: int) -> Image.Image:
    """One row per expression; every view as a pair, Gaussians left and Cycles right."""
    columns = len(rows[0])
    sheet = Image.new("RGB", (columns * 2 * side_px, len(rows) * side_px + LABEL_PX))
    pen = ImageDraw.Draw(sheet)
    for column in range(columns):
        for half, title in enumerate(("Gaussians", "Cycles")):
            pen.text(((2 * column + half) * side_px + 4, 3), title, fill=(230, 230, 230))
    for row, panels in enumerate(rows):
        for column, panel in enumerate(panels):
            for half, picture in enumerate((panel.ours, panel.reference)):
                corner = ((2 * column + half) * side_px, LABEL_PX + row * side_px)
                sheet.paste(_image(picture, side_px), corner)
            label = f"{panel.state}, {panel.view}: {panel.psnr_db:.1f} dB"
            pen.text(
                (2 * column * side_px + 4, LABEL_PX + row * side_px + 3),
                label,
                fill=(255, 255, 255),
            )
    return sheet


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--avatar", type=Path, required=True)
    parser.add_argument("--reference", type=Path, required=True, help="folder with cameras.json")
    parser.add_argument("--states", nargs="+", default=None, help="default: all that were rendered")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--side", type=int, default=236, help="pixels of one picture on the sheet")
    options = parser.parse_args(arguments)
    try:
        rows = _compare_all(options)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for panel in (panel for row in rows for panel in row):
        sys.stdout.write(f"{panel.state:12} {panel.view:14} {panel.psnr_db:5.2f} dB\n")
    with replace_on_success(options.out) as temporary:
        draw_sheet(rows, options.side).save(temporary, optimize=True)
    return 0


def _compare_all(options: argparse.Namespace) -> list[list[Panel]]:
    avatar = Avatar.open(options.avatar)
    expressions = _expressions(options.reference)
    states = options.states or list(expressions)
    views = _views(options.reference, states)
    # Whatever space the avatar's codes live in, its references were posed by ARKit weights.
    arkit = avatar.control_offsets("arkit52")
    codes = {state: code_of(expressions[state]) @ arkit for state in states}
    return [
        [compare(avatar, options.reference, state, view, codes[state]) for view in views]
        for state in states
    ]


def _image(picture: np.ndarray, side_px: int) -> Image.Image:
    image = Image.fromarray((picture * 255 + 0.5).astype(np.uint8))
    box = tuple(share * image.width for share in SHOWN)
    return image.resize((side_px, side_px), Image.Resampling.LANCZOS, box=box)


def _record(folder: Path) -> dict:
    path = folder / "cameras.json"
    if not path.is_file():
        raise AvatarError(f"There is no '{path}': render the references with the studio first.")
    return json.loads(path.read_text("utf8"))


def _expressions(folder: Path) -> dict[str, dict[str, float]]:
    record = _record(folder)
    if "states" in record:
        return record["states"]
    path = folder.parent / "light" / "states.json"
    if not path.is_file():
        raise AvatarError(
            f"'{folder}' does not say which controls its states set: render it again."
        )
    return json.loads(path.read_text("utf8"))


def _views(folder: Path, states: list[str]) -> list[str]:
    record = _record(folder)
    views = record.get("views", record)
    return [
        view
        for view in views
        if all((folder / f"{state}_{view}.png").is_file() for state in states)
    ]


if __name__ == "__main__":
    raise SystemExit(main())
