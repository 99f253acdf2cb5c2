"""What a personalization report says in numbers and sentences: likeness, coverage, and what the pictures lack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import binary_closing

from ...core.avatar import Controls
from ...core.camera import Camera
from ...core.measure import CHIN, measure_landmarks
from ...core.monocular.pose import rotation_matrices
from ...core.render.mesh import draw_mesh
from ...core.spaces import ARKIT_BLENDSHAPES
from ..dataset.layout import Topology
from ..evaluate_metrics import MIN_REGION_PX, STRAND_SLACK_M, Score, region_masks, score
from .fit_person import FittedPerson
from .gathering import posed_vertices
from .subject import SubjectFrame, VideoSubject

# What a good recording shows: degrees of the head to either side, millimetres of lips and lids, and so on.
TURN_DEG, NOD_DEG, SPREAD_LIPS_MM, OPEN_LIPS_MM, CLOSED_LIDS_MM = 20.0, 8.0, 3.0, 9.0, 2.0
FACE_PX, DARK, BRIGHT, BURNT_SHARE, MANY_CLOSED, FEW_FRAMES, UNSURE = (
    140,
    0.16,
    0.93,
    0.04,
    0.35,
    100,
    0.25,
)
SCORED_FRAMES = 24
# Free Gaussians at least as opaque as this are hair; gaps between them are closed this far.
SOLID, HAIR_CLOSING_PX = 0.3, 3
# Expressions that an avatar is asked for, the controls that tell of each, and how far they should go.
EXPRESSIONS: dict[str, tuple[tuple[str, ...], float]] = {
    "an open mouth": (("jawOpen",), 0.3),
    "a smile": (("mouthSmileLeft", "mouthSmileRight"), 0.3),
    "pursed lips": (("mouthPucker",), 0.3),
    "rounded lips": (("mouthFunnel",), 0.2),
    "pressed lips": (("mouthPressLeft", "mouthPressRight"), 0.15),
    "raised brows": (("browInnerUp",), 0.3),
    "lowered brows": (("browDownLeft", "browDownRight"), 0.25),
    "closed eyes": (("eyeBlinkLeft", "eyeBlinkRight"), 0.5),
}


@dataclass(frozen=True)
class Coverage:
    """What the frames show, one value per frame."""

    turn_deg: np.ndarray  # [T] to the person's left
    nod_deg: np.ndarray  # [T] downwards
    lip_gap_mm: np.ndarray  # [T]
    eye_opening_mm: np.ndarray  # [T]
    face_px: np.ndarray  # [T]
    brightness: np.ndarray  # [T] mean sRGB of the face, 0 to 1
    burnt: np.ndarray  # [T] share of the face that is white
    confidence: np.ndarray  # [T]
    # Strongest weight of each of `EXPRESSIONS`; empty where the prior's controls are not known.
    expressions: dict[str, float]


@torch.no_grad()
def coverage_of(
    person: FittedPerson, subject: VideoSubject, controls: Controls | None = None
) -> Coverage:
    """Measure the subject's frames through the fitted head's own landmarks."""
    frames = subject.frames
    codes = np.stack([person.codes.get(f.name, f.code) for f in frames]).astype(np.float32)
    marks = np.stack([person.head(torch.from_numpy(code))[5].numpy() for code in codes])
    neutral = person.head(torch.zeros(codes.shape[1]))[5].numpy()
    columns = measure_landmarks(marks, neutral)
    turns = np.array([facing_deg(f.camera, f.head_pose) for f in frames])
    faces = [
        _face(f, posed_vertices(m, f.head_pose, person.scan.neck_pivot, np.ones(len(m))))
        for f, m in zip(frames, marks, strict=True)
    ]
    size, brightness, burnt = np.array(faces).T
    shown: dict[str, float] = {}
    if controls is not None:
        weights = np.clip(codes @ controls.readout_weights.T + controls.readout_bias, 0.0, 1.0)
        for name, (members, _) in EXPRESSIONS.items():
            rows = [ARKIT_BLENDSHAPES.index(member) for member in members]
            shown[name] = float(weights[:, rows].mean(axis=1).max())
    return Coverage(
        turns[:, 0],
        turns[:, 1],
        columns["lip_gap"],
        columns["eye_opening"],
        size,
        brightness,
        burnt,
        np.array([f.confidence for f in frames]),
        shown,
    )


def facing_deg(camera: Camera, head_pose: np.ndarray) -> tuple[float, float]:
    """How far the face is turned to the person's left, and lowered, from looking into the camera."""
    rotation = rotation_matrices(np.asarray(head_pose[:3], np.float64)[None])[0]
    x, y, z = camera.viewmat[:3, :3] @ rotation @ np.array([0.0, 0.0, 1.0])
    return float(np.degrees(np.arctan2(x, -z))), float(np.degrees(np.arcsin(np.clip(y, -1, 1))))


def _face(frame: SubjectFrame, marks: np.ndarray) -> tuple[float, float, float]:
    """Size (px), mean brightness, and the share of white of the face in a frame; `marks` are posed."""
    camera = frame.camera
    pixels, _ = _pixels(marks, camera)
    low, high = pixels.min(0), pixels.max(0)
    size = float((high - low).max())
    left, top = np.clip(np.floor(low), 0, None).astype(int)
    right, bottom = np.ceil(high).astype(int)
    box = frame.rgba[top:bottom, left:right]
    inside = box[box[..., 3] > 128][:, :3] / 255.0
    if not len(inside):
        return size, 0.5, 0.0
    return size, float(inside.mean()), float((inside.min(axis=1) > BRIGHT).mean())


def hints_of(coverage: Coverage, num_fitted: int) -> list[str]:
    """What the pictures lack, as sentences; nothing where they lack nothing."""
    hints = [
        *_pose_hints(coverage),
        *_expression_hints(coverage),
        *_picture_hints(coverage),
    ]
    if num_fitted < FEW_FRAMES:
        hints.append(
            f"Only {num_fitted} frames could be used: 20 seconds of speech (500 frames) are better."
        )
    return hints


def _pose_hints(coverage: Coverage) -> list[str]:
    hints = []
    left, right = float(coverage.turn_deg.max()), -float(coverage.turn_deg.min())
    if max(left, right) < TURN_DEG:
        hints.append(
            f"The head never turns to either side by more than {max(left, right, 0.0):.0f} degrees: both "
            "sides of the avatar are the prior's guess."
        )
    for side, reached in (("left", left), ("right", right)):
        if reached < TURN_DEG <= max(left, right):
            hints.append(
                f"The head never turns to the {side} by more than {max(reached, 0.0):.0f} degrees: that side "
                "of the avatar is the prior's guess."
            )
    if np.ptp(coverage.nod_deg) < NOD_DEG:
        hints.append("The head never nods: below the chin and on top the avatar is a guess.")
    return hints


def _expression_hints(coverage: Coverage) -> list[str]:
    hints, widest = [], float(coverage.lip_gap_mm.max())
    if widest < SPREAD_LIPS_MM:
        hints.append("No frame shows the teeth: the inside of the mouth is the prior's guess.")
    elif widest < OPEN_LIPS_MM:
        hints.append(
            f"The lips never part by more than {widest:.0f} mm: a wide open mouth is the prior's guess."
        )
    closed = coverage.eye_opening_mm < CLOSED_LIDS_MM
    if not closed.any():
        hints.append("No frame shows closed eyes: lids that shut are the prior's guess.")
    elif closed.mean() > MANY_CLOSED:
        hints.append(
            f"The eyes are closed in {closed.sum()} of {len(closed)} frames: look into the camera."
        )
    # What lips and lids tell in millimetres needs no second word.
    measured = ("an open mouth", "closed eyes")
    missing = [
        name
        for name, strongest in coverage.expressions.items()
        if strongest < EXPRESSIONS[name][1] and name not in measured
    ]
    if missing:
        hints.append(f"No frame clearly shows {_listed(missing)}.")
    return hints


def _picture_hints(coverage: Coverage) -> list[str]:
    hints = []
    size, brightness = np.median(coverage.face_px), np.median(coverage.brightness)
    if size < FACE_PX:
        hints.append(
            f"The face is only {size:.0f} pixels large: come nearer or film with more pixels "
            f"({FACE_PX} or more)."
        )
    if brightness < DARK:
        hints.append("The face is too dark: film with more light from the front.")
    if np.median(coverage.burnt) > BURNT_SHARE:
        hints.append("Parts of the face are overexposed: film with less or softer light.")
    unsure = coverage.confidence < UNSURE
    if unsure.mean() > 0.2:
        hints.append(
            f"In {unsure.sum()} of {len(unsure)} frames the face was hard to read: blur, something before "
            "it, or a side view."
        )
    return hints


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]


@dataclass(frozen=True)
class Likeness:
    """Scores of frames, the fitted head's beside those of the first guess."""

    names: tuple[str, ...]
    fitted: tuple[Score, ...]
    first: tuple[Score, ...]
    is_held_out: bool  # else there were none, and these are frames that were fitted to

    def mean(self, which: str) -> dict[str, float]:
        """Means of "fitted" or "first": psnr_db, ssim, and PSNR by region."""
        scores: tuple[Score, ...] = getattr(self, which)
        means = {
            "psnr_db": float(np.mean([s.psnr_db for s in scores])),
            "ssim": float(np.mean([s.ssim for s in scores])),
        }
        for region in sorted({name for s in scores for name in s.region_psnr_db}):
            found = [s.region_psnr_db[region] for s in scores if region in s.region_psnr_db]
            means[region] = float(np.mean(found))
        return means


def likeness_of(person: FittedPerson, first: FittedPerson, subject: VideoSubject) -> Likeness:
    """Scores of held-out frames spread over the film, at the codes and poses that were read from them."""
    chosen = subject.held_out_frames or subject.fitted_frames
    picks = np.unique(np.linspace(0, len(chosen) - 1, min(SCORED_FRAMES, len(chosen))).astype(int))
    frames = [chosen[i] for i in picks]
    masks = [frame_regions(person, frame) for frame in frames]
    fitted, guessed = (
        tuple(
            score(head.picture(f.code, f.head_pose, f.camera), f.rgba, m)
            for f, m in zip(frames, masks, strict=True)
        )
        for head in (person, first)
    )
    names = tuple(frame.name for frame in frames)
    return Likeness(names, fitted, guessed, bool(subject.held_out_frames))


@torch.no_grad()
def frame_regions(person: FittedPerson, frame: SubjectFrame) -> dict[str, np.ndarray]:
    """Masks [H, W] of mouth, eyes, skin and hair of a frame, where the fitted mesh lies."""
    topology, prior = person.prior.parts.topology, person.prior
    shape = person.head.shape_map(torch.from_numpy(np.asarray(frame.code, np.float32)))
    vertices = person.vertices.copy()
    vertices[prior.parts.moving] += (shape @ prior.basis).reshape(-1, 3).numpy()
    pivot = person.scan.neck_pivot
    posed = posed_vertices(vertices, frame.head_pose, pivot, topology.neck_weights)
    means = person.head.head.still_means_m.numpy()
    seen = person.head.head.all_opacities.numpy()[len(person.head.neck_weights) - len(means) :]
    means = means[seen > SOLID]
    hair = posed_vertices(means, frame.head_pose, pivot, np.ones(len(means)))
    return shown_regions(posed, topology, frame.camera, frame.rgba, hair)


def shown_regions(
    vertices: np.ndarray,
    topology: Topology,
    camera: Camera,
    rgba: np.ndarray,
    hair_points: np.ndarray,
) -> dict[str, np.ndarray]:
    """Masks [H, W] of mouth, eyes, skin and hair of a picture [H, W, 4] with its mesh [V, 3] (m), posed.

    Hair is where free Gaussians [N, 3] (m) show, and what the matte covers outside the mesh, shoulders left out.
    """
    masks = region_masks(vertices, topology, {}, camera)
    picture = draw_mesh(vertices[topology.triangles].astype(np.float32), camera)
    hair = _hair_mask(hair_points, camera, picture.depths)
    chin_row = _pixels(vertices[topology.landmarks68[CHIN]][None], camera)[0][0, 1]
    above = np.arange(len(rgba))[:, None] < chin_row
    outside = (picture.indices < 0) & (rgba[..., 3] > 128)
    masks["hair"] = (hair | outside) & above & ~masks["mouth"] & ~masks["eyes"]
    masks["skin"] &= ~masks["hair"]
    return {name: mask for name, mask in masks.items() if mask.sum() >= MIN_REGION_PX}


def _hair_mask(points: np.ndarray, camera: Camera, depths: np.ndarray) -> np.ndarray:
    """Pixels [H, W] that show free Gaussians' centres, posed [N, 3], before the mesh at `depths` (m)."""
    mask = np.zeros(depths.shape, bool)
    if not len(points):
        return mask
    pixels, depth = _pixels(points, camera)
    column, row = np.floor(pixels).astype(int).T
    inside = (depth > 0.01) & (row >= 0) & (row < len(mask)) & (column >= 0)
    inside &= column < mask.shape[1]
    row, column, depth = row[inside], column[inside], depth[inside]
    in_front = depth < depths[row, column] + STRAND_SLACK_M
    mask[row[in_front], column[in_front]] = True
    return binary_closing(mask, iterations=HAIR_CLOSING_PX)


def _pixels(points: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Pixels [N, 2] and depths [N] (m) of points [N, 3]."""
    seen = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    pixels = seen @ camera.K.T
    return pixels[:, :2] / np.maximum(pixels[:, 2:], 1e-6), seen[:, 2]
