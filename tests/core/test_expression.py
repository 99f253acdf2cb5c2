"""Expression tracks: layers, strengths, files."""

from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.errors import TrackError
from gaussian_heads.core.expression import ExpressionTrack


def make_track(frames=5, dim=4):
    speech = np.arange(frames * dim, dtype=np.float32).reshape(frames, dim)
    blink = np.ones((frames, dim), np.float32)
    head_pose = np.zeros((frames, 6), np.float32)
    return ExpressionTrack(
        {"speech": speech, "blink": blink}, head_pose, "arkit52", Fraction(30000, 1001), 0.25
    )


def test_codes_are_the_weighted_sum_of_layers():
    track = make_track()
    np.testing.assert_allclose(
        track.codes({"speech": 0.5, "blink": 2}), 0.5 * track.layers["speech"] + 2
    )
    np.testing.assert_allclose(track.codes(), track.layers["speech"] + 1)


def test_times_follow_the_exact_rate():
    assert make_track().times_sec()[4] == pytest.approx(0.25 + 4 * 1001 / 30000, abs=1e-15)


def test_save_and_load_give_the_same_track(tmp_path):
    track = make_track()
    track.save(tmp_path / "t.npz")
    again = ExpressionTrack.load(tmp_path / "t.npz")
    assert list(again.layers) == ["speech", "blink"]
    np.testing.assert_array_equal(again.layers["speech"], track.layers["speech"])
    assert (again.fps, again.start_sec, again.code_space) == (track.fps, 0.25, "arkit52")
    assert [p.name for p in tmp_path.iterdir()] == ["t.npz"]


@pytest.mark.parametrize(
    "break_it",
    [
        lambda p: p.write_text("not a track"),
        lambda p: p.write_bytes(p.read_bytes()[:100]),
        lambda p: p.write_bytes(b""),
        lambda p: np.savez(p, codes=np.zeros(3)),
        lambda p: p.unlink(),
    ],
    ids=["text", "truncated", "empty", "other-npz", "missing"],
)
def test_a_broken_file_is_refused_with_its_name(tmp_path, break_it):
    path = tmp_path / "t.npz"
    make_track().save(path)
    break_it(path)
    with pytest.raises(TrackError, match="t.npz"):
        ExpressionTrack.load(path)


def test_an_object_array_is_never_unpickled(tmp_path):
    path = tmp_path / "t.npz"
    np.savez(path, header=np.array([{"a": 1}], dtype=object), head_pose=np.zeros((1, 6)))
    with pytest.raises(TrackError):
        ExpressionTrack.load(path)


def test_numbers_that_are_not_finite_are_refused():
    codes = np.full((3, 4), np.nan, np.float32)
    with pytest.raises(TrackError, match="speech.*not finite"):
        ExpressionTrack({"speech": codes}, np.zeros((3, 6), np.float32), "arkit52", Fraction(25))


def test_layers_of_unequal_length_are_refused():
    layers = {"speech": np.zeros((3, 4), np.float32), "blink": np.zeros((2, 4), np.float32)}
    with pytest.raises((TrackError, TypeError)):
        ExpressionTrack(layers, np.zeros((3, 6), np.float32), "arkit52", Fraction(25))


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "t.npz"
    make_track().save(path)
    before = path.read_bytes()

    def fail(stream, **arrays):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        make_track(9).save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.npz"]
