"""A sheet of held-out pictures: what was wanted, and every run beside it, from the front and from the sides."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw

from ..core.files import replace_on_success
from .evaluate_metrics import composite, score
from .evaluate_personal_film import FRONT, SIDE_CAMERAS, Film
from .evaluate_personal_ways import Placed
from .evaluate_sheet import as_bytes

TILE_PX, LABEL_PX = 224, 16
WHITE = (235, 235, 235)
MAX_BYTES, QUALITIES = 300_000, (90, 84, 78, 70, 60)


def write_sheet(path: Path, film: Film, drawn: dict[str, dict[str, Placed | None]]) -> None:
    """Rows: the reference, then each run. Columns: frames, each from the front and now and then a side."""
    columns = [
        (frame, camera)
        for number, frame in enumerate(film.shown_frames())
        for camera in (FRONT, SIDE_CAMERAS[number % 2])
        if camera in frame.pictures
    ]
    rows = ["reference", *drawn]
    sheet = Image.new("RGB", (len(columns) * TILE_PX, len(rows) * (TILE_PX + LABEL_PX)))
    pen = ImageDraw.Draw(sheet)
    for column, (frame, camera) in enumerate(columns):
        wanted = frame.pictures[camera]
        for row, name in enumerate(rows):
            left, top = column * TILE_PX, row * (TILE_PX + LABEL_PX)
            label, pixels = f"{name} {frame.name} {camera}", composite(wanted)
            if row:
                placed = drawn[name].get(frame.name)
                if placed is None:
                    continue
                pixels = placed.draw(camera)
                label = f"{name} {score(pixels, wanted).psnr_db:.1f} dB"
            pen.text((left + 3, top + 2), label, WHITE, font_size=10)
            tile = Image.fromarray(as_bytes(pixels))
            tile = tile.resize((TILE_PX, TILE_PX), Image.Resampling.LANCZOS)
            sheet.paste(tile, (left, top + LABEL_PX))
    save_small(sheet, path)


def save_small(sheet: Image.Image, path: Path) -> None:
    """Write a picture; a JPEG at the best quality that stays below 300 kB."""
    with replace_on_success(path) as temporary:
        if path.suffix.lower() not in (".jpg", ".jpeg"):
            sheet.save(temporary)
            return
        for quality in QUALITIES:
            sheet.save(temporary, quality=quality, optimize=True)
            if temporary.stat().st_size <= MAX_BYTES:
                return
