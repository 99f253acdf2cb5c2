"""Videos and pictures in: turned, on a grid, small while decoding, or refused in one sentence."""

import base64
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core import video_container
from gaussian_heads.core.errors import VideoError
from gaussian_heads.core.video import (
    VideoFile,
    VideoFrame,
    at_rate,
    is_image,
    read_image,
    read_sound,
)

from .moving_pictures import MARK_LEFT_TOP, counted_frames, still, write_video


def read_number(pixels):
    """The frame number that `counted_frames` paints as brightness of the middle."""
    height, width = pixels.shape[:2]
    middle = pixels[height // 3 : -height // 3, width // 3 : -width // 3]
    return round((float(middle.mean()) - 20) / 8)


def test_frames_come_in_order_with_their_times(tmp_path):
    path = write_video(tmp_path / "a.mp4", counted_frames(20))
    video = VideoFile.open(path)
    frames = list(video.frames())
    assert (video.info.width, video.info.height, video.info.num_frames) == (96, 64, 20)
    assert video.info.fps == 25 and not video.info.is_variable_rate and not video.info.has_sound
    assert video.info.duration_sec == pytest.approx(0.8)
    assert [read_number(f.pixels) for f in frames] == list(range(20))
    assert [f.time_sec for f in frames] == pytest.approx(np.arange(20) / 25)
    assert frames[0].pixels.dtype == np.uint8 and frames[0].pixels.shape == (64, 96, 3)


@pytest.mark.parametrize("name", ("a.mp4", "a.mkv", "a.mov", "a.avi"))
def test_containers_agree(tmp_path, name):
    video = VideoFile.open(write_video(tmp_path / name, counted_frames(12)))
    assert video.info.num_frames == 12 and video.info.fps == 25
    assert [read_number(f.pixels) for f in video.frames()] == list(range(12))


def test_a_part_of_a_video_is_what_all_of_it_has_there(tmp_path):
    video = VideoFile.open(write_video(tmp_path / "a.mp4", counted_frames(25)))
    part = list(video.frames(begin_sec=0.4, end_sec=0.6))
    assert [read_number(f.pixels) for f in part] == [10, 11, 12, 13, 14]
    assert part[0].time_sec == pytest.approx(0.4)
    assert list(video.frames(begin_sec=5.0)) == []


@pytest.mark.parametrize("name, codec", (("a.mpg", "mpeg2video"), ("a.h264", "libx264")))
def test_a_part_of_a_video_without_an_index(tmp_path, name, codec):
    """A seek lands behind the part in the one, and nowhere in the other."""
    path = write_video(tmp_path / name, counted_frames(81, seed=1), codec=codec)
    video = VideoFile.open(path)
    whole = [f.time_sec for f in video.frames()]
    assert len(whole) == 81
    begin_sec = whole[31] - 0.01
    part = list(video.frames(begin_sec=begin_sec, end_sec=begin_sec + 0.2))
    assert [read_number(f.pixels) for f in part] == [4, 5, 6, 7, 8]
    assert [f.time_sec for f in part] == whole[31:36]


@pytest.mark.parametrize(
    "degrees, mark",
    ((0, (0, 0)), (90, (-1, 0)), (-90, (0, -1)), (180, (-1, -1))),
)
def test_a_rotation_tag_is_honoured(tmp_path, degrees, mark):
    """The stored picture has a white left top corner; the shown one has it where the turn puts it."""
    path = write_video(tmp_path / "a.mp4", counted_frames(4), rotation_deg=degrees)
    video = VideoFile.open(path)
    pixels = next(video.frames()).pixels
    height, width = pixels.shape[:2]
    assert (video.info.width, video.info.height) == (width, height)
    assert (width < height) == (degrees in (90, -90))
    rows = slice(0, MARK_LEFT_TOP) if mark[0] == 0 else slice(-MARK_LEFT_TOP, None)
    columns = slice(0, MARK_LEFT_TOP) if mark[1] == 0 else slice(-MARK_LEFT_TOP, None)
    assert pixels[rows, columns].mean() > 220
    assert (pixels > 220).mean() < 0.1


def test_pixels_are_square(tmp_path):
    path = write_video(tmp_path / "a.mp4", counted_frames(4), pixel_aspect=Fraction(4, 3))
    video = VideoFile.open(path)
    assert (video.info.width, video.info.height) == (128, 64)
    assert next(video.frames()).pixels.shape == (64, 128, 3)


def test_colours_follow_the_matrix_that_the_file_names(tmp_path):
    colour = (200, 60, 40)
    frames = [np.full((64, 96, 3), colour, np.uint8)] * 3
    for matrix in ("ITU601", "ITU709"):
        path = write_video(tmp_path / f"{matrix}.mp4", frames, matrix=matrix)
        middle = next(VideoFile.open(path).frames()).pixels[20:40, 30:60].mean(axis=(0, 1))
        assert np.abs(middle - colour).max() < 4, matrix


def test_a_variable_rate_lands_on_a_constant_grid(tmp_path):
    # 30 fps with a pause of half a second after frame 9.
    ticks = [k * 1000 // 30 + (500 if k >= 10 else 0) for k in range(20)]
    path = write_video(tmp_path / "a.mkv", counted_frames(20), ticks_ms=ticks)
    video = VideoFile.open(path)
    assert video.info.is_variable_rate and video.info.fps == 30
    grid = list(at_rate(video.frames(), 30))
    assert [f.time_sec for f in grid] == pytest.approx(np.arange(len(grid)) / 30)
    numbers = [read_number(f.pixels) for f in grid]
    assert numbers == sorted(numbers) and set(numbers) == set(range(20))
    # The frames around the pause are held over its two halves.
    assert numbers.count(9) + numbers.count(10) == 2 + 15
    for frame, number in zip(grid, numbers, strict=True):
        nearest = min(range(20), key=lambda k: abs(ticks[k] / 1000 - frame.time_sec))
        assert abs(ticks[number] - ticks[nearest]) <= 34


def test_a_constant_rate_passes_its_own_grid_unchanged():
    frames = [VideoFrame(k / 25, np.full((2, 2, 3), k, np.uint8)) for k in range(50)]
    assert [int(f.pixels[0, 0, 0]) for f in at_rate(frames, 25)] == list(range(50))
    halved = [int(f.pixels[0, 0, 0]) for f in at_rate(frames, Fraction(25, 2))]
    assert len(halved) == 25 and np.abs(np.array(halved) - np.arange(0, 50, 2)).max() <= 1
    doubled = list(at_rate(frames, 50))
    assert len(doubled) == 99 and doubled[-1].time_sec == pytest.approx(49 / 25)


def test_broken_clocks_and_rates_are_refused():
    frames = [VideoFrame(0.0, np.zeros((2, 2, 3), np.uint8))]
    with pytest.raises(VideoError, match="frames a second"):
        list(at_rate(frames, 0))
    later = VideoFrame(4000.0, frames[0].pixels)
    with pytest.raises(VideoError, match="clock is broken"):
        list(at_rate([*frames, later], 25))


def test_4k_is_shrunk_while_it_is_decoded(tmp_path):
    frames = (still(3840, 2160, k) for k in range(12))
    path = write_video(tmp_path / "a.mp4", frames, size=(3840, 2160))
    video = VideoFile.open(path)
    tracemalloc.start()
    shapes = {f.pixels.shape for f in video.frames(max_side_px=640)}
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (video.info.width, video.info.height) == (3840, 2160)
    assert shapes == {(360, 640, 3)}
    # Twelve frames at their own size are 300 MB.
    assert peak_bytes < 20e6


def test_sound_lies_on_the_clock_of_the_pictures(tmp_path):
    path = write_video(tmp_path / "a.mkv", counted_frames(25), sound_from_sec=0.4)
    assert VideoFile.open(path).info.has_sound
    samples, rate = read_sound(path)
    loud = np.flatnonzero(np.abs(samples[:, 0]) > 0.1)
    assert rate == 48_000 and samples.dtype == np.float32
    assert loud[0] / rate == pytest.approx(0.4, abs=0.03)


def test_silent_videos_say_so(tmp_path):
    with pytest.raises(VideoError, match="has no sound"):
        read_sound(write_video(tmp_path / "a.mp4", counted_frames(3)))


def sentence_of(path):
    with pytest.raises(VideoError) as caught:
        list(VideoFile.open(path).frames())
    sentence = str(caught.value)
    assert "\n" not in sentence and sentence.endswith(".") and ": " in sentence
    return sentence


def test_files_that_are_no_videos_end_in_a_sentence(tmp_path):
    assert "no video" in sentence_of(tmp_path / "missing.mp4")
    assert "folder" in sentence_of(tmp_path)
    (tmp_path / "empty.mp4").touch()
    assert "empty" in sentence_of(tmp_path / "empty.mp4")
    (tmp_path / "text.mp4").write_text("this is not a video, it is words")
    assert "text file" in sentence_of(tmp_path / "text.mp4")
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(50_000))
    assert "no video that can be read" in sentence_of(tmp_path / "noise.mp4")
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n")
    assert "text file" in sentence_of(tmp_path / "list.m3u8")
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    assert "HEIC" in sentence_of(tmp_path / "photo.heic")


def test_sound_alone_is_no_video(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.zeros(8000, np.float32), 8000)
    assert "sound and no pictures" in sentence_of(tmp_path / "a.wav")


def test_a_video_without_frames_is_refused(tmp_path):
    sentence = sentence_of(write_video(tmp_path / "a.avi", []))
    assert "holds no" in sentence


@pytest.mark.parametrize("name", ("a.mp4", "a.mkv", "a.avi"))
@pytest.mark.parametrize("share", (0.03, 0.5, 0.7))
def test_a_truncated_video_is_refused(tmp_path, name, share):
    path = write_video(tmp_path / name, counted_frames(100, seed=1), is_fast_start=True)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    assert name in sentence_of(path)


def test_a_video_with_damage_all_over_is_refused(tmp_path):
    path = write_video(tmp_path / "a.mkv", counted_frames(60, seed=2), codec="mpeg4")
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(3)
    for at in rng.integers(2000, len(data) - 200, 1500):
        data[at] = rng.integers(256)
    path.write_bytes(bytes(data))
    try:
        frames = list(VideoFile.open(path).frames())
    except VideoError as error:
        assert "\n" not in str(error)
    else:
        # What the decoder let pass has at least the right shape and goes forward.
        assert all(f.pixels.shape == (64, 96, 3) for f in frames)
        assert all(a.time_sec < b.time_sec for a, b in zip(frames, frames[1:], strict=False))


@pytest.mark.parametrize("suffix", ("png", "jpg", "webp", "tiff"))
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_as_exif_says(tmp_path, suffix, orientation):
    from PIL import Image, ImageOps

    stored = still(96, 64, 3)
    picture = Image.fromarray(stored)
    exif = picture.getexif()
    exif[0x0112] = orientation
    path = tmp_path / f"a.{suffix}"
    picture.save(path, exif=exif, **({"quality": 95} if suffix in ("jpg", "webp") else {}))
    with Image.open(path) as again:
        expected = np.asarray(ImageOps.exif_transpose(again).convert("RGB"), float)
    pixels = read_image(path)
    info = VideoFile.open(path).info
    assert is_image(path) and pixels.shape == expected.shape
    assert (info.height, info.width) == pixels.shape[:2] and info.num_frames == 1
    assert np.abs(pixels - expected).mean() < 6


def test_greys_and_transparent_pictures_become_rgb(tmp_path):
    from PIL import Image

    for mode in ("L", "RGBA", "I;16", "P"):
        source = Image.fromarray(still(32, 24, 1))
        if mode == "I;16":
            source = Image.fromarray(still(32, 24, 1)[..., 0].astype(np.uint16) * 257)
        else:
            source = source.convert(mode)
        source.save(tmp_path / "a.png")
        assert read_image(tmp_path / "a.png").shape == (24, 32, 3)


def test_a_video_is_no_picture_and_a_huge_picture_is_refused(tmp_path):
    path = write_video(tmp_path / "a.mp4", counted_frames(3))
    assert not is_image(path) and not is_image(tmp_path / "missing.png")
    with pytest.raises(VideoError, match="is no picture"):
        read_image(path)
    from PIL import Image

    Image.new("1", (14_000, 12_000)).save(tmp_path / "huge.png")
    with pytest.raises(VideoError, match="megapixels"):
        read_image(tmp_path / "huge.png")


def test_a_cut_off_exif_note_is_passed_over(tmp_path):
    from PIL import Image

    picture = Image.fromarray(still(32, 24, 1))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=exif)
    data = (tmp_path / "a.jpg").read_bytes()
    at = data.index(b"Exif\0\0") + 6
    (tmp_path / "a.jpg").write_bytes(data[: at + 4] + b"\xff\xff\xff\x7f" + data[at + 8 :])
    assert read_image(tmp_path / "a.jpg").shape == (24, 32, 3)


SDP = (
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=\x01\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=video 5004 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
)
LISTS = {
    "sdp": SDP,
    "concat": b"ffconcat version 1.0\n#\x01\nfile whole.mp4\n",
    "hls": b"#EXTM3U\n#\x01\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nwhole.mp4\n#EXT-X-ENDLIST\n",
    "images": b"\x01%03d.png\n",
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("reader", (VideoFile.open, read_sound))
def test_lists_of_other_files_and_streams_are_refused(tmp_path, monkeypatch, kind, reader):
    """A control character makes them pass for no text; FFmpeg would open files and sockets by itself."""
    write_video(tmp_path / "whole.mp4", counted_frames(5), sound_from_sec=0.0)
    path = tmp_path / "list.mp4"
    path.write_bytes(LISTS[kind])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VideoError, match="list.mp4"):
        reader(path)


def test_frames_larger_than_the_container_says_are_not_made(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mp4", counted_frames(6))
    video = VideoFile.open(path)
    monkeypatch.setattr(video_container, "MAX_PIXELS", 1000)
    with pytest.raises(VideoError, match="is damaged"):
        list(video.frames())


def test_more_sound_than_memory_should_hold_is_refused(tmp_path, monkeypatch):
    path = write_video(tmp_path / "a.mkv", counted_frames(25), sound_from_sec=0.4)
    monkeypatch.setattr("gaussian_heads.core.video.MAX_SOUND_SAMPLES", 20_000)
    with pytest.raises(VideoError, match="cut it into parts"):
        read_sound(path)
    monkeypatch.setattr("gaussian_heads.core.video.MAX_SOUND_SAMPLES", 15_000)
    with pytest.raises(VideoError, match="clock of .* is broken"):
        read_sound(path)


@pytest.mark.parametrize("suffix", ("png", "jpg", "webp", "bmp"))
def test_a_picture_is_a_video_of_one_frame(tmp_path, suffix):
    path = tmp_path / f"face.{suffix}"
    pytest.importorskip("PIL.Image").new("RGB", (32, 24), (200, 40, 40)).save(path)
    (frame,) = VideoFile.open(path).frames()
    assert frame.pixels.shape == (24, 32, 3)
    np.testing.assert_allclose(frame.pixels[12, 16], (200, 40, 40), atol=6)


def test_colours_that_no_conversion_knows_end_in_a_sentence(tmp_path):
    """Found by fuzzing: an MPEG-2 sequence whose colour matrix is none."""
    path = tmp_path / "a.mpg"
    path.write_bytes(base64.b64decode(b"AAABswYAQBP//+AAAAABtQAAAQAAlwAAAQIAAAEgAAABIgAAAbUvZC96"))
    with pytest.raises(VideoError, match="colours of .* cannot be converted"):
        list(VideoFile.open(path).frames(64))


def test_sound_of_a_kind_that_nobody_decodes_ends_in_a_sentence(tmp_path):
    """Found by fuzzing: a stream without a decoder has neither rate nor layout."""
    path = write_video(tmp_path / "a.avi", counted_frames(5), sound_from_sec=0.0)
    data = path.read_bytes()
    at = data.rindex(b"strf") + 8
    path.write_bytes(data[:at] + b"\x77\x77" + data[at + 2 :])
    with pytest.raises(VideoError, match="sound of .* cannot be decoded"):
        read_sound(path)
