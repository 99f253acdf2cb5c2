"""MediaPipe's landmarker as an option: its measures refine what is read, and everything says what is missing."""

import sys

import numpy as np
import pytest
from gaussian_heads.core.assets import avatar_path
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.errors import ModelError
from gaussian_heads.core.measure import signed_lip_gap
from gaussian_heads.core.monocular.landmarker import TO_68, FaceLandmarker
from gaussian_heads.core.monocular.refinement import corrected_codes, refined_measures
from gaussian_heads.core.monocular.tracking import FaceTracker

from .tiny_monocular import GAP_MM, Squares, draw_face, open_encoder, video


def test_a_tracked_curve_is_brought_to_the_scale_that_was_read():
    rng = np.random.default_rng(0)
    true = 4.0 + 3.0 * np.sin(np.arange(80) / 5.0)
    read = np.stack([true + rng.normal(0, 0.8, 80), np.full(80, 50.0), true, true], 1)
    measured = np.stack([0.7 * true - 0.5, np.full(80, 44.0), rng.normal(5, 1, 80), true], 1)
    measured[10:20, 0] = np.nan
    found = refined_measures(read, measured)
    known = np.isfinite(measured[:, 0])
    assert np.corrcoef(found[known, 0], true[known])[0, 1] > 0.999
    assert found[known, 0].mean() == pytest.approx(read[known, 0].mean(), abs=0.1)
    assert np.array_equal(found[~known, 0], read[~known, 0])
    # What does not move, or does not agree, stays as it was read.
    assert np.array_equal(found[:, 1:3], read[:, 1:3])


def test_a_measuring_source_is_asked_for_every_frame(tmp_path):
    pytest.importorskip("onnx")

    class Measuring(Squares):
        def measure(self, pixels, face):
            return np.array([0.1, 0.2, 0.3, face.side_px], np.float32)

    tracker = FaceTracker(open_encoder(tmp_path), Measuring())
    tracked = list(tracker.follow(video([draw_face((90.0, 60.0), 40.0, gap=0.3)] * 5)))
    assert [t.measured[3] for t in tracked] == pytest.approx([60.0] * 5, abs=0.5)
    assert tracked[2].reading.mouth_mm[0, 0] == pytest.approx(GAP_MM * 0.3, abs=0.05)


def test_a_missing_model_or_package_is_named(tmp_path, monkeypatch):
    with pytest.raises(ModelError, match="no file .*face_landmarker.task"):
        FaceLandmarker.open(tmp_path / "none.task")
    model = tmp_path / "some.task"
    model.write_bytes(b"model")
    monkeypatch.setitem(sys.modules, "mediapipe", None)
    with pytest.raises(ModelError, match="pip install mediapipe"):
        FaceLandmarker.open(model)


def test_the_68_points_are_different_ones_of_478():
    assert len(TO_68) == len(set(TO_68)) == 68 and max(TO_68) < 468


def test_codes_are_moved_to_the_measures_they_missed():
    avatar = Avatar.open(avatar_path("builtin:maya"), threads=1)
    codes = np.zeros((3, avatar.code_dim))
    missed_mm = np.array([[4.0, 0.0, 0.0, 0.0], [0.0, 9.0, -3.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    found = corrected_codes(codes, missed_mm, avatar.code_space)
    still, opened, winking = (
        avatar.landmarks(code.astype(np.float32)) for code in (codes[0], found[0], found[1])
    )
    gaps = 1e3 * signed_lip_gap(np.stack([still, opened]))
    assert gaps[1] - gaps[0] == pytest.approx(4.0, abs=0.8)
    left, right = (
        1e3 * ((still - winking)[[u], 1] - (still - winking)[[d], 1]).mean()
        for u, d in ((43, 47), (38, 40))
    )
    assert left > 1.5 and abs(right) < 0.7
    assert np.array_equal(found[2], codes[2])
    # Nobody ships in this space: the codes stay as they are.
    assert np.array_equal(corrected_codes(codes, missed_mm, "elsewhere"), codes)
