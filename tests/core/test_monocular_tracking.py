"""A face is found, followed, lost and found again; shots are told apart; the chosen one of two is followed."""

import numpy as np
import pytest
from gaussian_heads.core.errors import VideoError
from gaussian_heads.core.monocular.crops import FACE_MARGIN
from gaussian_heads.core.monocular.tracking import FaceTracker

from .tiny_monocular import GAP_MM, Squares, draw_face, open_encoder, video

pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return open_encoder(tmp_path_factory.mktemp("encoder"))


def follow(encoder, frames, **options):
    tracker = FaceTracker(encoder, Squares(), **options)
    return list(tracker.follow(video(frames))), tracker


def test_a_moving_face_is_followed_and_every_frame_is_read(encoder):
    centers = [(60.0 + 3 * i, 60.0 + 0.5 * i) for i in range(30)]
    gaps = np.random.default_rng(0).uniform(0.1, 0.9, 30)
    frames = [draw_face(c, 40.0, gap=g) for c, g in zip(centers, gaps, strict=True)]
    tracked, tracker = follow(encoder, frames)
    assert [t.time_sec for t in tracked] == [i / 25 for i in range(30)]
    windows = np.array([[*t.window.center_px, t.window.side_px] for t in tracked])
    assert np.abs(windows[3:-3, :2] - centers[3:-3]).max() < 0.5
    assert np.abs(windows[:, 2] - 40.0 * FACE_MARGIN).max() < 1.0
    read = np.array([t.reading.mouth_mm[0, 0] for t in tracked])
    assert np.abs(read - GAP_MM * gaps).max() < 0.05
    # Once to find it, and once after two seconds at most to look for others.
    assert tracker.finder.num_calls <= 2 and tracker.num_others == 0


def test_the_second_window_shakes_less_than_the_face_is_read(encoder):
    rng = np.random.default_rng(1)
    frames = [
        draw_face(tuple(100 + rng.normal(0, 1.0, 2)), 50.0, size=(200, 200)) for _ in range(40)
    ]
    tracked, _ = follow(encoder, frames)
    centers = np.array([t.window.center_px for t in tracked])
    assert centers.std(0).max() < 0.7
    assert centers.mean() == pytest.approx(100.0, abs=0.5)


def test_a_face_that_leaves_is_missed_and_found_again(encoder):
    empty = np.full((120, 200, 3), (0, 40, 40), np.uint8)
    face = draw_face((100.0, 60.0), 40.0, canvas=empty)
    tracked, _ = follow(encoder, [face] * 6 + [empty] * 10 + [face] * 12)
    seen = np.array([t.reading is not None for t in tracked])
    assert seen[:6].all() and not seen[6:16].any() and seen[-6:].all()
    assert {t.shot for t in tracked} == {0}


def test_a_cut_begins_another_shot_where_the_face_is_found_at_once(encoder):
    first = draw_face((50.0, 60.0), 40.0)
    second = draw_face((150.0, 70.0), 44.0, canvas=np.full((120, 200, 3), (0, 190, 230), np.uint8))
    tracked, _ = follow(encoder, [first] * 5 + [second] * 5)
    assert [t.shot for t in tracked] == [0] * 5 + [1] * 5
    centers = np.array([t.window.center_px[0] for t in tracked])
    # No window is averaged across the cut.
    assert np.abs(centers - np.repeat([50.0, 150.0], 5)).max() < 0.5


@pytest.mark.parametrize(("face", "at"), (("largest", 140.0), ("left", 50.0), ("right", 140.0)))
def test_one_of_two_faces_is_chosen_and_said_to_be(encoder, face, at):
    both = draw_face((140.0, 60.0), 48.0, canvas=draw_face((50.0, 60.0), 40.0))
    tracked, tracker = follow(encoder, [both] * 5, face=face)
    assert tracked[2].window.center_px[0] == pytest.approx(at, abs=1.0)
    assert tracker.num_others > 0


def test_two_faces_are_refused_where_only_one_may_be(encoder):
    both = draw_face((140.0, 60.0), 48.0, canvas=draw_face((50.0, 60.0), 40.0))
    with pytest.raises(VideoError, match="2 faces are in the picture"):
        follow(encoder, [both] * 5, face="only")


def test_somebody_far_behind_is_nobody_else(encoder):
    both = draw_face((140.0, 60.0), 60.0, canvas=draw_face((30.0, 60.0), 20.0))
    _, tracker = follow(encoder, [both] * 5, face="only")
    assert tracker.num_others == 0


def test_black_frames_are_seen_as_such(encoder):
    black = np.full((120, 200, 3), 4, np.uint8)
    tracked, tracker = follow(encoder, [black] * 4)
    assert all(t.is_black and t.reading is None for t in tracked)
    assert tracker.finder.num_calls == 0


@pytest.mark.parametrize("count", (1, 2, 3))
def test_the_shortest_clips_are_read(encoder, count):
    tracked, _ = follow(encoder, [draw_face((100.0, 60.0), 40.0)] * count)
    assert len(tracked) == count and all(t.reading is not None for t in tracked)


def test_no_more_pictures_are_kept_than_the_windows_need(encoder):
    """A long video does not stand in memory: frames are asked for one by one, few ahead of what comes out."""
    given = 0

    def frames():
        nonlocal given
        for frame in video([draw_face((100.0, 60.0), 40.0)] * 30):
            given += 1
            yield frame

    for done, _ in enumerate(FaceTracker(encoder, Squares()).follow(frames()), 1):
        assert given <= done + 2
