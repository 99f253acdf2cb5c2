"""Chunks, files and resumed work: a frame is the same to the bit however it came about."""

import numpy as np
import pytest
from gaussian_heads.core.errors import ModelError, RenderError
from gaussian_heads.core.portrait import order as order_module
from gaussian_heads.core.portrait.chunks import CHUNK, CONTEXT, PortraitFilm, chunk_with, chunks_of
from gaussian_heads.core.portrait.frames import FrameFiles, resized, write_frames
from gaussian_heads.core.portrait.model import PortraitStopped, network_files
from gaussian_heads.core.portrait.order import PortraitOrder
from gaussian_heads.core.synthetic import KIND, portrait_note
from PIL import Image

from .portrait_photos import PICTURE, POINTS, Painter, needs_networks, opened

FRAMES = range(5, 30)
STATEMENT = "I am Ada Smith and want this portrait of myself"


def film_of(model, frames=FRAMES):
    moves = 0.1 * np.random.default_rng(2).normal(size=(len(frames), 1, 2)).astype(np.float32)
    return PortraitFilm(model, model.reference(PICTURE, POINTS), frames, POINTS + moves, steps=1)


def test_chunks_lie_on_one_grid_wherever_a_film_begins():
    chunks = chunks_of(FRAMES)
    assert [frame for chunk in chunks for frame in chunk.kept] == list(FRAMES)
    assert all(frame % CHUNK == 0 for frame in (chunk.kept.start for chunk in chunks[1:]))
    assert chunks[0].kept == range(5, 8) and chunks[0].seen == range(5, 8 + CONTEXT)
    assert chunks[1].seen == range(8 - CONTEXT, 16 + CONTEXT)
    assert chunks[-1].seen.stop == FRAMES.stop
    assert chunk_with(-3, range(-10, 4)).kept == range(-8, 0)
    for frame in FRAMES:
        assert frame in chunk_with(frame, FRAMES).kept


def written(folder, frames=FRAMES):
    return [(frame, folder / f"{frame:04d}.png") for frame in frames]


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


@pytest.fixture
def whole(tmp_path):
    """All frames, drawn in one go."""
    files = FrameFiles(written(tmp_path / "whole"), 256, "note")
    assert write_frames(film_of(Painter()), files) == len(FRAMES)
    return bytes_of(tmp_path / "whole")


def test_a_frame_alone_is_the_frame_of_the_whole(tmp_path, whole):
    for frame in (5, 8, 17, 29):
        files = FrameFiles(written(tmp_path / "alone", [frame]), 256, "note")
        assert write_frames(film_of(Painter()), files) == 1
    assert {name: whole[name] for name in bytes_of(tmp_path / "alone")} == bytes_of(
        tmp_path / "alone"
    )
    assert len(bytes_of(tmp_path / "alone")) == 4


def test_any_order_gives_the_same(tmp_path, whole):
    files = FrameFiles(written(tmp_path / "back", reversed(FRAMES)), 256, "note")
    write_frames(film_of(Painter()), files)
    assert bytes_of(tmp_path / "back") == whole


def test_stopped_work_goes_on_and_ends_the_same(tmp_path, whole):
    painter, files = Painter(), FrameFiles(written(tmp_path / "part"), 256, "note")
    painter.stop_after = 2
    with pytest.raises(PortraitStopped):
        write_frames(film_of(painter), files)
    assert 0 < len(bytes_of(tmp_path / "part")) < len(FRAMES)
    (tmp_path / "part" / "0009.png").unlink()
    (tmp_path / "part" / "0010.png").write_bytes(whole["0010.png"][:100])
    again = Painter()
    write_frames(film_of(again), files)
    assert bytes_of(tmp_path / "part") == whole
    assert len(again.drawn) == 3
    last = Painter()
    assert write_frames(film_of(last), files) == 0 and not last.drawn


@pytest.mark.parametrize("kind", ["small", pytest.param("ships", marks=needs_networks)])
def test_networks_in_files_keep_to_it_too(kind, tmp_path):
    model = opened(kind, tmp_path)
    frames = range(6, 18)
    write_frames(film_of(model, frames), FrameFiles(written(tmp_path / "a", frames), 256, ""))
    write_frames(film_of(model, frames), FrameFiles(written(tmp_path / "b", [16, 9]), 256, ""))
    alone = bytes_of(tmp_path / "b")
    assert len(alone) == 2
    assert {name: bytes_of(tmp_path / "a")[name] for name in alone} == alone


def test_progress_grows_and_may_stop_it(tmp_path):
    told = []
    files = FrameFiles(written(tmp_path / "a"), 256, "note")
    write_frames(film_of(Painter()), files, told.append)
    assert told == sorted(told) and told[-1] == 1.0
    with pytest.raises(PortraitStopped):
        write_frames(
            film_of(Painter()), FrameFiles(written(tmp_path / "b"), 256, ""), lambda _: False
        )
    assert not (tmp_path / "b").exists()


def test_frames_say_what_they_are(tmp_path):
    note = portrait_note("Ada: “ja, gerne” – 日本", "0123", is_synthetic=False)
    write_frames(film_of(Painter(), range(2)), FrameFiles(written(tmp_path, range(2)), 64, note))
    image = Image.open(tmp_path / "0001.png")
    image.load()
    assert image.size == (64, 64)
    assert image.text == {"Synthetic": note, "comment": note, "DigitalSourceType": KIND}


def test_pictures_are_resampled_without_a_shift():
    y, x = np.mgrid[0:256, 0:256] / 256
    waves = 128 + 60 * np.sin(2 * np.pi * 3 * x) * np.cos(2 * np.pi * 2 * y)
    picture = np.repeat(waves[..., None], 3, axis=2).astype(np.uint8)
    large = resized(picture, 512)
    assert large.shape == (512, 512, 3)
    assert np.abs(large.reshape(256, 2, 256, 2, 3).mean((1, 3)) - picture).max() < 2.0
    assert np.abs(resized(large, 256).astype(int) - picture).max() <= 2
    np.testing.assert_array_equal(resized(np.full((256, 256, 3), 255, np.uint8), 96), 255)
    assert resized(picture, 256) is picture


@pytest.fixture
def complete_build(monkeypatch):
    monkeypatch.setattr(order_module, "require_networks", lambda: None)


@pytest.mark.parametrize("statement", ["", "  ", "no"])
def test_nothing_is_made_without_agreement(tmp_path, complete_build, statement):
    with pytest.raises(RenderError, match="without the agreement of the person shown no portrait"):
        PortraitOrder(tmp_path / "ada.jpg", statement).check()
    PortraitOrder(tmp_path / "ada.jpg", STATEMENT).check()
    PortraitOrder(tmp_path / "ada.jpg", statement, is_synthetic=True).check()


@pytest.mark.parametrize("side_px", [0, 15, 1025])
def test_sides_have_bounds(tmp_path, complete_build, side_px):
    with pytest.raises(RenderError, match="choose 16 to 1024, the network draws 256"):
        PortraitOrder(tmp_path / "ada.jpg", STATEMENT, side_px=side_px).check()


def test_an_order_in_a_build_without_the_network_is_refused(tmp_path, monkeypatch):
    def missing():
        raise ModelError("The portrait network is not part of this build.")

    monkeypatch.setattr(order_module, "require_networks", missing)
    with pytest.raises(ModelError, match="not part of this build"):
        PortraitOrder(tmp_path / "ada.jpg", STATEMENT).check()


def test_what_is_stated_goes_with_every_picture(tmp_path):
    photo = tmp_path / "ada.jpg"
    photo.write_bytes(b"pixels")
    note = PortraitOrder(photo, STATEMENT).note()
    assert note.startswith("Synthetic: drawn with Gaussian Heads from one photo (")
    assert f"the likeness of a real person, consent: {STATEMENT}." in note
    made_up = PortraitOrder(photo, is_synthetic=True).note()
    assert "a made-up person" in made_up and "consent" not in made_up


@needs_networks
def test_settings_tell_films_apart(tmp_path):
    photo, other = tmp_path / "ada.jpg", tmp_path / "bea.jpg"
    photo.write_bytes(b"pixels")
    other.write_bytes(b"others")
    orders = [
        PortraitOrder(photo, STATEMENT),
        PortraitOrder(other, STATEMENT),
        PortraitOrder(photo, f"{STATEMENT}, once"),
        PortraitOrder(photo, STATEMENT, side_px=512),
    ]
    settings = [order.settings() for order in orders]
    assert all(a != b for i, a in enumerate(settings) for b in settings[:i])
    assert set(settings[0]["networks"]) == set(network_files())
