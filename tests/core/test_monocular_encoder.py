"""The encoder's file is compared with the contract, and what it reads arrives whole."""

import numpy as np
import pytest
from gaussian_heads.core.errors import ModelError
from gaussian_heads.core.monocular.encoder import FaceReadings, MonocularEncoder
from gaussian_heads.core.spaces import ARKIT_INDEX

from .tiny_monocular import (
    CODE_DIM,
    ENCODER_METADATA,
    GAP_MM,
    WIDTH_MM,
    base_landmarks,
    draw_face,
    open_encoder,
    write_encoder,
)

pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return open_encoder(tmp_path_factory.mktemp("encoder"))


def crops(count: int) -> np.ndarray:
    return np.stack(
        [draw_face((70.0 + i, 80.0), 60.0, gap=i / count, size=(160, 160)) for i in range(count)]
    )


def test_readings_are_those_of_the_network(encoder):
    readings = encoder.read(crops(11))
    assert encoder.code_space == "arkit52" and readings.code.shape == (11, CODE_DIM)
    gaps = np.rint(255 * np.arange(11) / 11) / 255
    assert np.allclose(readings.code[:, ARKIT_INDEX["jawOpen"]], gaps, atol=1e-3)
    assert np.allclose(readings.mouth_mm[:, 0], GAP_MM * gaps, atol=1e-2)
    assert np.allclose(readings.mouth_mm[:, 1], WIDTH_MM)
    middle = np.array([70.0 + 3, 80.0]) / 160
    expected = middle + (base_landmarks() - 0.5) * 60 / 160
    assert np.allclose(readings.landmarks[3], expected, atol=1e-3)
    assert np.allclose(readings.rotation, np.diag([1.0, -1.0, -1.0]), atol=1e-6)


def test_confidence_falls_with_the_error_and_without_a_face(encoder):
    seen, empty = encoder.read(
        np.stack([crops(1)[0], np.zeros((160, 160, 3), np.uint8)])
    ).confidence
    assert 0.9 < seen < 1.0 and empty < 0.01
    readings = encoder.read(crops(2))
    worse = FaceReadings(**(vars(readings) | {"log_error": np.array([0.0, 3.0], np.float32)}))
    assert worse.confidence[0] == pytest.approx(0.5, abs=0.01) and worse.confidence[1] < 0.01


def test_rotations_are_made_proper_and_codes_bounded(tmp_path):
    encoder = MonocularEncoder.open(write_encoder(tmp_path / "wild.onnx", gain=1e4), num_threads=1)
    readings = encoder.read(crops(2))
    assert np.abs(readings.code).max() <= 12.0
    assert np.allclose(np.linalg.det(readings.rotation.astype(float)), 1.0, atol=1e-5)


def test_rows_and_joined_readings_agree(encoder):
    readings = encoder.read(crops(4))
    again = FaceReadings.joined([readings.rows(slice(0, 1)), readings.rows(slice(1, 4))])
    assert all(np.array_equal(getattr(again, n), v) for n, v in vars(readings).items())


@pytest.mark.parametrize(
    ("options", "sentence"),
    (
        ({"metadata": {}}, "another kind"),
        ({"metadata": ENCODER_METADATA | {"version": "9"}}, "version 9"),
        ({"metadata": ENCODER_METADATA | {"code_space": ""}}, "does not say its code space"),
        ({"input_name": "pictures"}, "other inputs or outputs"),
        ({"without": "gaze"}, "other inputs or outputs"),
    ),
)
def test_other_networks_are_refused(tmp_path, options, sentence):
    with pytest.raises(ModelError, match=sentence):
        MonocularEncoder.open(write_encoder(tmp_path / "other.onnx", **options))


def test_a_missing_or_broken_file_is_refused(tmp_path):
    with pytest.raises(ModelError, match="no monocular encoder"):
        MonocularEncoder.open(tmp_path / "none.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network at all")
    with pytest.raises(ModelError, match="cannot|can be read"):
        MonocularEncoder.open(broken)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    path = write_encoder(tmp_path / "infinite.onnx", gain=float("inf"))
    with pytest.raises(ModelError, match="not finite"):
        MonocularEncoder.open(path)
