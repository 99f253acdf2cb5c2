"""What a tracker that is not ours sees in pictures of heads that act: MediaPipe's blendshapes."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from gaussian_heads.core.assets import avatar_path
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.errors import ModelError
from gaussian_heads.core.render import render
from gaussian_heads.core.spaces import ACTION_UNITS, ARKIT_BLENDSHAPES, au_to_arkit
from gaussian_heads.core.speech import HeardSpeech
from gaussian_heads.training.acting_sheet import BACKGROUND, head_camera
from gaussian_heads.training.comparison.speaking import avatar_codes

from .figures import directed_by, strong_conditions
from .ways import Ways

FPS, FRAMES, SIDE_PX = Fraction(25), 12, 384
# Rises of a blendshape that are no more than a tracker's own unrest.
UNREST = 0.03
Detect = Callable[[np.ndarray], Any]


def tracked(options: argparse.Namespace, ways: Ways, heard: HeardSpeech) -> dict[str, Any]:
    """Rises of MediaPipe's blendshapes over plain speech, of every unit at 5 and every emotion, by head."""
    found: dict[str, Any] = {}
    with _open_detector(options.tracker) as detect:
        for name in options.heads:
            avatar = Avatar.open(avatar_path(name))
            plain = _weights(detect, avatar, ways, heard, {})
            for condition, units in strong_conditions().items():
                rise = _weights(detect, avatar, ways, heard, units) - plain
                found.setdefault(condition, {})[avatar.name] = _figures(condition, rise)
    return found


def _figures(condition: str, rise: np.ndarray) -> dict[str, Any]:
    order = np.argsort(-rise)
    most = {ARKIT_BLENDSHAPES[i]: round(float(rise[i]), 3) for i in order[:5] if rise[i] > UNREST}
    if condition not in ACTION_UNITS:
        return {"most": most}
    own = np.flatnonzero(au_to_arkit()[ACTION_UNITS.index(condition)])
    best = own[np.argmax(rise[own])]
    return {
        "most": most,
        "own": ARKIT_BLENDSHAPES[best],
        "rise": round(float(rise[best]), 3),
        "rank": int(np.flatnonzero(order == best)[0]) + 1,
    }


def _weights(
    detect: Detect, avatar: Avatar, ways: Ways, heard: HeardSpeech, units: Mapping[str, float]
) -> np.ndarray:
    """Mean blendshapes `[52]` over frames of the sentence."""
    acted = ways.generator.act(heard, directed_by(units).units, seed=0)
    track = heard.perform(fps=FPS, seed=0, acted=acted)
    codes, camera = avatar_codes(track, avatar), head_camera(avatar, SIDE_PX)
    rows = []
    for row in np.linspace(0, len(codes) - 1, FRAMES + 2)[1:-1].astype(int):
        head = avatar.decode(codes[row], None)
        drawn = render(head, camera, backend="cpu", background=BACKGROUND).colors
        rows.append(_read(detect, np.round(255 * np.clip(drawn, 0, 1)).astype(np.uint8)))
    seen = [row for row in rows if row is not None]
    return np.mean(seen, 0) if seen else np.zeros(len(ARKIT_BLENDSHAPES))


@contextmanager
def _open_detector(path: Path) -> Iterator[Detect]:
    """MediaPipe's detector; closed before the interpreter takes its package apart."""
    try:
        import mediapipe
        from mediapipe.tasks import python
        from mediapipe.tasks.python import vision
    except ImportError:
        raise ModelError(
            "The tracker needs the package mediapipe, which is not installed: 'pip install mediapipe'."
        ) from None
    options = vision.FaceLandmarkerOptions(
        base_options=python.BaseOptions(model_asset_buffer=path.read_bytes()),
        output_face_blendshapes=True,
    )
    with vision.FaceLandmarker.create_from_options(options) as detector:
        yield lambda pixels: detector.detect(mediapipe.Image(mediapipe.ImageFormat.SRGB, pixels))


def _read(detect: Detect, pixels: np.ndarray) -> np.ndarray | None:
    """Blendshapes `[52]` of a picture; None where no face is found."""
    result = detect(np.ascontiguousarray(pixels))
    if not result.face_blendshapes:
        return None
    weights = {shape.category_name: shape.score for shape in result.face_blendshapes[0]}
    return np.array([weights.get(name, 0.0) for name in ARKIT_BLENDSHAPES])


def lines(found: Mapping[str, Any]) -> Sequence[tuple[str, ...]]:
    """Rows of a table: what is held, and what rises most on each head."""
    rows = []
    for condition, heads in found.items():
        for name, figures in heads.items():
            most = ", ".join(f"{shape} {rise:+.2f}" for shape, rise in figures["most"].items())
            own = (
                f"{figures['own']} {figures['rise']:+.2f}, {figures['rank']}."
                if "own" in figures
                else ""
            )
            rows.append((condition, name, own, most))
    return rows
