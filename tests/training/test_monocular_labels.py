"""What the monocular encoder is told: labels, windows, light and what is drawn over crops."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch (the training environment)")
pytest.importorskip("PIL.Image", reason="needs pillow")

from gaussian_heads.core.measure import measure_landmarks  # noqa: E402
from gaussian_heads.core.monocular.crops import CropWindow, cut  # noqa: E402
from gaussian_heads.core.monocular.encoder import FaceReadings  # noqa: E402
from gaussian_heads.core.monocular.pose import VideoCamera, head_poses  # noqa: E402
from gaussian_heads.training.monocular_augment import (  # noqa: E402
    PLAIN,
    Augmenter,
    AugmentSettings,
    crop_truth,
)
from gaussian_heads.training.monocular_glasses import put_on  # noqa: E402
from gaussian_heads.training.monocular_labels import (  # noqa: E402
    gaze_angles,
    mouth_mm,
    seen_labels,
)
from gaussian_heads.training.monocular_light import Groups, draw_look, relit  # noqa: E402

from .monocular_fixtures import (  # noqa: E402
    PICTURE_PX,
    flat_face,
    front_labels,
    labels_before,
    turn,
)

FEW = dataclasses.replace(AugmentSettings(), backdrops=4)


@pytest.mark.parametrize("roll_rad", [0.0, 0.2])
def test_run_time_gets_the_pose_back_that_training_tells(roll_rad):
    camera = VideoCamera.of(640, 480, 700.0)
    rotation = np.diag([1.0, -1.0, -1.0]) @ turn(1, 0.4) @ turn(0, -0.2)
    origin_m = np.array([0.15, -0.08, 0.8])
    labels = labels_before(camera.camera().K, rotation, origin_m)
    window = CropWindow((470.0, 190.0), 210.0, roll_rad)
    truth = crop_truth(labels, window)
    readings = FaceReadings(
        code=np.zeros((1, 6), np.float32),
        log_error=np.zeros(1, np.float32),
        presence=np.zeros(1, np.float32),
        rotation=truth.rotation[None].astype(np.float32),
        origin=truth.origin[None].astype(np.float32),
        log_size=np.array([truth.log_size], np.float32),
        landmarks=truth.landmarks[None].astype(np.float32),
        gaze=np.zeros((1, 2, 2), np.float32),
        mouth_mm=np.zeros((1, 4), np.float32),
    )
    rotations, positions = head_poses(readings, [window], camera)
    np.testing.assert_allclose(rotations[0], rotation, atol=1e-5)
    np.testing.assert_allclose(positions[0], origin_m, atol=1e-5)
    np.testing.assert_allclose(window.to_image(truth.landmarks), labels.landmarks, atol=1e-6)


def test_labels_follow_the_turned_head():
    pose = np.array([0.1, 0.3, 0.0, 0.0, 0.0, 0.0])
    pivot = np.array([0.0, -0.1, -0.09])
    viewmat = np.eye(4)
    viewmat[:3, :3], viewmat[2, 3] = np.diag([1.0, -1.0, -1.0]), 1.0
    still = seen_labels(viewmat, np.zeros(6), pivot, flat_face())
    turned = seen_labels(viewmat, pose, pivot, flat_face())
    np.testing.assert_allclose(turned.rotation @ turned.rotation.T, np.eye(3), atol=1e-5)
    between = np.arccos((np.trace(still.rotation.T @ turned.rotation) - 1) / 2)
    assert between == pytest.approx(np.linalg.norm(pose[:3]), abs=1e-4)
    # The nose's tip goes to the person's left (the picture's right) and down, as yaw and pitch say.
    assert turned.landmarks[30, 0] > still.landmarks[30, 0] + 0.01
    assert turned.landmarks[30, 1] > still.landmarks[30, 1] + 0.005


def test_mouth_and_lids_are_those_of_core_measure():
    face = flat_face()
    face[43:45, 1] += 0.004  # the left eye opens wider
    points = face[None].astype(np.float32)
    columns = measure_landmarks(points, points[0], 1.0)
    gap, width, left, right = mouth_mm(face, 1.0)
    assert gap == pytest.approx(columns["lip_gap"][0], abs=1e-3)
    assert width == pytest.approx(columns["mouth_width"][0], abs=1e-3)
    assert (left + right) / 2 == pytest.approx(columns["eye_opening"][0], abs=1e-3)
    assert left - right == pytest.approx(4.0, abs=0.05)


def test_gaze_is_positive_to_the_left_and_down():
    centers = np.array([[0.03, 0.0, 0.0], [-0.03, 0.0, 0.0]])
    neutral = centers + [0.0, 0.0, 0.012]
    turned = centers + np.array([0.0, 0.0, 0.012]) @ (turn(1, 0.3) @ turn(0, 0.2)).T
    angles = gaze_angles(turned, neutral, [np.array([0]), np.array([1])], centers)
    moved = turned[0] - centers[0]
    assert moved[0] * angles[0, 0] > 0 and moved[1] * angles[0, 1] < 0
    assert np.linalg.norm(angles[0]) == pytest.approx(np.hypot(0.3, 0.2), abs=0.02)
    np.testing.assert_allclose(angles[0], angles[1], atol=1e-9)


def test_a_plain_crop_is_what_run_time_cuts():
    pixels = np.random.default_rng(0).integers(0, 256, (1, PICTURE_PX, PICTURE_PX, 4), np.uint8)
    pixels[..., 3] = 255
    labels = front_labels()
    augmenter = Augmenter(PLAIN, 0)
    crops, truths = augmenter.faces(pixels, [labels])
    window = augmenter.window(labels.landmarks)
    difference = crops[0].astype(int) - cut(pixels[0, ..., :3], window)
    assert np.abs(difference).max() <= 1
    assert (truths[0].landmarks > 0).all() and (truths[0].landmarks < 1).all()


def test_crops_differ_each_time_and_keep_their_truth():
    pixels = np.full((1, PICTURE_PX, PICTURE_PX, 4), 128, np.uint8)
    augmenter = Augmenter(FEW, 1)
    found = [augmenter.faces(pixels, [front_labels()]) for _ in range(24)]
    crops = np.stack([crops[0] for crops, _ in found])
    assert crops.shape == (24, 160, 160, 3) and crops.dtype == np.uint8
    assert len({crop.tobytes() for crop in crops}) == 24
    sizes = [truths[0].log_size for _, truths in found]
    assert 0.01 < np.std(sizes) < 0.2
    again = Augmenter(FEW, 1).faces(pixels, [front_labels()])[0]
    assert np.array_equal(again[0], crops[0])


def test_glasses_stand_before_the_eyes():
    truth = crop_truth(front_labels(), Augmenter(PLAIN, 0).window(front_labels().landmarks))
    crop = np.full((160, 160, 3), 150, np.uint8)
    rng = np.random.default_rng(2)
    changed = np.zeros((160, 160), bool)
    for _ in range(8):
        seen = put_on(crop, truth.landmarks, truth.rotation, np.exp(truth.log_size), rng)
        changed |= np.abs(seen.astype(int) - 150).max(2) > 20
    rows, columns = np.nonzero(changed)
    eyes = 160 * truth.landmarks[36:48]
    assert changed[int(eyes[:, 1].mean()) - 25 : int(eyes[:, 1].mean()) + 25].any()
    assert columns.min() < eyes[:, 0].min() and columns.max() > eyes[:, 0].max()
    # Nothing reaches the mouth.
    assert rows.max() < 160 * truth.landmarks[48:, 1].min()


def test_light_comes_from_its_lamp_and_hair_takes_its_colour():
    rng = np.random.default_rng(0)
    look = draw_look(rng)
    lamp = dataclasses.replace(
        look.lamps[0], direction=np.array([1.0, 0, 0], np.float32), color=np.ones(3, np.float32)
    )
    gains = {name: np.ones(3, np.float32) for name in look.gains}
    gains["hair"] = np.array([0.25, 1.0, 1.0], np.float32)
    look = dataclasses.replace(look, lamps=(lamp,), shades=(), sheen=0.0, gains=gains, exposure=0.5)
    on, off = np.array([True, True, False]), np.zeros(3, bool)
    groups = Groups(skin=on, lips=off, irises=off, garment=~on)
    normals = np.array([[1, 0, 0], [-1, 0, 0], [0, 0, 1], [0, 0, 1]], np.float32)
    colors = np.full((4, 3), 0.5, np.float32)
    lit = relit(
        colors, normals, np.zeros((4, 3), np.float32), np.array([0, 0, 1.0]),
        look=look, groups=groups, num_bound=0,
    )  # fmt: skip
    assert lit[0].min() > lit[1].max()
    assert lit[3, 0] == pytest.approx(0.5 * lit[2, 0], rel=1e-3)
    assert lit[3, 1] == pytest.approx(lit[2, 1], rel=1e-3)
