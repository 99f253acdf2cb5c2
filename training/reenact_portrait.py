"""A real video's calmest frame as a photo that does what the video does, beside the video.

    python -m gaussian_heads.training.reenact_portrait --video me.mp4 --out build/portrait/me

ARKit weights and head poses are those that the encoder reads, as `gaussian-heads direction` and *From Video* do; everything is compared in
the photo's window of 256 pixels, all of which counts. It measures people who agreed to it, and makes no avatar.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ..core.assets import ASSETS
from ..core.avatar import Avatar
from ..core.errors import VideoError
from ..core.files import replace_on_success
from ..core.monocular.crops import cut
from ..core.monocular.encoder import MonocularEncoder
from ..core.monocular.finder import FaceFinder
from ..core.monocular.landmarker import FaceLandmarker
from ..core.monocular.video import encode_video
from ..core.portrait.model import STEPS, PortraitModel
from ..core.portrait.photo import photo_of
from ..core.portrait.rig import PortraitRig
from ..core.portrait.window import PORTRAIT_PX
from .commands import run_command
from .personalization.reading import frames_like
from .portrait.measures import TrueFilm, gap_curve, likeness, seen_lips, tracked
from .portrait.sheet import spread, write_sheet
from .portrait.ways import Drawn, pose_from


def reenact(options: argparse.Namespace) -> None:
    """Draw the video, print the figures, write them and a sheet."""
    landmarker = FaceLandmarker.open(options.tracker) if options.tracker else None
    drawing = Drawn(Avatar.open(options.driver), PortraitModel.open(options.model), options.steps)
    options.out.mkdir(parents=True, exist_ok=True)
    encoded = encode_video(options.video)
    seen = np.flatnonzero(encoded.is_present)
    if len(seen) < 2:
        raise VideoError(f"'{options.video}' shows no face: choose a video of a person who talks.")
    frames = list(frames_like(options.video, encoded))
    # Lips near each other, lids apart.
    gap, _, left, right = encoded.mouth_mm[seen].T
    calm = int(seen[np.argmin(gap - np.minimum(left, right))])
    photo = photo_of(frames[calm], str(options.video), MonocularEncoder.open(), FaceFinder.open())
    rig, poses = PortraitRig(photo, drawing.driver), encoded.track().head_pose
    # As the photo's own expression is read: what a code holds beyond weights is mostly error.
    codes = encoded.arkit() @ drawing.driver.control_offsets("arkit52")
    points = [rig.points(codes[row], pose_from(poses[calm], poses[row])) for row in seen]
    wanted = np.stack([cut(frames[row], photo.window, PORTRAIT_PX) for row in seen])
    shown = {
        "video": wanted,
        "photo": np.repeat(photo.picture[None], len(seen), axis=0),
        "portrait": drawing.film(rig, np.stack(points)),
    }
    scale = frames[calm].shape[1] / encoded.camera.width
    landmarks = [photo.window.to_crop(scale * encoded.landmarks_px[row]) for row in seen]
    true = TrueFilm.of(wanted, np.ones(wanted.shape[:3]), np.stack(landmarks))
    figures = {name: asdict(likeness([true], [shown[name]])) for name in ("photo", "portrait")}
    opening = encoded.mouth_mm[seen, 0]
    if landmarker is not None:
        truth = tracked(landmarker, wanted)
        opening = gap_curve(truth)
        for name, one in figures.items():
            one |= asdict(seen_lips(tracked(landmarker, shown[name]), truth))
    with replace_on_success(options.out / "figures.json") as temporary:
        temporary.write_text(json.dumps(figures, indent=1) + "\n", "utf8")
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    write_sheet(options.out / "sheet.jpg", shown, spread(opening))


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--video", type=Path, required=True, help="of somebody who agreed")
    parser.add_argument("--out", type=Path, required=True, help="folder of figures and sheet")
    parser.add_argument("--tracker", type=Path, help="model of MediaPipe's Face Landmarker")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--model", type=Path, help="folder of the portrait networks")
    parser.add_argument("--driver", type=Path, default=ASSETS / "avatars/maya.uhap")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    return run_command(lambda: reenact(options))


if __name__ == "__main__":
    raise SystemExit(main())
