"""The avatar beside the clip it was made from: a video, a sheet of moments, and how like they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...core.avatar import Avatar
from ...core.synthetic import synthetic_note
from ..evaluate_metrics import REGIONS, Score, jitter, score
from ..evaluate_sheet import as_bytes
from ..movie_file import movie
from ..personalization.motion_scores import pixels_of
from ..personalization.stages import Progress
from .clip import FITTED, HELD_OUT, UNUSED, KnownClip, Moment
from .lips import Seen, avatar_landmarks, gap_curve, lip_figures
from .panels import Sound, panel_height_px, panels
from .sheet import SHOWN, Shown, write_sheet

SIDE, SHEET = "side.mp4", "sheet.jpg"
EMPTY = 64


@dataclass
class Likeness:
    """Scores of the measured frames, by what they were used for."""

    scores: dict[str, list[Score]] = field(default_factory=lambda: defaultdict(list))

    def add(self, kind: str, found: Score) -> None:
        """One more frame."""
        self.scores[kind].append(found)

    def record(self) -> dict[str, Any]:
        """Means over fitted and over held-out frames: PSNR, SSIM, PSNR by region, and the lowest frame."""
        return {kind: _means(self.scores[kind]) for kind in (FITTED, HELD_OUT) if self.scores[kind]}


def _means(scores: Sequence[Score]) -> dict[str, Any]:
    found = {
        "frames": len(scores),
        "psnr_db": _mean([s.psnr_db for s in scores]),
        "lowest_psnr_db": round(min(s.psnr_db for s in scores), 2),
        "ssim": _mean([s.ssim for s in scores], 4),
    }
    for region in REGIONS:
        values = [s.region_psnr_db[region] for s in scores if region in s.region_psnr_db]
        if values:
            found[f"{region}_psnr_db"] = _mean(values)
    return found


def _mean(values: Sequence[float], digits: int = 2) -> float:
    return round(float(np.mean(values)), digits)


def compare(
    clip: KnownClip, avatar: Avatar, seen: Seen, out: Path, progress: Progress
) -> dict[str, Any]:
    """Write the video and the sheet into `out`; returns the figures."""
    landmarks = avatar_landmarks(avatar, [moment.code for moment in clip.moments])
    likeness, shown = _draw(clip, avatar, out, progress)
    write_sheet(out / SHEET, shown, synthetic_note([avatar.manifest.info]))
    times_sec = np.array([moment.time_sec for moment in clip.moments])
    counts = {
        kind: sum(moment.kind == kind for moment in clip.moments)
        for kind in (FITTED, HELD_OUT, UNUSED)
    }
    counts["without_face"] = clip.encoded.num_frames - len(clip.moments)
    return {
        "frames": counts,
        "likeness": likeness.record(),
        "lips": lip_figures(gap_curve(avatar, times_sec, landmarks), seen.read(clip.encoded)),
        "jitter_px": jitter_figures(clip, avatar, landmarks),
    }


def _draw(
    clip: KnownClip, avatar: Avatar, out: Path, progress: Progress
) -> tuple[Likeness, list[Shown]]:
    """One pass over the clip: its video, scores, and what the sheet shows."""
    by_row = {moment.row: moment for moment in clip.moments}
    wanted = {moment.row for moment in sheet_moments(clip.moments)}
    likeness, shown = Likeness(), []
    times_sec, fps = clip.encoded.times_sec, clip.encoded.fps
    samples = _samples(clip.path, float(times_sec[0]), float(times_sec[-1]) + 1 / float(fps))
    height_px = panel_height_px(clip.camera.height)
    blank = np.full((clip.camera.height, clip.camera.width, 3), EMPTY, np.uint8)
    note = synthetic_note([avatar.manifest.info])
    with movie(out / SIDE, fps, samples=samples, note=note) as write:
        for row, picture in enumerate(clip.pictures()):
            drawn, moment = blank, by_row.get(row)
            if moment is not None:
                found, drawn = _measured(clip, avatar, moment)
                if found is not None:
                    likeness.add(moment.kind, found)
                if row in wanted:
                    marks = avatar.landmarks(moment.code, moment.head_pose)
                    mouth = pixels_of(marks[48:68], clip.camera)
                    shown.append(Shown(_label(moment, found), picture, drawn, mouth))
            write(panels({"reference": picture, "avatar": drawn}, height_px))
            progress((row + 1) / clip.encoded.num_frames, None)
    return likeness, shown


def _measured(clip: KnownClip, avatar: Avatar, moment: Moment) -> tuple[Score | None, np.ndarray]:
    drawn = moment.draw(avatar, clip.camera)
    pixels = as_bytes(drawn.colors)
    if moment.rgba is None:
        return None, pixels
    return score(drawn.colors, moment.rgba, clip.regions(moment, drawn.gaussians)), pixels


def _samples(path: Path, begin_sec: float, end_sec: float) -> np.ndarray | None:
    from ...core.video import VideoFile

    if not VideoFile.open(path).info.has_sound:
        return None
    return Sound.read(path).span(begin_sec, end_sec)


def _label(moment: Moment, found: Score | None) -> str:
    label = f"{moment.time_sec:.2f} s {moment.kind.replace('_', ' ')}"
    return label if found is None else f"{label} {found.psnr_db:.1f} dB"


def sheet_moments(moments: Sequence[Moment]) -> list[Moment]:
    """Moments spread over the clip, half of them held out where there are so many."""
    held_out = [m for m in moments if m.kind == HELD_OUT]
    others = [m for m in moments if m.kind == FITTED] or list(moments)
    few = _spread(held_out, SHOWN // 2)
    chosen = few + _spread([m for m in others if m not in few], SHOWN - len(few))
    return sorted(chosen, key=lambda moment: moment.row)


def _spread(moments: list[Moment], count: int) -> list[Moment]:
    picks = np.unique(
        np.linspace(0, len(moments) - 1, min(count, len(moments))).round().astype(int)
    )
    return [moments[i] for i in picks]


def jitter_figures(clip: KnownClip, avatar: Avatar, landmarks: np.ndarray) -> dict[str, float]:
    """How far landmarks jump from frame to frame (RMS second difference, px): the avatar's, and as they were read."""
    from ...core.avatar.pose import pose_points

    poses = [moment.head_pose for moment in clip.moments]
    ours = np.stack(
        [
            pixels_of(pose_points(points, pose, avatar.neck_pivot), clip.camera)
            for points, pose in zip(landmarks, poses, strict=True)
        ]
    )
    rows = np.array([moment.row for moment in clip.moments])
    read = clip.window.points(clip.encoded.landmarks_px[rows].astype(np.float64))
    return {"avatar": round(jitter(ours, rows), 3), "as_read": round(jitter(read, rows), 3)}
