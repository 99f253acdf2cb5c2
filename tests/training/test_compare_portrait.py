"""The portrait beside heads of Gaussians, on a film that a built-in head plays in."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip(
    "torch", reason="the comparison needs the training extra (PyTorch, scipy)"
)
pytest.importorskip("onnx", reason="makes the small networks")

from gaussian_heads.core.assets import SAMPLE_SENTENCE, builtin_avatars  # noqa: E402
from gaussian_heads.core.audio import SPEECH_RATE_HZ, load_audio  # noqa: E402
from gaussian_heads.core.avatar.pose import pose_points  # noqa: E402
from gaussian_heads.core.camera import Camera  # noqa: E402
from gaussian_heads.core.portrait.photo import photo_of  # noqa: E402
from gaussian_heads.core.render import render  # noqa: E402
from gaussian_heads.training import compare_portrait, speak_portrait  # noqa: E402
from gaussian_heads.training.evaluate_personal_film import TrueFrame  # noqa: E402
from gaussian_heads.training.networks.portrait import PortraitNetwork  # noqa: E402
from gaussian_heads.training.portrait.measures import likeness  # noqa: E402
from gaussian_heads.training.portrait.sounds import SOUND_DIM  # noqa: E402
from gaussian_heads.training.portrait.ways import Head, Heard, Scene, Warped, still  # noqa: E402
from gaussian_heads.training.prior_settings import TrainingError  # noqa: E402
from gaussian_heads.training.speech_recordings import HELD_OUT, Recording  # noqa: E402

from ..core.portrait_photos import WALL, Standpoint, code, head, readers  # noqa: E402
from ..core.tiny_portrait import write_portrait_networks  # noqa: E402
from .portrait_fixtures import SMALL, Watcher  # noqa: E402

PERSON = "kofi"
JAW = (0.0, 0.1, 0.3, 0.1, 0.2)
TURNS = (0.02, 0.05, 0.1, 0.15, 0.1)


@dataclass
class Played:
    """What `Film` and its truth say, of a film in which `PERSON` opens the mouth and turns."""

    frames: list[TrueFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.truth, self.avatar = self, head(PERSON)
        self.cameras: dict[str, Camera] = {"front": Standpoint().camera()}
        self.is_held_out = np.array([False, False, True, True, True])
        self.times_sec = np.arange(5) / 25
        self.neck_pivot = self.avatar.neck_pivot
        for number, (jaw, turn) in enumerate(zip(JAW, TURNS, strict=True)):
            pose = np.array([0.3 * turn, turn, 0.0, 0.002, 0.0, 0.001])
            acted = code(self.avatar, jawOpen=jaw)
            name = f"{'h' if self.is_held_out[number] else 'v'}{number:04d}"
            self.frames.append(TrueFrame(name, number / 25, np.full(52, jaw), pose, acted, {}))

    def picture(self, name: str) -> np.ndarray:
        """RGBA as the camera sees it."""
        frame = next(frame for frame in self.frames if frame.name == name)
        gaussians = self.avatar.decode(frame.code, frame.head_pose)
        drawn = render(gaussians, self.cameras["front"], backend="cpu")
        colors = drawn.colors / np.maximum(drawn.alphas, 1e-6)[..., None]
        rgba = np.concatenate([colors, drawn.alphas[..., None]], axis=2)
        return np.round(np.clip(rgba, 0, 1) * 255).astype(np.uint8)

    def true_landmarks(self, frame: TrueFrame) -> np.ndarray:
        """Posed (m)."""
        return self.avatar.landmarks(frame.code, frame.head_pose).astype(np.float64)

    def neutral_landmarks(self) -> np.ndarray:
        """Unposed (m)."""
        return self.avatar.landmarks(np.zeros(self.avatar.code_dim, np.float32))


@pytest.fixture(scope="module")
def scene():
    film = Played()
    camera = film.cameras["front"]
    room = np.broadcast_to(WALL, (camera.height, camera.width, 3))
    rgba = film.picture("v0000") / 255
    pixels = 255 * (rgba[..., :3] * rgba[..., 3:] + room * (1 - rgba[..., 3:]))
    photo = photo_of(np.round(pixels).astype(np.uint8), "photo", *readers())
    return Scene(film, photo, film.frames[0], room)


def test_a_pose_is_told_from_where_the_head_was_in_the_photo(scene):
    assert scene.pose(scene.photo_frame) == pytest.approx(np.zeros(6), abs=1e-9)
    points, pivot = scene.film.neutral_landmarks(), scene.film.neck_pivot
    frame = scene.film.frames[3]
    relative = pose_points(points, scene.pose(frame), pivot)
    # The photo's pose after it is the frame's.
    np.testing.assert_allclose(
        pose_points(relative, scene.photo_frame.head_pose, pivot),
        pose_points(points, frame.head_pose, pivot),
        atol=1e-6,
    )


def test_the_person_is_most_like_the_person_and_a_warped_photo_more_than_the_photo(scene):
    frames = scene.film.frames[2:]
    true = scene.truth(frames)
    ways = {"person": Head(head(PERSON)), "warped": Warped(head("maya")), "photo": still}
    found = {name: likeness([true], [draw(scene, frames)]) for name, draw in ways.items()}
    assert found["person"].psnr_db > 45
    assert found["photo"].psnr_db + 1 < found["warped"].psnr_db < 40
    assert found["person"].flicker < 0.5 < found["warped"].flicker


def test_the_command_writes_figures_and_a_sheet_of_every_way(scene, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(compare_portrait, "open_scene", lambda *_: scene)
    monkeypatch.setattr(compare_portrait, "one_speech", lambda *_: (np.arange(5) / 25, []))
    networks = write_portrait_networks(tmp_path / "networks")
    out = tmp_path / "out"
    words = ["--film", str(tmp_path), "--out", str(out), "--model", str(networks)]
    heads = [f"person={builtin_avatars()[PERSON]}"]
    assert compare_portrait.main([*words, "--steps", "2", "--heads", *heads]) == 0
    figures = json.loads((out / "figures.json").read_text("utf8"))
    assert list(figures) == ["photo", "warped", "portrait, 2 steps", "person"]
    assert all(one["seen"] is None for one in figures.values())
    assert "| portrait, 2 steps |" in capsys.readouterr().out
    with Image.open(out / "sheet.jpg") as sheet:
        assert sheet.size == (6 * 192, 5 * 206)


def test_a_network_that_hears_hears_what_is_said_about_its_frame(scene):
    torch.manual_seed(5)
    network = PortraitNetwork(replace(SMALL, sound_dim=SOUND_DIM)).eval()
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.3)
    speech, _ = load_audio(SAMPLE_SENTENCE, target_rate=SPEECH_RATE_HZ)
    silence = np.zeros_like(speech)
    frame = replace(scene.film.frames[3], time_sec=1.0)
    named = [replace(frame, name=name) for name in ("h0001", "head-7")]

    def drawn(waveforms):
        way = Heard(head("maya"), network, waveforms, 1)
        return [way(scene, [one])[0] for one in named]

    calm, spoken = drawn({"h": silence, "head-7": speech})
    assert np.abs(calm.astype(int) - spoken).max() > 3
    np.testing.assert_array_equal(drawn({"h": speech, "head-7": silence}), [spoken, calm])
    later = Heard(head("maya"), network, {"h": speech}, 1)
    assert np.abs(later(scene, [replace(frame, time_sec=1.5)])[0].astype(int) - spoken).max() > 3


def ways_with(sound_dim, place, monkeypatch):
    """All ways where a network is said to hear that was made with `sound_dim`."""
    network = PortraitNetwork(replace(SMALL, sound_dim=sound_dim))
    monkeypatch.setattr(compare_portrait, "load_portrait", lambda _: (network, {}))
    words = ["--film", "f", "--out", "o", "--model", str(write_portrait_networks(place))]
    words += ["--heard", "h.pt", "--steps", "1", "3"]
    return compare_portrait.ways_of(compare_portrait.options_parser("").parse_args(words), {})


def test_a_network_that_hears_takes_as_many_steps_as_the_portrait(tmp_path, monkeypatch):
    names = ["photo", "warped", "portrait, 1 step", "heard, 1 step"]
    names += ["portrait, 3 steps", "heard, 3 steps"]
    assert list(ways_with(SOUND_DIM, tmp_path, monkeypatch)) == names


def test_a_network_that_does_not_hear_is_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(TrainingError, match="'h.pt' does not hear: give --heard"):
        ways_with(0, tmp_path, monkeypatch)


def test_phones_beyond_the_frames_do_not_count(scene, tmp_path):
    spoken = {
        "train": [["P", 0.0, 0.02], ["AA", 0.02, 0.5]],
        "held_out": [["M", 0.08, 0.12], ["AA", 0.12, 0.3]],
    }
    np.savez(tmp_path / "truth.npz", phones=np.array(json.dumps(spoken)))
    film = SimpleNamespace(truth=scene.film)
    times_sec, phones = compare_portrait.one_speech(tmp_path, film, np.array([0, 1, 2, 3]))
    apart = compare_portrait.APART_SEC
    np.testing.assert_allclose(times_sec, [0.0, 0.04, 0.08 + apart, 0.12 + apart])
    assert phones == [("P", 0.0, 0.02), ("M", 0.08 + apart, 0.12 + apart)]


def test_recordings_speak_through_every_way(scene, tmp_path, monkeypatch, capsys):
    phones = [("P", 0.2, 0.3), ("AA", 0.4, 0.6), ("M", 0.7, 0.8), ("AA", 0.9, 1.1), ("P", 90, 91)]
    clips = [
        Recording(name, "multi_en", "me", "", SAMPLE_SENTENCE, phones)
        for name in (HELD_OUT[1], "trained_on", HELD_OUT[0])
    ]
    asked = []

    def draw(scene, frames):
        """Lips that are shut at p and m alone."""
        asked.extend(frames)
        shut = [0.15 < f.time_sec < 0.35 or 0.65 < f.time_sec < 0.85 for f in frames]
        return np.where(shut, 1, 200)[:, None, None, None] * np.ones((1, 2, 2, 3), int)

    def stay(scene, frames):
        return np.full((len(frames), 2, 2, 3), 200)

    monkeypatch.setattr(speak_portrait, "open_scene", lambda *_: scene)
    monkeypatch.setattr(speak_portrait, "recordings", lambda _: clips)

    def ways_of(_, waveforms):
        assert set(waveforms) == {HELD_OUT[0], HELD_OUT[1]}
        return {"good": draw, "stiff": stay}

    monkeypatch.setattr(speak_portrait, "ways_of", ways_of)
    monkeypatch.setattr(speak_portrait.FaceLandmarker, "open", lambda _: Watcher())
    (tmp_path / "speech").mkdir()
    words = ["--film", str(tmp_path), "--out", str(tmp_path / "out"), "--data", str(tmp_path)]
    assert speak_portrait.main([*words, "--tracker", "any.task"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["p_b_m"] == 4 and record["closure_j"] == {"good": 1.0, "stiff": 0.0}
    assert {frame.name for frame in asked} == {HELD_OUT[0], HELD_OUT[1]}
    assert np.ptp([frame.code for frame in asked], axis=0).max() > 0.05
    with pytest.raises(SystemExit):
        speak_portrait.main(words)
    assert "--tracker" in capsys.readouterr().err


def test_a_head_without_a_name_and_a_film_that_is_none_are_a_sentence(tmp_path, capsys):
    words = ["--film", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit):
        compare_portrait.main([*words, "--heads", "me.uhap"])
    assert "NAME=FILE" in capsys.readouterr().err
    assert compare_portrait.main(words) == 1
    assert "Traceback" not in capsys.readouterr().err
