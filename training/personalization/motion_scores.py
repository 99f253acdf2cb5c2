"""How near a speaking head comes to the person on sentences that nothing was learned from, with personal motion and without.

    python -m gaussian_heads.training.personalization.motion_scores --film build/videos/s1003 --out build/motion/s1003

fits the motion of a filmed person of the studio to the true codes and poses, with every kind of gate, and writes a
table. A shuffled sound must lose: what remains then is no more than a mean face. With `--codes read` the motion is learned
from codes as the encoder reads them from the film, which is all that a user has; scores are still against the true ones.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ...core.errors import GaussianHeadsError
from ...core.files import replace_on_success
from ...core.measure import signed_lip_gap
from ...core.video import read_sound
from ..networks.personal_motion import GATES, MotionShape
from ..prior_bake import bake_head
from ..prior_controls import load_controls
from ..prior_file import load_prior
from ..speech_phones import BILABIALS
from .motion import FittedMotion, MotionSettings, fit_motion
from .motion_drawing import MouthPainter
from .motion_sound import Spoken, listen, spoken
from .motion_targets import LIPS, Crop
from .posing import pose_points
from .read_codes import with_read_codes
from .truth import load_truth

logger = logging.getLogger(__name__)
Phone = tuple[str, float, float]
TRUE, READ = "true", "read"
# A moment counts as closed below this share of the clip's own 95th percentile, as in bench/lipsync.
CLOSED_SHARE, OPEN_PERCENTILE = 0.15, 95
BEFORE_SEC, AFTER_SEC, LEAST_BILABIAL_SEC, LEAST_VOWEL_SEC = 0.04, 0.02, 0.03, 0.06
OPEN_VOWELS = frozenset("AA AE AH AO AW AY EH".split())
# Pixels that count, as a share of the crop's largest weight.
MOUTH_SHARE = 0.5
SHUFFLED_SEC = 1.5
EVERY_PICTURE = 4


@dataclass(frozen=True)
class MotionScores:
    """Means over frames: pictures of the mouth, landmarks of the lips (each frame's mean taken off), and their gap."""

    psnr_db: float
    lips_px: float
    lips_mm: float
    gap_error_mm: float
    gap_correlation: float
    # How far the gap moves, against how far the person's does.
    liveliness: float
    closure_j: float


def score_motion(
    painter: MouthPainter,
    heard: Spoken,
    motion: FittedMotion | None,
    *,
    phones: Sequence[Phone] = (),
    shift_frames: int = 0,
    every_picture: int = EVERY_PICTURE,
) -> MotionScores:
    """Scores of frames under the universal code, and a fitted motion if there is one."""
    head = painter.head if motion is None else motion.decoder(painter.head)
    inputs = heard.universal
    if motion is not None:
        vectors = np.roll(motion.vectors(heard.windows), shift_frames, axis=0)
        inputs = np.concatenate([inputs, vectors], axis=1)
    own, ours, psnr_db, off_px = [], [], [], []
    for index, frame in enumerate(heard.frames):
        with torch.no_grad():
            wanted = painter.head(torch.from_numpy(frame.code))[5]
            decoded = head(torch.from_numpy(inputs[index]))
            pose = torch.from_numpy(np.asarray(frame.head_pose, np.float32))
            posed = [pose_points(p, pose, painter.pivot).numpy() for p in (wanted, decoded[5])]
        own.append(wanted.numpy())
        ours.append(decoded[5].numpy())
        off_px.append(_lips_off(*(pixels_of(points, frame.camera) for points in posed)))
        crop = None
        if index % every_picture == 0:
            crop = Crop.about(frame.rgba, frame.camera, posed[0])
        if crop is not None:
            psnr_db.append(_psnr_db(painter, decoded, pose, crop))
    own, ours = np.stack(own), np.stack(ours)
    gaps, wanted_gaps = (1e3 * signed_lip_gap(points) for points in (ours, own))
    with torch.no_grad():
        rest = painter.head(torch.zeros(heard.universal.shape[1]))[5].numpy()
    rest_mm = 1e3 * float(signed_lip_gap(rest[None])[0])
    times_sec = np.array([frame.time_sec for frame in heard.frames])
    return MotionScores(
        round(float(np.mean(psnr_db)), 3) if psnr_db else float("nan"),
        round(float(np.mean(off_px)), 3),
        round(float(np.mean([_lips_off(a, b) for a, b in zip(own, ours, strict=True)])) * 1e3, 3),
        round(float(np.abs(gaps - wanted_gaps).mean()), 3),
        round(float(np.corrcoef(gaps, wanted_gaps)[0, 1]), 3),
        round(float(gaps.std() / max(wanted_gaps.std(), 1e-6)), 3),
        round(closure_j(times_sec, gaps - rest_mm, phones), 3),
    )


def closure_j(times_sec: np.ndarray, gaps_mm: np.ndarray, phones: Sequence[Phone]) -> float:
    """Share of p, b, m that close less that of open vowels that do; not a number without either."""
    hits = bilabials_closed(times_sec, gaps_mm, phones)
    closed_mm = _closed_mm(gaps_mm)
    false = [
        np.interp((start + end) / 2, times_sec, np.maximum(gaps_mm, 0.0)) <= closed_mm
        for name, start, end in phones
        if name in OPEN_VOWELS and LEAST_VOWEL_SEC < end - start and end <= times_sec[-1]
    ]
    return float(np.mean(hits) - np.mean(false)) if hits and false else float("nan")


def bilabials_closed(
    times_sec: np.ndarray, gaps_mm: np.ndarray, phones: Sequence[Phone]
) -> list[bool]:
    """Which p, b and m (long enough, and before the curve's end) the lips close at; gaps `[T]` in any one unit."""
    closed_mm = _closed_mm(gaps_mm)
    hits = []
    for name, start, end in phones:
        if name in BILABIALS and end - start >= LEAST_BILABIAL_SEC and end <= times_sec[-1]:
            moments = np.arange(start - BEFORE_SEC, end + AFTER_SEC, 0.01)
            gaps = np.interp(moments, times_sec, np.maximum(gaps_mm, 0.0))
            hits.append(bool(gaps.min() <= closed_mm))
    return hits


def _closed_mm(gaps_mm: np.ndarray) -> float:
    return CLOSED_SHARE * float(np.percentile(np.maximum(gaps_mm, 0.0), OPEN_PERCENTILE))


def pixels_of(points: np.ndarray, camera: object) -> np.ndarray:
    """Where a camera sees points `[M, 3]` (m), `[M, 2]` px."""
    seen = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    return seen[:, :2] / seen[:, 2:] * np.diag(camera.K)[:2] + camera.K[:2, 2]


def _lips_off(wanted: np.ndarray, ours: np.ndarray) -> float:
    """Mean distance of the lips' landmarks, each set about its own mean (LMD)."""
    a, b = (points[LIPS] - points[LIPS].mean(axis=0) for points in (wanted, ours))
    return float(np.linalg.norm(a - b, axis=1).mean())


@torch.no_grad()
def _psnr_db(
    painter: MouthPainter, decoded: tuple[torch.Tensor, ...], pose: torch.Tensor, crop: Crop
) -> float:
    count = len(painter.rows)
    still = [torch.zeros(count, width) for width in (3, 3, 1)]
    shown = painter.draw(decoded, pose, crop, still).numpy()
    alpha = crop.rgba[..., 3:].astype(np.float32) / 255
    wanted = crop.rgba[..., :3] / np.float32(255) * alpha
    wanted = wanted + painter.background.numpy() * (1 - alpha)
    weights = crop.weights.numpy()
    mask = weights >= MOUTH_SHARE * weights.max()
    error = float(np.mean((np.clip(shown, 0, 1)[mask] - wanted[mask]) ** 2))
    return -10 * float(np.log10(max(error, 1e-10)))


def compare(
    film: Path,
    prior_folder: Path,
    settings: MotionSettings,
    work: Path,
    *,
    kinds: Sequence[str] = GATES,
    codes: str = TRUE,
) -> Iterator[tuple[str, MotionScores]]:
    """Scores of a film's held-out sentences: the universal code, every kind of gate, and shuffled sound."""
    prior, controls = load_prior(prior_folder), load_controls(prior_folder)
    subject = load_truth(film, prior)
    head = bake_head(prior, subject.scan).eval().requires_grad_(False)
    sound, held_sound = (_mono(film / name) for name in ("video.mp4", "held_out.mp4"))
    heard = spoken(subject.held_out_frames, listen(*held_sound), controls)
    with np.load(film / "truth.npz") as truth:
        phones = [tuple(p) for p in json.loads(str(truth["phones"]))["held_out"]]
    if codes == READ:
        subject = with_read_codes(subject, film / "video.mp4", work)
    is_first = True
    for kind in kinds:
        chosen = replace(settings, shape=replace(settings.shape, gate=kind))
        motion = fit_motion(head, subject, sound, controls, chosen, work=work / codes / kind)
        painter = MouthPainter(head, subject.scan.neck_pivot, motion.mouth)

        def scores(
            which: FittedMotion | None, shift: int = 0, painter: MouthPainter = painter
        ) -> MotionScores:
            return score_motion(painter, heard, which, phones=phones, shift_frames=shift)

        if is_first:
            yield "universal", scores(None)
        yield f"personal, {kind}", scores(motion)
        if is_first:
            yield f"personal, {kind}, sound shuffled", scores(motion, round(25 * SHUFFLED_SEC))
        is_first = False


def _mono(path: Path) -> tuple[np.ndarray, int]:
    samples, rate = read_sound(path)
    return samples.mean(axis=1), rate


def table(rows: Sequence[tuple[str, MotionScores]]) -> str:
    """The scores as Markdown."""
    names = ["psnr_db", "lips_px", "lips_mm", "gap_error_mm", "gap_correlation", "liveliness"]
    names.append("closure_j")
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for label, scores in rows:
        values = asdict(scores)
        lines.append(f"| {label} | " + " | ".join(f"{values[n]:.3f}" for n in names) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None, write: Callable[[str], int] | None = None) -> int:
    """Command line; returns the exit code."""
    options = _parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    settings = MotionSettings(shape=MotionShape())
    if options.steps is not None:
        settings = replace(settings, steps=options.steps)
    if options.picture_steps is not None:
        settings = replace(settings, picture_steps=options.picture_steps)
    rows = []
    try:
        for row in compare(
            options.film,
            options.prior,
            settings,
            options.out,
            kinds=options.gates,
            codes=options.codes,
        ):
            rows.append(row)
            logger.info("%s: %s", *row)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    name = "scores.json" if options.codes == TRUE else f"scores_{options.codes}.json"
    with replace_on_success(options.out / name) as temporary:
        temporary.write_text(json.dumps({k: asdict(v) for k, v in rows}, indent=1) + "\n", "utf8")
    (write or sys.stdout.write)(table(rows))
    return 0


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--film", type=Path, required=True, help="folder of capture.video")
    parser.add_argument("--prior", type=Path, default=Path("assets/prior"))
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and scores")
    parser.add_argument("--gates", nargs="+", choices=GATES, default=list(GATES))
    parser.add_argument("--codes", choices=(TRUE, READ), default=TRUE, help="to learn from")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--picture-steps", type=int)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
