"""A video becomes codes, pose and notes; what cannot be encoded ends in one sentence."""

from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.errors import TrackError, VideoError
from gaussian_heads.core.monocular import video as video_module
from gaussian_heads.core.monocular.encoded import EncodedVideo
from gaussian_heads.core.monocular.video import EncodingCancelled, EncodingChoices, encode_video
from gaussian_heads.core.spaces import ACTION_UNITS, ARKIT_INDEX

from .tiny_monocular import CODE_SPACE, GAP_MM, SIDE_M, Squares, draw_face, open_encoder

av = pytest.importorskip("av")
pytest.importorskip("onnx")
SIZE = (120, 200)
NUM_FRAMES, CLOSED = 40, 20


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return open_encoder(tmp_path_factory.mktemp("encoder"))


def write_video(path, frames, fps=25):
    """The frames without loss, so that colours say what was drawn."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=fps)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode())
    return path


def talking(num_frames=NUM_FRAMES):
    """A face that drifts, talks, and shuts its lips for one frame and its eyes for two."""
    gaps = 0.5 + 0.2 * np.sin(np.arange(num_frames) / 4.0)
    lids = np.full(num_frames, 0.8)
    if num_frames > CLOSED:
        gaps[CLOSED], lids[10:12] = 0.0, 0.1
    frames = [
        draw_face((80.0 + 0.5 * i, 60.0), 48.0, gap=g, lids=b, size=SIZE)
        for i, (g, b) in enumerate(zip(gaps, lids, strict=True))
    ]
    return frames, gaps, lids


@pytest.fixture(scope="module")
def encoded(encoder, tmp_path_factory):
    path = write_video(tmp_path_factory.mktemp("video") / "talking.mkv", talking()[0])
    return encode_video(path, encoder=encoder, tracker=Squares())


def test_codes_keep_a_closure_of_one_frame_and_a_blink_of_two(encoded):
    _, gaps, lids = talking()
    jaw = encoded.codes[:, ARKIT_INDEX["jawOpen"]]
    assert encoded.code_space == CODE_SPACE and encoded.fps == 25
    assert jaw[CLOSED] < 0.03 and np.abs(jaw - gaps).max() < 0.05
    assert np.abs(encoded.mouth_mm[:, 0] - GAP_MM * gaps).max() < 0.5
    blink = encoded.codes[:, ARKIT_INDEX["eyeBlinkLeft"]]
    assert np.abs(blink - (1.0 - lids)).max() < 0.15
    assert (encoded.confidence > 0.9).all() and encoded.is_present.all()
    assert len(encoded.notes) == 1 and "only 48 pixels" in encoded.notes[0]


def test_places_are_those_before_an_assumed_camera(encoded):
    assert encoded.camera.is_assumed and encoded.camera.focal_px == SIZE[1]
    depth = SIDE_M * SIZE[1] / (1.5 * 48.0)
    middle = NUM_FRAMES // 2
    x = (80.0 + 0.5 * middle - 100.0) / SIZE[1] * depth
    assert encoded.head_position_m[middle] == pytest.approx([x, 0.0, depth], abs=0.01)
    seen = encoded.head_matrices()[middle, :3, :3] @ [0.0, 0.0, 1.0]
    assert seen[2] < -0.99
    box = np.ptp(encoded.landmarks_px[middle], axis=0)
    assert box == pytest.approx([48.0, 48.0], abs=0.5)


def test_the_track_holds_codes_and_the_motion_of_the_head(encoded):
    track = encoded.track()
    assert list(track.layers) == ["speech"] and track.fps == 25 and not track.is_heard
    assert np.array_equal(track.codes(), encoded.codes)
    # The head drifts to the picture's right, the person's left being +X.
    assert track.head_pose[-1, 3] - track.head_pose[0, 3] > 0.05
    assert np.abs(track.head_pose.mean(0)).max() < 0.02
    rested = encoded.track(use_rest=True).codes()
    assert np.allclose(rested, encoded.codes - encoded.rest(), atol=1e-6)


def test_action_units_follow_the_weights(encoded):
    units = encoded.action_units()
    jaw, blink = (units[:, ACTION_UNITS.index(name)] for name in ("AU26", "AU45"))
    assert jaw[CLOSED] < 0.2 < jaw.max() and blink[10:12].min() > 4.0 and blink[5] < 1.5
    assert np.corrcoef(jaw, encoded.codes[:, ARKIT_INDEX["jawOpen"]])[0, 1] > 0.95


def test_an_encoded_video_is_kept_and_read_again(encoded, tmp_path):
    encoded.save(tmp_path / "kept.npz")
    again = EncodedVideo.load(tmp_path / "kept.npz")
    for name, value in vars(encoded).items():
        if isinstance(value, np.ndarray):
            assert np.array_equal(getattr(again, name), value), name
        else:
            assert getattr(again, name) == value, name
    (tmp_path / "none.npz").write_bytes(b"PK")
    with pytest.raises(TrackError, match="not an encoded video"):
        EncodedVideo.load(tmp_path / "none.npz")
    with pytest.raises(TrackError, match="no file"):
        EncodedVideo.load(tmp_path / "missing.npz")


def test_a_part_and_another_rate(encoder, tmp_path):
    path = write_video(tmp_path / "talking.mkv", talking()[0])
    choices = EncodingChoices(begin_sec=0.4, end_sec=1.2, focal_px=300.0)
    part = encode_video(path, encoder=encoder, tracker=Squares(), fps=Fraction(50), choices=choices)
    assert part.fps == 50 and part.times_sec[0] == pytest.approx(0.4)
    assert part.times_sec[-1] == pytest.approx(1.16, abs=0.03)
    assert np.allclose(np.diff(part.times_sec), 0.02)
    assert not part.camera.is_assumed and part.camera.focal_px == 300.0


def test_a_large_video_is_shrunk_and_answered_in_its_own_pixels(encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(video_module, "MAX_SIDE_PX", 100)
    path = write_video(tmp_path / "large.mkv", [draw_face((80.0, 60.0), 64.0, size=SIZE)] * 8)
    encoded = encode_video(path, encoder=encoder, tracker=Squares())
    assert (encoded.camera.width, encoded.camera.height) == (200, 120)
    middle = encoded.landmarks_px[4].min(0) + np.ptp(encoded.landmarks_px[4], axis=0) / 2
    assert middle == pytest.approx([80.0, 60.0], abs=1.0)
    assert np.ptp(encoded.landmarks_px[4], axis=0).max() == pytest.approx(64.0, abs=2.0)


def test_a_picture_is_a_video_of_one_frame(encoder, tmp_path):
    image = pytest.importorskip("PIL.Image")
    image.fromarray(draw_face((100.0, 60.0), 70.0, size=SIZE)).save(tmp_path / "face.png")
    encoded = encode_video(tmp_path / "face.png", encoder=encoder, tracker=Squares())
    assert encoded.num_frames == 1 and encoded.codes[0, ARKIT_INDEX["jawOpen"]] > 0.4
    assert np.abs(encoded.track().head_pose).max() < 1e-9


def test_frames_without_a_face_are_bridged_and_said(encoder, tmp_path):
    frames = talking()[0]
    empty = np.zeros_like(frames[0])
    empty[...] = (0, 60, 60)
    frames = [f if i < 12 or i >= 20 else empty for i, f in enumerate(frames)]
    encoded = encode_video(
        write_video(tmp_path / "gap.mkv", frames), encoder=encoder, tracker=Squares()
    )
    assert not encoded.is_present[13:19].any() and not encoded.confidence[13:19].any()
    assert np.isfinite(encoded.codes).all() and np.isfinite(encoded.landmarks_px).all()
    assert any("bridged" in note for note in encoded.notes)


def test_progress_is_told_and_stops_the_work(encoder, tmp_path):
    path = write_video(tmp_path / "talking.mkv", talking()[0])
    told = []
    encode_video(path, encoder=encoder, tracker=Squares(), progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0 and len(told) > 20
    with pytest.raises(EncodingCancelled, match="stopped"):
        encode_video(path, encoder=encoder, tracker=Squares(), progress=lambda done: done < 0.5)


@pytest.mark.parametrize(
    ("frames", "sentence"),
    (
        ([np.zeros((*SIZE, 3), np.uint8)] * 10, "is black"),
        ([np.full((*SIZE, 3), (0, 90, 90), np.uint8)] * 10, "No face was found"),
        ([draw_face((80.0, 60.0), 40.0, size=SIZE)] * 3, "only 3 frames"),
        ([draw_face((80.0, 60.0), 16.0, size=SIZE)] * 10, "too small"),
    ),
)
def test_what_cannot_be_encoded_ends_in_a_sentence(encoder, tmp_path, frames, sentence):
    path = write_video(tmp_path / "bad.mkv", frames)
    with pytest.raises(VideoError, match=sentence) as caught:
        encode_video(path, encoder=encoder, tracker=Squares())
    assert str(caught.value).count("\n") == 0 and str(caught.value).endswith(".")
