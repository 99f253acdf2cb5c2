"""Shoulders that the mattes show wider or higher than people are on average."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")

from gaussian_heads.core.camera import Camera, intrinsics, look_at  # noqa: E402
from gaussian_heads.training.personalization.shoulders import (  # noqa: E402
    Shoulder,
    with_shoulders,
)
from gaussian_heads.training.personalization.subject import SubjectFrame  # noqa: E402

SIDE, PIVOT = 160, np.array([0.0, -0.1, -0.08])
CHIN = np.array([0.0, -0.11, 0.02])


def torso():
    """A neck that follows the head above shoulders that do not: vertices and neck weights."""
    across, down = np.meshgrid(np.linspace(-0.2, 0.2, 81), np.linspace(-0.14, -0.36, 56))
    slope = -0.14 - 0.25 * np.maximum(np.abs(across) - 0.04, 0)
    body = np.stack([across, down, np.full_like(across, -0.05)], axis=-1)[down <= slope]
    neck = np.stack(np.meshgrid(np.linspace(-0.05, 0.05, 21), [-0.1, -0.12]), axis=-1).reshape(
        -1, 2
    )
    neck = np.concatenate([neck, np.full((len(neck), 1), -0.05)], axis=1)
    weights = np.r_[np.zeros(len(body)), np.ones(len(neck))]
    return np.concatenate([body, neck]), weights


def front(turn_deg=0.0):
    turn = np.radians(turn_deg)
    place = np.array([np.sin(turn), 0.0, np.cos(turn)]) + (0, -0.15, 0)
    viewmat = look_at(place, np.array([0.0, -0.15, 0.0]), np.array([0.0, 1.0, 0.0]))
    return Camera(viewmat, intrinsics(2.0 * SIDE, SIDE, SIDE), SIDE, SIDE)


def pictured(vertices, camera):
    """A frame whose matte covers all that lies between the outermost vertices of a row."""
    seen = vertices @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    column, row = (seen @ camera.K.T)[:, :2].T / seen[:, 2]
    rgba = np.zeros((SIDE, SIDE, 4), np.uint8)
    for y in range(SIDE):
        near = np.abs(row - y) < 3
        if near.any():
            low, high = (
                int(np.clip(v, 0, SIDE - 1)) for v in (column[near].min(), column[near].max())
            )
            rgba[y, low : high + 1, 3] = 255
    return SubjectFrame("f", 0.0, rgba, camera, np.zeros(2), np.zeros(6), 1.0)


def found(frames):
    vertices, weights = torso()
    return vertices, weights, with_shoulders(vertices, weights, PIVOT, CHIN, frames)


def test_one_wide_shoulder_is_found_and_the_other_stays():
    vertices, weights = torso()
    wide = vertices + 0.0
    wide[weights == 0] = PIVOT + Shoulder(1.4, 0.0).moved(vertices[weights == 0] - PIVOT, 1.0)
    _, _, moved = found([pictured(wide, front())] * 3)
    left = (weights == 0) & (vertices[:, 0] > 0.1)
    right = (weights == 0) & (vertices[:, 0] < -0.1)
    before, after = (np.abs(v[left, 0] - wide[left, 0]).mean() for v in (vertices, moved))
    assert after < 0.25 * before and before > 0.02
    assert np.abs(moved[right] - vertices[right]).max() < 0.016
    np.testing.assert_array_equal(moved[weights == 1], vertices[weights == 1])


def test_raised_shoulders_are_found():
    vertices, weights = torso()
    high = vertices + 0.0
    for side in (1.0, -1.0):
        high[weights == 0] = PIVOT + Shoulder(1.0, 0.03).moved(high[weights == 0] - PIVOT, side)
    _, _, moved = found([pictured(high, front())])
    outer = (weights == 0) & (np.abs(vertices[:, 0]) > 0.15)
    assert (
        np.abs(moved[outer] - high[outer]).mean()
        < 0.4 * np.abs(vertices[outer] - high[outer]).mean()
    )


def test_shoulders_that_fit_hardly_move():
    vertices, weights, moved = found([pictured(torso()[0], front())])
    assert np.abs(moved - vertices).max() < 0.016


@pytest.mark.parametrize("what", ["from the side", "cut at the chin", "empty"])
def test_without_shoulders_in_the_picture_nothing_moves(what):
    vertices, _ = torso()
    frame = pictured(vertices, front(60.0 if what == "from the side" else 0.0))
    if what == "cut at the chin":
        camera = frame.camera
        frame = SubjectFrame(
            "f", 0.0, frame.rgba[:70], Camera(camera.viewmat, camera.K, SIDE, 70), frame.code,
            frame.head_pose, 1.0,
        )  # fmt: skip
    if what == "empty":
        frame.rgba[:] = 0
    vertices, _, moved = found([frame])
    np.testing.assert_array_equal(moved, vertices)
    np.testing.assert_array_equal(found([])[2], vertices)
