"""Small files that ask for much, and texts that are none: each was found by fuzzing or by reading the code."""

import io
import json
import time
import zipfile
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core import archives, array_files, audio, json_text, shots, tables
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.avatar.manifest import parse_manifest
from gaussian_heads.core.avatar.summary import read_summary
from gaussian_heads.core.avatar.tensors import MAX_HEADER_BYTES, load_tensors
from gaussian_heads.core.errors import (
    AvatarError,
    GaussianHeadsError,
    TimingError,
    TrackError,
)
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.importers.performance import read_performance
from gaussian_heads.core.importers.splat_ply import read_splats
from gaussian_heads.core.livelink import read_livelink_csv
from gaussian_heads.core.shots import ShotsError, read_shots
from gaussian_heads.core.timing import frame_rate

from .small_heads import small_linear_avatar


def track(path, **changes):
    """A track of three frames, saved; `changes` replace members by other bytes or headers by other values."""
    layer = np.zeros((3, 52), np.float32)
    ExpressionTrack({"speech": layer}, np.zeros((3, 6), np.float32), "arkit52", Fraction(25)).save(
        path
    )
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    header = json.loads(str(np.load(io.BytesIO(members["header.npy"]))))
    header |= {name: value for name, value in changes.items() if f"{name}.npy" not in members}
    members["header.npy"] = array(np.array(json.dumps(header)))
    members |= {f"{n}.npy": v for n, v in changes.items() if f"{n}.npy" in members}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def array(values, shape=None, dtype=None):
    """The bytes of a `.npy` file, whose header may lie about its shape and its kind of numbers."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, values)
    data = stream.getvalue()
    if shape is None and dtype is None:
        return data
    shape, dtype = shape or values.shape, dtype or values.dtype.str
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return data[:8] + len(text).to_bytes(2, "little") + text + values.tobytes()


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"layer_0": array(np.zeros((3, 52), np.float32), (10**9, 10**9))}, "another size"),
        (
            {"layer_0": array(np.zeros((3, 52), np.float32), dtype="|O")},
            "no array of plain numbers",
        ),
        ({"layer_0": array(np.zeros((3, 52), np.float32), dtype="<c8")}, "no array of plain"),
        ({"layer_0": array(np.full((3, 52), np.inf, np.float64))}, "not finite"),
        ({"layer_0": array(np.full((3, 52), 1e300))}, "beyond 1e"),
        ({"head_pose": array(np.array(["a"] * 18).reshape(3, 6))}, "not finite"),
        ({"layer_0": b"\x93NUMPY\x01\x00\x05\x00((((("}, "no array of plain numbers"),
        ({"start_sec": 10**400}, "too large"),
        ({"fps": [1, 0]}, "Fraction"),
        ({"fps": [10**300, 1]}, "must be positive"),
        ({"start_sec": 1e300}, "nothing does"),
        ({"layers": 7}, "not iterable"),
        ({"version": {"a": 1}}, "another version"),
    ],
)
def test_tracks_that_are_none(tmp_path, changes, reason):
    with pytest.raises(TrackError, match=reason) as caught:
        ExpressionTrack.load(track(tmp_path / "a.npz", **changes))
    assert "\n" not in str(caught.value)


def test_a_good_track_is_read(tmp_path):
    read = ExpressionTrack.load(track(tmp_path / "a.npz"))
    assert read.num_frames == 3 and read.fps == 25


def test_all_layers_together_have_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(array_files, "MAX_BYTES", 2000)
    with pytest.raises(TrackError, match="unpack to more than"):
        ExpressionTrack.load(track(tmp_path / "a.npz", layer_0=array(np.zeros(5000))))


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_odd_compression_is_refused(tmp_path, method):
    """Damaged LZMA raises an error of its own, which nothing expects."""
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("header.npy", array(np.array("{}")))
    with pytest.raises(TrackError, match="neither stored nor deflated"):
        ExpressionTrack.load(tmp_path / "a.npz")


def test_a_zip_with_a_long_list_of_files_is_not_read(tmp_path):
    """Python would make an object of some 500 bytes for each of them."""
    path = tmp_path / "a.uhap"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(20_000):
            archive.writestr(f"member {number}", b"")
    assert path.stat().st_size > archives.MAX_DIRECTORY_BYTES
    for read, error in (
        (Avatar.open, AvatarError),
        (read_summary, AvatarError),
        (ExpressionTrack.load, TrackError),
    ):
        with pytest.raises(error, match="list of files is longer"):
            read(path)


def test_json_of_many_lists_is_not_read(tmp_path, monkeypatch):
    """Three bytes of text become sixty bytes of memory."""
    monkeypatch.setattr(json_text, "MAX_TABLES", 1000)
    path = tmp_path / "a.json"
    path.write_text('{"frames": [' + "[]," * 2000 + "[]]}")
    with pytest.raises(TrackError, match="more values than any recording"):
        read_performance(path)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000])
def test_json_that_is_nested_deeply(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    for read, error in ((read_performance, TrackError), (read_shots, ShotsError)):
        with pytest.raises(error, match="nested too deeply|no JSON|not a blendshape"):
            read(path)


@pytest.mark.parametrize(
    "name, value, sentence",
    [("MAX_CELLS", 50, "more than 50 cells"), ("MAX_ROWS", 3, "3 rows"), ("MAX_LINE", 9, "a line")],
)
def test_tables_have_bounds(tmp_path, monkeypatch, name, value, sentence):
    path = tmp_path / "a.csv"
    path.write_text("Timecode,JawOpen,MouthClose,EyeBlinkLeft\n" + "0.1,0,0,0\n" * 40)
    monkeypatch.setattr(tables, name, value)
    with pytest.raises(TrackError, match=sentence):
        read_livelink_csv(path)


def shot_faults(path, text):
    """What is said of a file of shots, within five seconds."""
    path.write_text(text)
    begin_sec = time.process_time()
    with pytest.raises(ShotsError) as caught:
        read_shots(path)
    assert time.process_time() - begin_sec < 10.0
    assert len(str(caught.value)) < 500_000
    return str(caught.value)


def test_shots_with_many_columns_take_no_time(tmp_path):
    """Each name was counted among all others, and compared with every column."""
    names = ",".join(f"avatar{number}" for number in range(200_000))
    assert "columns" in shot_faults(tmp_path / "a.csv", names + "\nx")
    pairs = ",".join(f'"k{number}": 1' for number in range(200_000))
    assert "no object with columns" in shot_faults(tmp_path / "a.json", f"[{{{pairs}}}]")


def test_shots_with_many_faults_say_the_first(tmp_path):
    text = json.dumps([{f"avatr{number}": 1} for number in range(9000)])
    message = shot_faults(tmp_path / "a.json", text)
    assert "did you mean 'avatar'" in message and message.count("\n") < shots.MAX_FAULTS + 2


def test_shots_of_all_the_frames_there_are(tmp_path):
    """36 MB of numbers from nine letters, ten thousand times."""
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    rows = [{"name": f"s{n}", "audio": "a.wav", "frames": "1-1048574"} for n in range(50)]
    assert "frames of all shots" in shot_faults(tmp_path / "a.json", json.dumps(rows))


@pytest.mark.parametrize("text", ["1e999999999", "1e-999999999", "9" * 5000, "nan", "25/0", "2_5"])
def test_frame_rates_that_are_no_numbers(text):
    """The exponent was worked out to its last digit."""
    with pytest.raises(TimingError, match="frame rate"):
        frame_rate(text)


def test_messages_are_one_line_of_plain_text():
    """Names from files would move a terminal's cursor, or could not be written."""
    error = GaussianHeadsError("'\x1b]0;x\x07a\nb\udc80' is broken: " + "c" * 5000)
    assert str(error).startswith("'?]0;x?a?b?' is broken: c") and len(str(error)) == 2000
    str(error).encode("utf8")


@pytest.mark.parametrize("name", ["\x1b[2J", "a\x00b", "\ud800", "\x9b31m"])
def test_names_with_control_characters_are_refused(tmp_path, name):
    path = small_linear_avatar(tmp_path / "a.uhap", 60)
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    with pytest.raises(AvatarError, match="'name' must be text"):
        parse_manifest(json.dumps(manifest | {"name": name}).encode())
    with pytest.raises(AvatarError, match="'credits' must be a list"):
        parse_manifest(json.dumps(manifest | {"credits": [name]}).encode())


def test_a_header_of_millions_of_arrays_is_not_read():
    empty = b'"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    header = b"{" + b",".join(empty.replace(b'"a"', b'"%d"' % n) for n in range(2000)) + b"}"
    assert len(header) > MAX_HEADER_BYTES
    data = len(header).to_bytes(8, "little") + header
    with pytest.raises(AvatarError, match="header is longer"):
        load_tensors(data, "rig.safetensors", {})


def test_a_thousand_channels_are_read_in_small_blocks(tmp_path, monkeypatch):
    import soundfile

    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((3000, 1000), np.float32), 16_000, subtype="PCM_U8")
    monkeypatch.setattr(audio, "BLOCK_FRAMES", 10_000)
    read, sizes = soundfile.SoundFile.read, []

    def watched(self, frames, **options):
        block = read(self, frames, **options)
        sizes.append(block.size)
        return block

    monkeypatch.setattr(soundfile.SoundFile, "read", watched)
    samples, _ = audio.load_audio(path)
    assert samples.shape == (3000,) and max(sizes) == 10_000


def test_splat_files_have_a_bound(tmp_path, monkeypatch):
    path = tmp_path / "a.ply"
    path.write_bytes(b"ply\n" + b"x" * 100)
    monkeypatch.setattr("gaussian_heads.core.importers.splat_ply.MAX_FILE_BYTES", 50)
    with pytest.raises(AvatarError, match="export fewer Gaussians"):
        read_splats(path)
