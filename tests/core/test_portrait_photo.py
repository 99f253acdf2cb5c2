"""One photo: what is read of its face, and the sentences for what cannot be used."""

import struct

import numpy as np
import pytest
from gaussian_heads.core.errors import VideoError
from gaussian_heads.core.png_files import write_png
from gaussian_heads.core.portrait.photo import photo_of, read_photo, turn_deg
from gaussian_heads.core.portrait.window import MARGIN

from .portrait_photos import SIDE_PX, Standpoint, photo, picture, readers, true_points

pytest.importorskip("av")


def test_a_face_is_measured_in_its_window():
    shown = photo("mei")
    assert shown.picture.shape == (256, 256, 3) and shown.picture.dtype == np.uint8
    true = shown.window.to_crop(true_points("mei", Standpoint(), {}))
    missed = 256 * np.linalg.norm(shown.landmarks - true, axis=1)
    assert missed[17:].mean() < 1.5 and missed.mean() < 2.0
    low, high = shown.landmarks.min(0), shown.landmarks.max(0)
    assert (high - low).max() == pytest.approx(1 / MARGIN, abs=1e-6)
    assert 0.2 < shown.metres < 0.6 and turn_deg(shown.rotation) < 10
    assert np.abs(shown.gaze_rad).max() < 0.25


def test_a_photo_on_disk_is_read_as_its_pixels(tmp_path):
    write_png(tmp_path / "mei.png", picture("mei"))
    found = read_photo(tmp_path / "mei.png")
    np.testing.assert_allclose(found.landmarks, photo("mei").landmarks, atol=2e-3)


def with_orientation(pixels, orientation):
    """A PNG that says with EXIF how its camera was held."""
    from gaussian_heads.core.png_files import _chunk, encode_png

    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    note = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    data = encode_png(pixels)
    return data[:33] + _chunk(b"eXIf", note) + data[33:]


def test_a_photo_that_was_taken_sideways_is_turned(tmp_path):
    lying = np.ascontiguousarray(np.rot90(picture("mei")))
    (tmp_path / "side.png").write_bytes(with_orientation(lying, 6))
    found = read_photo(tmp_path / "side.png")
    np.testing.assert_allclose(found.landmarks, photo("mei").landmarks, atol=2e-3)


def beside(left, right):
    return np.concatenate([left, right], axis=1)


def small(side_px):
    """The face on a picture of the same size, far away."""
    from gaussian_heads.core.portrait.frames import resized

    wall = np.full((SIDE_PX, SIDE_PX, 3), picture("mei")[0, 0], np.uint8)
    wall[:side_px, :side_px] = resized(picture("mei"), side_px)
    return wall


def refused(kind):
    return {
        "nobody": lambda: (np.full((300, 400, 3), 120, np.uint8), "No face was found in 'x'"),
        "noise": lambda: (
            np.random.default_rng(0).integers(0, 255, (300, 300, 3)).astype(np.uint8),
            "No face was found in 'x'",
        ),
        "two": lambda: (
            beside(picture("mei"), picture("otto")),
            "shows several faces of similar size: crop it to one person",
        ),
        "small": lambda: (small(100), "only [34][0-9] pixels large"),
        "aside": lambda: (
            picture("mei", "rest", Standpoint(yaw=0.95)),
            "is turned [456][0-9] degrees from the camera",
        ),
    }[kind]()


@pytest.mark.parametrize("kind", ["nobody", "noise", "two", "small", "aside"])
def test_what_cannot_be_used_ends_in_one_sentence(kind):
    pixels, sentence = refused(kind)
    with pytest.raises(VideoError, match=sentence) as error:
        photo_of(pixels, "x", *readers())
    assert str(error.value).count(". ") == 0


def test_a_photo_without_room_is_noted():
    assert photo("mei").notes == ()
    cropped = picture("mei")[:, 100:380]
    (note,) = photo_of(np.ascontiguousarray(cropped), "x", *readers()).notes
    assert "% of the portrait lie beyond the photo's border" in note and note.endswith(".")


def test_somebody_small_behind_does_not_matter():
    crowd = beside(picture("mei"), small(130))
    found = photo_of(crowd, "x", *readers())
    assert found.window.center_px[0] < SIDE_PX


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "There is no photo"),
        (b"", "is empty"),
        (b"name,audio\nsh010,talk.wav\n", "is a text file"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "HEIC or AVIF"),
        (b"\0\0\0\x18ftypisom" + bytes(50), "is no photo"),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "damaged|decoded|no frame|cannot be"),
    ],
)
def test_files_that_are_no_photo_are_refused(tmp_path, content, sentence):
    path = tmp_path / "photo.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=sentence):
        read_photo(path)
