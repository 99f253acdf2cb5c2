"""Frames chosen for coverage, inputs told apart, stages that resume."""

import io
import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="personalization needs the training extra")
pytest.importorskip("scipy", reason="needs scipy")
Image = pytest.importorskip("PIL.Image", reason="needs Pillow")

from gaussian_heads.core.errors import GaussianHeadsError, VideoError  # noqa: E402
from gaussian_heads.core.monocular.finder import FoundFace  # noqa: E402
from gaussian_heads.training.personalization.frames import (  # noqa: E402
    choose_frames,
    frame_quality,
    held_out_runs,
    sharpness_of,
    spread_out,
)
from gaussian_heads.training.personalization.inputs import classify  # noqa: E402
from gaussian_heads.training.personalization.matte_edges import (  # noqa: E402
    one_piece,
    without_background,
    without_shine,
)
from gaussian_heads.training.personalization.pictures import window_around  # noqa: E402
from gaussian_heads.training.personalization.reading import (  # noqa: E402
    find_faces,
    read_input,
    require_consent,
)
from gaussian_heads.training.personalization.stages import Reporter, Work, key_of  # noqa: E402

STAGES = ("read", "fit")


def silent(share, preview=None):
    pass


def test_held_out_frames_have_no_fitted_neighbours():
    rng = np.random.default_rng(0)
    choice = choose_frames(rng.normal(size=(400, 5)), np.ones(400), max_frames=120)
    assert len(choice.fitted) == 120 and 20 <= len(choice.held_out) <= 60
    gap = np.abs(choice.fitted[:, None] - choice.held_out).min(axis=1)
    assert gap.min() > 2
    held_out, blocked = held_out_runs(10)
    assert not held_out.any() and not blocked.any()


def test_rare_frames_are_chosen_and_blurred_ones_are_not():
    features = np.zeros((300, 3))
    features[:, 0] = 0.01 * np.random.default_rng(0).normal(size=300)
    features[100] = (5, 0, 0)
    features[200] = (0, 5, 0)
    quality = np.ones(300)
    quality[200] = 0.0
    chosen = spread_out(features, quality, 10)
    assert 100 in chosen and 200 not in chosen


def test_quality_falls_with_blur_and_doubt():
    rng = np.random.default_rng(0)
    sharp = rng.integers(0, 255, (40, 40, 3)).astype(np.uint8)
    flat = np.tile(np.arange(40, dtype=np.uint8)[:, None, None], (1, 40, 3))
    assert sharpness_of(sharp) > 5 * sharpness_of(flat)
    confidence = np.array([0.8, 0.8, 0.1, 0.8])
    quality = frame_quality(confidence, np.array([1.0, 1.0, 1.0, 0.1]))
    assert (quality[:2] > 0.9).all() and (quality[2:] == 0).all()


def test_the_window_holds_head_and_shoulders_and_keeps_the_camera():
    box = np.array([[0.0, 0.0], [100.0, 120.0]]) + (900, 400)
    landmarks = np.tile(np.repeat(box, 34, axis=0), (3, 1, 1))
    window = window_around(landmarks, (1920, 1080), most_px=256)
    assert max(window.out_width, window.out_height) == 256
    assert window.left < 800 and window.top < 300 and window.top + window.height > 650
    K = np.array([[1500.0, 0, 960], [0, 1500.0, 540], [0, 0, 1]])
    camera = window.camera(np.eye(4), K)
    point = np.array([0.03, -0.02, 0.7])
    full = 1500 * point[:2] / point[2] + (960, 540)
    small = np.diag(camera.K)[:2] * point[:2] / point[2] + camera.K[:2, 2]
    np.testing.assert_allclose(window.points(full), small, atol=1e-9)
    assert window.cut(np.zeros((1080, 1920, 3), np.uint8)).shape == (camera.height, camera.width, 3)


def test_a_matte_is_one_piece_without_small_holes():
    alpha = np.zeros((80, 80), np.float32)
    alpha[10:70, 10:60] = 1.0
    alpha[30:33, 30:33] = 0.0
    alpha[20:30, 66:76] = 0.9
    landmarks = np.full((68, 2), 40.0)
    clean = one_piece(alpha, landmarks)
    assert clean[31, 31] == 1.0 and clean[25, 70] == 0.0 and clean[40, 40] == 1.0
    # A window between hair and shoulder is no mistake.
    alpha[40:60, 20:40] = 0.0
    assert one_piece(alpha, landmarks * 0 + (50, 20))[50, 30] == 0.0


def test_edges_lose_the_colour_of_the_background():
    alpha = np.repeat(np.clip((np.arange(60) - 20) / 10.0, 0, 1)[None], 40, axis=0)
    person, behind = np.array([200.0, 150, 120]), np.array([0.0, 180, 255])
    mixed = alpha[..., None] * person + (1 - alpha[..., None]) * behind
    pixels = np.round(mixed).astype(np.uint8)
    clean = without_background(pixels, alpha.astype(np.float32))
    edge = (alpha > 0.05) & (alpha < 0.95)
    before, after = (np.abs(p[edge] - person).mean() for p in (pixels.astype(float), clean))
    assert after < 0.15 * before
    np.testing.assert_array_equal(clean[alpha == 1], pixels[alpha == 1])


def rimmed(person, behind, share=0.6, alpha=1.0):
    """A head left of column 60 whose last 6 columns let the background through, called solid by its matte."""
    solid = np.where(np.arange(100) < 60, alpha, 0.0).astype(np.float32)
    true = np.where(np.arange(100) < 54, 1.0, np.where(np.arange(100) < 60, share, 0.0))
    mixed = true[:, None] * np.array(person) + (1 - true[:, None]) * np.array(behind)
    pixels = np.repeat(np.round(mixed).astype(np.uint8)[None], 40, axis=0)
    return pixels, np.repeat(solid[None], 40, axis=0)


def test_a_colourful_wall_does_not_count_as_hair_where_it_shines_through():
    pixels, alpha = rimmed((150, 140, 110), (40, 170, 220))
    clean = without_shine(pixels, alpha)
    assert np.abs(clean[:, 55:59] - 0.6 / 0.9).max() < 0.05
    np.testing.assert_array_equal(clean[:, :52], alpha[:, :52])
    np.testing.assert_array_equal(clean[:, 60:], 0.0)


def test_a_gray_wall_and_a_dark_collar_leave_the_matte_alone():
    pixels, alpha = rimmed((150, 140, 110), (180, 180, 180))
    np.testing.assert_array_equal(without_shine(pixels, alpha), alpha)
    pixels, alpha = rimmed((200, 150, 120), (40, 170, 220), share=1.0)
    pixels[:, 54:60] = 40
    np.testing.assert_allclose(without_shine(pixels, alpha), alpha, atol=0.01)


def picture(path, value=90):
    Image.fromarray(np.full((32, 32, 3), value, np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], "Nothing"),
        (["gone.mp4"], "does not exist"),
        (["a.png", "b.mp4"], "cannot be mixed"),
        (["b.mp4", "c.mp4"], "Only one video"),
        (["empty"], "holds no photos"),
        (["empty", "a.png"], "one folder"),
    ],
)
def test_inputs_that_do_not_go_together_are_refused_in_a_sentence(tmp_path, names, words):
    picture(tmp_path / "a.png")
    for name in ("b.mp4", "c.mp4"):
        (tmp_path / name).write_bytes(b"\0" * 64)
    (tmp_path / "empty").mkdir()
    with pytest.raises(VideoError, match=words) as caught:
        classify([tmp_path / name for name in names])
    assert "\n" not in str(caught.value)


def test_inputs_are_told_apart(tmp_path):
    photos = [picture(tmp_path / f"{i}.png") for i in range(3)]
    assert classify(photos).kind == "photos"
    assert classify([tmp_path]).paths == tuple(photos)
    (tmp_path / "cameras.json").write_text("{}")
    assert classify([tmp_path]).kind == "calibrated"
    (tmp_path / "neutral").mkdir()
    (tmp_path / "neutral/vertices.npy").write_bytes(b"")
    assert classify([tmp_path]).kind == "scan"
    (tmp_path / "x.mp4").write_bytes(b"no picture")
    given = classify([tmp_path / "x.mp4"])
    assert given.kind == "video" and len(given.digest()) == 1


def movie(path, num_frames, value=20, rate=25):
    av = pytest.importorskip("av", reason="needs PyAV")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width = stream.height = 64
        for i in range(num_frames):
            pixels = np.full((64, 64, 3), value + i % 3, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


class Finder:
    """Finds what a test says."""

    def __init__(self, *faces):
        self.faces = list(faces)

    def find(self, pixels):
        return self.faces


def test_half_a_second_is_refused(tmp_path):
    with pytest.raises(VideoError, match="lasts only 0.5 seconds"):
        read_input(classify([movie(tmp_path / "short.mp4", 12)]))


def test_a_file_that_is_no_video_is_refused(tmp_path):
    pytest.importorskip("av", reason="needs PyAV")
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"this is no video at all " * 50)
    with pytest.raises(VideoError):
        read_input(classify([path]))
    whole = movie(tmp_path / "whole.mp4", 50).read_bytes()
    path.write_bytes(whole[: len(whole) // 3])
    with pytest.raises(VideoError):
        read_input(classify([path]))


def test_a_video_without_a_face_is_refused_before_it_is_encoded(tmp_path):
    given = classify([movie(tmp_path / "empty.mp4", 60)])
    assert read_input(given)["duration_sec"] == pytest.approx(2.4, abs=0.1)
    with pytest.raises(VideoError, match="No face was found"):
        find_faces(given, tmp_path, Finder(), silent)
    told = []
    result = find_faces(
        given,
        tmp_path,
        Finder(FoundFace((32.0, 32.0), 20.0, 0.9)),
        lambda share, preview: told.append((share, preview)),
    )
    assert result["looks_with_a_face"] >= 6 and told[-1][0] == 1.0 and told[-1][1].is_file()


def test_nobody_is_made_without_consent():
    with pytest.raises(GaussianHeadsError, match="--consent"):
        require_consent("  ", is_synthetic=False)
    require_consent("I am Ada and agree", is_synthetic=False)
    require_consent("", is_synthetic=True)


def make_one(folder, progress):
    (folder / "made.txt").write_text("whole")
    progress(0.5, None)
    return {"count": 1}


def test_a_finished_stage_is_not_made_again(tmp_path):
    work = Work(tmp_path, Reporter(STAGES))
    folder, result = work.stage("read", {"input": "a"}, make_one)
    assert result == {"count": 1} and (folder / "made.txt").is_file()

    def never(folder, progress):
        raise AssertionError("made again")

    assert work.stage("read", {"input": "a"}, never)[1] == {"count": 1}
    _, other = work.stage("read", {"input": "b"}, lambda folder, progress: {"count": 2})
    assert other == {"count": 2} and not (folder / "made.txt").exists()


def test_an_interrupted_stage_goes_on_with_what_it_wrote(tmp_path):
    work = Work(tmp_path, Reporter(STAGES))

    def stopped(folder, progress):
        (folder / "half.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.stage("fit", {"steps": 5}, stopped)
    assert not (tmp_path / "fit").exists()
    folder, result = work.stage(
        "fit", {"steps": 5}, lambda folder, progress: {"found": (folder / "half.txt").read_text()}
    )
    assert result == {"found": "half"}
    # Another order starts from nothing.
    with pytest.raises(KeyboardInterrupt):
        work.stage("fit", {"steps": 6}, stopped)
    _, fresh = work.stage(
        "fit", {"steps": 7}, lambda folder, progress: {"has": (folder / "half.txt").exists()}
    )
    assert fresh == {"has": False} and work.seconds("fit") >= 0


def test_progress_is_told_in_lines_of_json(tmp_path):
    stream = io.StringIO()
    work = Work(tmp_path, Reporter(STAGES, stream))
    work.stage("read", {}, make_one)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["share"] for line in lines] == [0.0, 0.5, 1.0]
    assert {line["stage"] for line in lines} == {"read"} and lines[0]["of"] == list(STAGES)


def test_keys_follow_what_a_stage_is_made_from():
    assert key_of({"a": 1, "b": 2}) == key_of({"b": 2, "a": 1}) != key_of({"a": 1, "b": 3})
