"""Identity, camera and head poses found again from landmarks of a known head."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="personalization needs the training extra")
pytest.importorskip("scipy", reason="needs scipy")

from gaussian_heads.core.avatar.pose import pose_points  # noqa: E402
from gaussian_heads.core.monocular.pose import rotation_matrices, rotation_vectors  # noqa: E402
from gaussian_heads.training.personalization.alignment import (  # noqa: E402
    align,
    errors_mm,
    errors_px,
    project,
    start_alignment,
)
from gaussian_heads.training.personalization.first_guess import face_distance_mm  # noqa: E402
from gaussian_heads.training.personalization.landmark_model import LandmarkModel  # noqa: E402
from gaussian_heads.training.personalization.sightings import Sightings  # noqa: E402
from gaussian_heads.training.personalization.trajectory import (  # noqa: E402
    mean_rotation,
    smoothed,
    still_camera,
)

FACING = np.diag([1.0, -1.0, -1.0])
SIZE = (512, 512)
TRUE_FOCAL, GIVEN_FOCAL = 900.0, 700.0


def face_points():
    """68 points like a face's: a jaw below, features in front (m)."""
    rng = np.random.default_rng(3)
    points = np.zeros((68, 3))
    turn = np.linspace(-1.9, 1.9, 17)
    points[:17] = np.stack(
        [0.07 * np.sin(turn), -0.02 - 0.08 * np.cos(turn), 0.05 * np.cos(turn)], 1
    )
    points[17:] = rng.uniform((-0.045, -0.06, 0.02), (0.045, 0.04, 0.07), (51, 3))
    return points


def scene(num_frames=24, *, noise_px=0.0, num_modes=5, seed=0):
    """Sightings of a head that turns, the model it came from, and the truth."""
    rng = np.random.default_rng(seed)
    modes = rng.normal(0, 0.0025, (num_modes, 68, 3))
    model = LandmarkModel(face_points(), modes, rng.normal(0, 0.001, (num_frames, 68, 3)))
    shape = rng.normal(size=num_modes)
    turns = np.stack([rng.normal(0, s, num_frames) for s in (0.2, 0.35, 0.1)], axis=1)
    rotation = FACING @ rotation_matrices(turns)
    position = np.array([0.02, 0.01, 0.6]) + rng.normal(0, 0.02, (num_frames, 3))
    K = np.array([[GIVEN_FOCAL, 0, 256.0], [0, GIVEN_FOCAL, 256.0], [0, 0, 1.0]])
    points = np.einsum("tij,tpj->tpi", rotation, model.points(shape)) + position[:, None]
    pixels = TRUE_FOCAL * points[..., :2] / points[..., 2:] + 256.0
    seen = Sightings(
        names=tuple(f"f{i}" for i in range(num_frames)),
        times_sec=np.arange(num_frames) / 25,
        codes=np.zeros((num_frames, 4)),
        confidence=np.full(num_frames, 0.9),
        landmarks_px=pixels + noise_px * rng.normal(size=pixels.shape),
        rotation=rotation_matrices(rng.normal(0, 0.05, (num_frames, 3))) @ rotation,
        viewmats=np.tile(np.eye(4), (num_frames, 1, 1)),
        K=np.tile(K, (num_frames, 1, 1)),
        moment=np.arange(num_frames),
        focal_doubt=0.5,
    )
    return seen, model, (shape, rotation, position)


def found(seen, model, num_modes=5):
    start = start_alignment(seen, num_modes, model.mean)
    return align(seen, model, align(seen, model, start, fits_shape=False))


def test_a_clean_view_gives_the_person_back():
    seen, model, (shape, rotation, _) = scene()
    state = found(seen, model)
    assert np.median(errors_px(seen, model, state)) < 0.3
    truth, guess = (model.mean + np.tensordot(s, model.modes, axes=1) for s in (shape, state.shape))
    everything = np.arange(68)
    assert face_distance_mm(guess, truth, everything, has_scale=True) < 0.4
    before = face_distance_mm(model.mean, truth, everything, has_scale=True)
    assert face_distance_mm(guess, truth, everything, has_scale=True) < 0.2 * before
    turned = rotation_vectors(state.rotation @ rotation.transpose(0, 2, 1))
    assert np.degrees(np.linalg.norm(turned, axis=1)).max() < 1.5


def test_the_focal_length_comes_nearer_to_the_true_one():
    seen, model, _ = scene(noise_px=0.5)
    assert abs(found(seen, model).focal * GIVEN_FOCAL - TRUE_FOCAL) < 0.5 * (
        TRUE_FOCAL - GIVEN_FOCAL
    )
    known = replace(seen, focal_doubt=0.0)
    assert found(known, model).focal == pytest.approx(1.0, abs=1e-6)


def test_one_wild_frame_does_not_bend_the_face():
    seen, model, (shape, _, _) = scene(noise_px=0.5)
    landmarks = seen.landmarks_px.copy()
    landmarks[3, 36:48] += 60.0
    wild = replace(seen, landmarks_px=landmarks)
    truth, clean, bent = (
        model.mean + np.tensordot(s, model.modes, axes=1)
        for s in (shape, found(seen, model).shape, found(wild, model).shape)
    )
    everything = np.arange(68)
    clean_mm, bent_mm = (
        face_distance_mm(p, truth, everything, has_scale=True) for p in (clean, bent)
    )
    assert bent_mm < clean_mm + 0.35
    assert found(wild, model).trust[3, 36:48].max() < 0.2


def test_jaw_landmarks_may_slide_along_the_jaw_but_not_across():
    seen, model, _ = scene()
    state = found(seen, model)
    along = np.gradient(project(seen, model, state)[:, :17], axis=1)
    along /= np.linalg.norm(along, axis=2, keepdims=True)
    moves = []
    for direction in (along, along[..., ::-1] * (1, -1)):
        landmarks = seen.landmarks_px.copy()
        landmarks[:, 3:14] += 4.0 * direction[:, 3:14]
        other = found(replace(seen, landmarks_px=landmarks), model)
        moves.append(np.linalg.norm(other.shape - state.shape))
    assert moves[0] < 0.6 * moves[1]


def test_many_known_cameras_of_one_moment_share_a_pose():
    seen, model, (shape, _, _) = scene(num_frames=4)
    model = LandmarkModel(model.mean, model.modes, np.zeros((4, 68, 3)))
    head = model.points(shape)[0] + (0.1, 0.2, -0.05)
    viewmats, pixels = [], []
    for turn in (-0.6, -0.2, 0.2, 0.6):
        viewmat = np.eye(4)
        viewmat[:3, :3] = FACING @ rotation_matrices(np.array([[0, turn, 0]]))[0]
        viewmat[:3, 3] = (0, 0, 0.7)
        points = head @ viewmat[:3, :3].T + viewmat[:3, 3]
        viewmats.append(viewmat)
        pixels.append(GIVEN_FOCAL * points[:, :2] / points[:, 2:] + 256)
    seen = replace(
        seen,
        viewmats=np.stack(viewmats),
        landmarks_px=np.stack(pixels),
        rotation=np.stack([v[:3, :3] for v in viewmats]),
        moment=np.zeros(4, int),
        focal_doubt=0.0,
    )
    state = found(seen, model)
    assert state.rotation.shape == (1, 3, 3) and errors_mm(seen, model, state).max() < 0.5
    # Calibrated cameras tell the size too.
    truth, guess = (model.mean + np.tensordot(s, model.modes, axes=1) for s in (shape, state.shape))
    assert face_distance_mm(guess, truth, np.arange(68)) < 0.6


def test_smoothing_takes_the_tremble_and_leaves_the_nod():
    seen, model, (_, _, _) = scene(num_frames=75)
    time_sec = np.arange(75) / 25
    nod = 0.2 * np.exp(-(((time_sec - 1.5) / 0.15) ** 2))
    turns = np.stack([nod, 0 * nod, 0 * nod], axis=1)
    truth = FACING @ rotation_matrices(turns)
    shaken = FACING @ rotation_matrices(
        turns + np.random.default_rng(0).normal(0, 0.01, turns.shape)
    )
    state = replace(found(seen, model), rotation=shaken, position=np.zeros((75, 3)))
    smooth = smoothed(state, time_sec, np.full(75, 0.9)).rotation

    def error(rotation):
        return np.linalg.norm(rotation_vectors(truth.transpose(0, 2, 1) @ rotation), axis=1)

    assert np.sqrt((error(smooth) ** 2).mean()) < 0.75 * np.sqrt((error(shaken) ** 2).mean())
    top = rotation_vectors(FACING @ smooth)[:, 0].max()
    assert top > 0.9 * nod.max()


def test_a_still_camera_and_head_poses_say_the_same_as_poses_in_the_camera():
    seen, model, _ = scene()
    state = found(seen, model)
    pivot = np.array([0.0, -0.1, -0.09])
    still = still_camera(state, seen.confidence, pivot, seen.K[0], SIZE)
    poses = still.head_poses(state.rotation, state.position, pivot)
    camera = still.camera
    for t in (0, 7, 20):
        rest = model.points(state.shape)[t].astype(np.float32)
        points = pose_points(rest, poses[t], pivot.astype(np.float32))
        at = points @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
        pixels = np.diag(camera.K)[:2] * at[:, :2] / at[:, 2:] + camera.K[:2, 2]
        np.testing.assert_allclose(pixels, project(seen, model, state)[t], atol=0.02)
    assert np.linalg.norm(np.median(poses, axis=0)[:3]) < 0.1


def test_the_mean_rotation_ignores_a_few_far_ones():
    turns = np.zeros((20, 3))
    turns[:4] = (0, 1.2, 0)
    mean = mean_rotation(rotation_matrices(turns), np.ones(20))
    assert np.degrees(np.linalg.norm(rotation_vectors(mean[None])[0])) < 3
