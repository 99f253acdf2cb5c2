"""Odd words on the command line: an exit code and a sentence, never a traceback, and nothing written but what was asked for."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("hypothesis", reason="hypothesis draws the words of these tests")

from gaussian_heads.blender import cli
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..core.small_heads import small_linear_avatar
from .guards import examples
from .targets import BY_NAME

NUMBERS = st.sampled_from(
    ["0", "-1", "1", "25", "nan", "inf", "-inf", "1e999", "1e999999999", "1e-999999999", "9" * 400, "1/0",
     "30000/1001", "0x10", "1_0", "", " ", "\u0663", "1.5", "2147483648", "a", "--", "\x00", "\udcff"]
)  # fmt: skip
FRAMES = st.sampled_from(
    [
        "1-2",
        "2-1",
        "1-999999999999",
        "1-5:0",
        "1-5:-1",
        "-",
        ":",
        "1,,2",
        "1-1048574",
        "x",
        "9" * 5000,
    ]
)
NAMES = ("good.uhap", "bad.uhap", "good.npz", "bad.npz", "good.csv", "bad.csv", "bad.json", "bad.zip", "text.wav",
         "shots.csv", "none.wav", "none/none.uhap", "folder", "", ".", "/dev/null", "a" * 300, "\x1b[2J", "\udcff",
         "builtin:maya", "builtin:../x", "bad.ply", "bad.blend")  # fmt: skip
OUTS = (
    "out.npz",
    "out.csv",
    "out.uhap",
    "out.mp4",
    "out",
    "folder",
    "",
    "no/where/out.csv",
    "/proc/nothing/out.npz",
    "b\udcff.csv",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    small_linear_avatar(folder / "good.uhap", 60)
    (folder / "folder").mkdir()
    (folder / "good.npz").write_bytes(BY_NAME["track"].seeds()[0])
    (folder / "good.csv").write_bytes(BY_NAME["livelink"].seeds()[0])
    (folder / "shots.csv").write_bytes(BY_NAME["shots_csv"].seeds()[0])
    (folder / "text.wav").write_text("these are words, no sound\n")
    for name in NAMES:
        if name.startswith("bad."):
            (folder / name).write_bytes(b"PK\x03\x04\xff\x00 no such thing")
    return folder


def words_of(draw_number, draw_frames, name, other, out):
    """One line for each command, of the same drawn words."""
    return {
        "info": [name],
        "convert": [name, "--out", out, "--avatar", other, "--fps", draw_number],
        "measure": [name, "--out", out, "--avatar", other, "--fps", draw_number],
        "landmarks": [name, "--out", out, "--avatar", other],
        "import-lam": [name, "--out", out, "--name", other, "--consent", draw_number],
        "speech": [name, "--out", out, "--fps", draw_number, "--seed", draw_number],
        "batch": [
            name,
            "--out",
            "folder",
            "--dry-run",
            "--jobs",
            draw_number,
            "--fps",
            draw_number,
        ],
        "render": [name, "--frames", draw_frames, "--out", out],
        "export-ply": [name, "--frames", draw_frames, "--out", out],
        "encode": [name, "--out", out, "--fps", draw_number],
        "personalize": [name, "--out", out, "--consent", draw_number],
        "animate": [
            name,
            "--out",
            out,
            "--size",
            draw_number,
            draw_number,
            "--frames",
            draw_frames,
        ],
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("command", words_of("", "", "", "", ""))
def test_odd_words_end_in_a_sentence(command, folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    before = {path.relative_to(folder) for path in folder.rglob("*")}

    @settings(
        max_examples=examples(12),
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(NUMBERS, FRAMES, st.sampled_from(NAMES), st.sampled_from(NAMES), st.sampled_from(OUTS))
    def search(number, frames, name, other, out):
        code = cli.main([command, *words_of(number, frames, name, other, out)[command]])
        said = capfd.readouterr()
        assert isinstance(code, int) and "Traceback" not in said.err
        assert code == 0 or said.err.strip()
        assert "\x1b" not in said.out

    search()
    made = {path.relative_to(folder) for path in folder.rglob("*")} - before
    assert all(path.parts[0].startswith(("out", "folder", "no", "b")) for path in made), made


def test_names_that_are_no_letters(folder):
    """File systems of Linux hold any bytes; what is printed and written about them is text."""
    source = os.fsencode(folder)
    (folder / "tracks").mkdir(exist_ok=True)
    with open(source + b"/tracks/\xff.csv", "wb") as stream:
        stream.write(BY_NAME["livelink"].seeds()[0])
    with open(source + b"/tracks/\xff.zip", "wb") as stream:
        stream.write(BY_NAME["lam"].seeds()[0])
    script = "import sys; from gaussian_heads.blender.cli import main; sys.exit(main())"
    named = [b"--name", b"\xfd"]
    for code, words in (
        (0, [b"convert", b"tracks/\xff.csv", b"--out", b"tracks/\xfe.npz"]),
        (0, [b"import-lam", b"tracks/\xff.zip", b"--out", b"tracks/\xfe.uhap"]),
        (1, [b"import-lam", b"tracks/\xff.zip", b"--out", b"tracks/\xfc.uhap", *named]),
        (0, [b"info", b"tracks/\xfe.uhap"]),
    ):
        ended = subprocess.run(
            [sys.executable, "-c", script, *words],
            cwd=folder,
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": "utf8:strict"},
        )
        assert ended.returncode == code, ended.stderr
        assert b"Traceback" not in ended.stderr
