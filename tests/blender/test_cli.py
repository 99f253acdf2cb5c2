"""The commands that need no Blender: values out, one sentence and a non-zero code for bad input."""

import csv
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import soundfile
from gaussian_heads.blender.cli import main
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.direction import MotionGenerator
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.spaces import ACTION_UNITS
from gaussian_heads.core.speech.heard import ActedSpeech

from ..core.small_heads import LATENT_SPACE, small_latent_avatar
from ..core.small_lam import small_lam_zip


@pytest.fixture
def tone(tmp_path):
    path = tmp_path / "tone.wav"
    times = np.arange(16_000) / 16_000
    soundfile.write(path, 0.1 * np.sin(2 * np.pi * 220 * times), 16_000)
    return path


def fails(capsys, *words):
    """Run a command that must fail; returns what it says."""
    assert main([str(word) for word in words]) == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("gaussian-heads: ") and "\n" not in said and "Traceback" not in said
    return said


def test_speech_writes_a_track_at_the_rate_asked_for(tmp_path, tone):
    assert main(["speech", str(tone), "--out", str(tmp_path / "t.npz"), "--fps", "29.97"]) == 0
    track = ExpressionTrack.load(tmp_path / "t.npz")
    assert (track.fps, track.num_frames) == (Fraction(30000, 1001), 30)


def test_manner_of_speaking_is_an_option(tmp_path, capsys):
    said = ["speech", str(SAMPLE_SENTENCE), "--out", str(tmp_path / "t.npz")]
    still = ["--head", "0", "--brows", "0", "--gaze", "0", "--blinks-per-min", "0"]
    for words, moves in ((said, True), (said + still, False)):
        assert main(words) == 0
        track = ExpressionTrack.load(tmp_path / "t.npz")
        assert bool(track.head_pose.any()) == moves
        for layer in ("upper_face", "blink", "gaze"):
            assert bool(track.layers[layer].any()) == moves
        assert track.layers["speech"].any()
    capsys.readouterr()
    assert "liveliness is 3.0: give 0 to 2" in fails(capsys, *said, "--liveliness", "3")
    assert "sync_ms is -501.0: give -500 to 500" in fails(capsys, *said, "--sync-ms", "-501")


def test_speech_with_a_direction_has_a_layer_of_acting(tmp_path, capsys, monkeypatch):
    said = ["speech", str(SAMPLE_SENTENCE), "--out", str(tmp_path / "t.npz")]
    assert main(said) == 0
    plain = ExpressionTrack.load(tmp_path / "t.npz")
    assert "acting" not in plain.layers
    acted = []

    class Smiling:
        def act(self, heard, direction, *, seed, progress):
            acted.append((direction.at(np.array([1.0]))[0], seed))
            weights = np.full((len(heard.levels), 52), -0.25, np.float32)
            return ActedSpeech(weights, np.zeros(len(weights), np.float32), heard.rate_hz)

    monkeypatch.setattr(MotionGenerator, "open", Smiling)
    assert main([*said, "--direction", "courtesy:0.5", "--seed", "4"]) == 0
    track = ExpressionTrack.load(tmp_path / "t.npz")
    room = sum(layer for name, layer in track.layers.items() if name != "acting")
    np.testing.assert_allclose(track.layers["acting"], -np.clip(room, 0.0, 0.25), atol=1e-6)
    assert track.layers["acting"].min() == -0.25
    np.testing.assert_array_equal(track.layers["speech"], plain.layers["speech"])
    ((units, seed),) = acted
    assert seed == 4 and units[ACTION_UNITS.index("AU12")] == 1.5
    capsys.readouterr()
    assert "neither an expression" in fails(capsys, *said, "--direction", "smile")


def test_speech_writes_the_live_link_layout(tmp_path, tone):
    assert main(["speech", str(tone), "--out", str(tmp_path / "t.csv"), "--fps", "30"]) == 0
    with (tmp_path / "t.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 30 and "JawOpen" in rows[0]


def test_a_track_goes_to_a_latent_avatar_and_leaves_as_arkit(tmp_path, capsys):
    avatar = str(small_latent_avatar(tmp_path / "latent.uhap"))
    track, csv_in, latent, csv_out = (
        str(tmp_path / name) for name in ("t.npz", "in.csv", "l.npz", "out.csv")
    )
    assert main(["speech", str(SAMPLE_SENTENCE), "--out", track, "--fps", "30"]) == 0
    assert main(["speech", str(SAMPLE_SENTENCE), "--out", csv_in, "--fps", "30"]) == 0
    for given in (track, csv_in):
        assert main(["convert", given, "--avatar", avatar, "--out", latent]) == 0
        assert ExpressionTrack.load(tmp_path / "l.npz").code_space == LATENT_SPACE
        assert main(["convert", latent, "--avatar", avatar, "--out", csv_out]) == 0
        tables = [np.genfromtxt(path, delimiter=",", names=True) for path in (csv_in, csv_out)]
        assert np.ptp(tables[0]["JawOpen"]) > 0.05
        for name in tables[0].dtype.names[1:]:
            np.testing.assert_allclose(tables[0][name], tables[1][name], atol=1e-4)
    capsys.readouterr()
    assert "which no avatar at hand" in fails(capsys, "convert", latent, "--out", csv_out)


def test_measure_of_a_sound_and_of_its_track_agree(tmp_path):
    sound, track, a, b = (
        str(x) for x in (SAMPLE_SENTENCE, *(tmp_path / n for n in ("t.npz", "a.csv", "b.csv")))
    )
    assert main(["measure", sound, "--out", a]) == 0
    assert main(["speech", sound, "--out", track]) == 0
    assert main(["measure", track, "--out", b]) == 0
    table = np.genfromtxt(a, delimiter=",", names=True)
    assert table.dtype.names[:3] == ("time", "lip_gap", "mouth_width")
    assert table["lip_gap"].max() > 3 and table["lip_gap"].min() < 0.3
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


def test_info_names_licence_and_credits(capsys):
    assert main(["info", "builtin:ada"]) == 0
    said = capsys.readouterr().out
    assert "CC-BY-4.0" in said and "Lee Perry-Smith" in said


def test_no_command_is_a_usage_error(capsys):
    assert main([]) == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["speech.txt", "speech"])
def test_an_output_of_another_kind_is_refused_before_the_work(capsys, tmp_path, tone, name):
    assert ".npz or .csv" in fails(capsys, "speech", tone, "--out", tmp_path / name)


def test_bad_sound_is_refused_with_its_name(capsys, tmp_path):
    text, empty = tmp_path / "notes.wav", tmp_path / "empty.wav"
    text.write_text("these are notes, no sound")
    empty.touch()
    for path in (text, empty, tmp_path / "missing.wav", tmp_path):
        assert str(path.name) in fails(capsys, "speech", path, "--out", tmp_path / "t.npz")
        assert not (tmp_path / "t.npz").exists()


def test_a_bad_rate_avatar_track_or_zip_is_refused(capsys, tmp_path, tone):
    out = tmp_path / "m.csv"
    assert "frame rate" in fails(
        capsys, "speech", tone, "--out", tmp_path / "t.npz", "--fps", "fast"
    )
    assert "nobody" in fails(capsys, "measure", tone, "--avatar", "builtin:nobody", "--out", out)
    assert "tone.wav" in fails(capsys, "info", tone)
    assert "tone.wav" in fails(capsys, "import-lam", tone, "--out", tmp_path / "a.uhap")
    (tmp_path / "t.npz").write_bytes(b"PK")
    assert "t.npz" in fails(capsys, "measure", tmp_path / "t.npz", "--out", out)
    assert not out.exists() and not (tmp_path / "a.uhap").exists()


@pytest.mark.parametrize(
    ("words", "unwanted"),
    [
        (["--help"], ("bpy", "torch", "onnxruntime", "soundfile")),
        (["info", "builtin:ada"], ("bpy", "torch", "soundfile")),
        (["speech", "TONE", "--out", "T.npz"], ("bpy", "torch")),
        (["batch", "S.csv", "--out", "out", "--dry-run"], ("bpy", "torch", "onnxruntime")),
    ],
)
def test_commands_load_only_what_they_need(tmp_path, tone, words, unwanted):
    (tmp_path / "S.csv").write_text(f"name,audio\na,{tone}\n")
    words = [str(tone) if word == "TONE" else word for word in words]
    script = (
        "import sys; from gaussian_heads.blender.cli import main; "
        f"code = main({words!r}); sys.exit(code or ' '.join(set(sys.modules) & set({unwanted!r})) or 0)"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, timeout=120, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_import_lam_writes_an_avatar_that_opens(tmp_path):
    small_lam_zip(tmp_path / "head.zip")
    assert main(["import-lam", str(tmp_path / "head.zip"), "--out", str(tmp_path / "a.uhap")]) == 0
    assert Avatar.open(tmp_path / "a.uhap").num_gaussians > 0


def test_landmarks_of_a_sound_and_of_its_track_agree(tmp_path):
    sound, track, a, b = (
        str(x) for x in (SAMPLE_SENTENCE, *(tmp_path / n for n in ("t.npz", "a.npz", "b.csv")))
    )
    assert main(["landmarks", sound, "--out", a]) == 0
    assert main(["speech", sound, "--out", track]) == 0
    assert main(["landmarks", track, "--out", b]) == 0
    table = np.genfromtxt(b, delimiter=",", names=True)
    with np.load(a) as arrays:
        points = arrays["points_m"]
        np.testing.assert_allclose(table["y_66"], points[:, 66, 1], atol=1e-6)
        np.testing.assert_allclose(table["time_sec"], arrays["times_sec"], atol=1e-6)
    # The lower lip moves by millimetres against the upper one.
    assert 0.003 < np.ptp(points[:, 66, 1] - points[:, 62, 1]) < 0.03
    assert main(["landmarks", track, "--out", b, "--no-head"]) == 0
    still = np.genfromtxt(b, delimiter=",", names=True)
    # Without the head's motion the corners of the eyes rest.
    assert np.ptp(still["x_36"]) < 1e-3 < np.ptp(table["x_36"])


def test_landmarks_of_another_kind_are_refused(capsys, tmp_path, tone):
    assert ".csv or .npz" in fails(capsys, "landmarks", tone, "--out", tmp_path / "a.ply")
