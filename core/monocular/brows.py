"""Brows and lids that the landmarks tell: a network that regresses codes hardly moves what it is hardly shown.

Brows are a few pixels of a face, and the codes say next to nothing of them; the landmarks, which the network reads beside
the code, follow them well. What they do is counted from the clip's usual face, so that nobody's own brows matter.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Float, Float64

from ..avatar.known_spaces import shipped_controls
from ..averaging import under_bell
from ..measure import LOWER_LIDS, UPPER_LIDS
from ..spaces import ARKIT_INDEX
from ..spaces.arkit import BROW_AND_LID_BLENDSHAPES
from .refinement import measured_avatar

# What the points of brows and lids are explained by; blinks are left to the lids' own measure (`lids`).
MOVED = BROW_AND_LID_BLENDSHAPES
EXPLAINED = (*MOVED, "eyeBlinkLeft", "eyeBlinkRight")
# What scale and place of the face are taken from: corners of the eyes and the bridge of the nose.
ANCHORS = (36, 39, 42, 45, 27, 28, 29, 30)
SEEN = (*range(17, 27), *UPPER_LIDS, *LOWER_LIDS)
# Noise of a point (m) that the fit does not follow, and weights that are no more than that.
NOISE_M, LEAST_WEIGHT = 1.2e-3, 0.06
SMOOTH_SEC = 0.05
ROUNDS, DEPTH_RIDGE = 8, 1e-3
# A head's turn as it is read is off by about so much (rad) from one frame to another.
TURN = 0.1
# Turned further than the first (rad) less is believed, from the second on nothing.
TRUSTED_TURN, BLIND_TURN = 0.5, 0.8
# The usual face of fewer frames is no one's.
FEWEST_FRAMES = 12


def followed_brows(
    codes: Float[np.ndarray, "T D"],
    landmarks_px: Float[np.ndarray, "T 68 2"],
    rotations: Float[np.ndarray, "T 3 3"],
    fps: float,
    code_space: str,
) -> Float64[np.ndarray, "T D"]:
    """Codes whose brows and lids move from the clip's usual face as far as the landmarks do.

    `rotations` turn the avatar's frame into the camera's (OpenCV axes). Codes of a space without a shipped head, and clips
    of a few frames, stay as they are.
    """
    codes = np.asarray(codes, np.float64)
    model = _model(code_space) if len(codes) >= FEWEST_FRAMES else None
    if model is None:
        return codes
    neutral, moves = model
    seen = _weights(np.asarray(landmarks_px, np.float64), rotations, neutral, moves)
    controls = shipped_controls(code_space)
    columns = [ARKIT_INDEX[name] for name in MOVED]
    read = codes @ controls.readout_weights[columns].T.astype(np.float64)
    moved = read - np.median(read, axis=0)
    missing = under_bell(seen - np.median(seen, axis=0) - moved, SMOOTH_SEC * fps)
    missing = np.sign(missing) * np.maximum(np.abs(missing) - LEAST_WEIGHT, 0.0)
    turned = np.arccos(np.clip(rotations[:, 2, 2] * -1.0, -1.0, 1.0))
    trust = np.clip((BLIND_TURN - turned) / (BLIND_TURN - TRUSTED_TURN), 0.0, 1.0)
    wanted = np.clip(read + trust[:, None] * missing, np.minimum(read, 0.0), np.maximum(read, 1.0))
    return codes + (wanted - read) @ controls.arkit52[columns].astype(np.float64)


def _weights(
    points_px: np.ndarray, rotations: np.ndarray, neutral: np.ndarray, moves: np.ndarray
) -> np.ndarray:
    """Weights `[T, 9]` of `MOVED` that explain where points lie, but for an offset of the person's own."""
    flat = np.einsum("tij,pj->tpi", rotations, neutral)[..., :2]
    scale, offset = _placed(flat[:, ANCHORS], points_px[:, ANCHORS])
    wrong = (points_px - offset[:, None]) / scale[:, None, None] - flat
    wrong = wrong[:, SEEN] - _own(wrong[:, SEEN], rotations[:, :2])
    shapes = np.einsum("tij,kpj->tkpi", rotations, moves[:, SEEN])[..., :2]
    shapes = np.concatenate([shapes, _turns(neutral, rotations)], axis=1)
    shapes = shapes.reshape(len(wrong), shapes.shape[1], -1)
    gram = shapes @ shapes.transpose(0, 2, 1) + NOISE_M**2 * np.eye(shapes.shape[1])
    towards = np.einsum("tkn,tn->tk", shapes, wrong.reshape(len(wrong), -1))
    return np.linalg.solve(gram, towards[..., None])[:, : len(MOVED), 0]


def _own(wrong: np.ndarray, views: np.ndarray) -> np.ndarray:
    """What of the points' errors `[T, P, 2]` is the person's own shape, seen by `views` `[T, 2, 3]`, in most frames.

    Each point is off by one place in the head's axes; least squares in rounds that look away from frames which act.
    """
    trust = np.ones(wrong.shape[:2])
    # Depth shows only where the head turns.
    ridge = DEPTH_RIDGE * len(wrong) * np.eye(3)
    for _ in range(ROUNDS):
        gram = np.einsum("tp,tai,taj->pij", trust, views, views) + ridge
        towards = np.einsum("tp,tai,tpa->pi", trust, views, wrong)
        own = np.einsum("tai,pi->tpa", views, np.linalg.solve(gram, towards[..., None])[..., 0])
        trust = NOISE_M / (NOISE_M + np.linalg.norm(wrong - own, axis=2))
    return own


def _turns(neutral: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """How points shift `[T, 2, P, 2]` over the anchors where a head is turned by `TURN` more than was read."""
    depth = np.einsum("tj,pj->tp", rotations[:, 2], neutral)
    nearer = TURN * (depth[:, SEEN] - depth[:, ANCHORS].mean(1, keepdims=True))
    none = np.zeros_like(nearer)
    return np.stack([np.stack([nearer, none], -1), np.stack([none, nearer], -1)], axis=1)


def _placed(model: np.ndarray, seen_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pixels per metre `[T]` and the origin's pixel `[T, 2]` by which model points come nearest to seen ones."""
    middle, middle_px = model.mean(1), seen_px.mean(1)
    around, around_px = model - middle[:, None], seen_px - middle_px[:, None]
    scale = (around * around_px).sum((1, 2)) / (around**2).sum((1, 2))
    scale = np.maximum(scale, 1e-6)
    return scale, middle_px - scale[:, None] * middle


@cache
def _model(code_space: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Landmarks at rest `[68, 3]` and what each of `EXPLAINED` moves them by `[11, 68, 3]`, of a shipped head (m)."""
    avatar = measured_avatar(code_space)
    if avatar is None:
        return None
    offsets = avatar.control_offsets("arkit52")
    neutral = avatar.landmarks(np.zeros(avatar.code_dim, np.float32)).astype(np.float64)
    rows = [offsets[ARKIT_INDEX[name]] for name in EXPLAINED]
    return neutral, np.stack([avatar.landmarks(row) - neutral for row in rows])
