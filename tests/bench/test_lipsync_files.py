# ruff: noqa: E402 (torch may be missing)
"""The lip-sync benchmark on files: curves, lists of clips, the command, and the sentences of what is wrong."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training environment is not installed")

from .known_curves import LISTED, SAMPLE, clips_of, one, values  # isort: skip (finds the benchmark)

from lipsync.clips import (
    damaged_clips,
    filmed_clips,
    listed_clips,
    read_listed_phones,
    spoken_clips,
)
from lipsync.command import main
from lipsync.curves import BenchmarkError, check_covers, read_curves
from lipsync.figures import motion_rows
from lipsync.sources import MEASURED, TIMING, folder_source

from ..core.small_heads import small_linear_avatar


def write(path, header, rows):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]), "utf8")
    return path


ROWS = [(0.04 * i, 1.0, 50.0) for i in range(50)]


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        ("time,lip_gap", [(0.0, 1.0)] * 9, "no column mouth_width"),
        ("a,b,c", [], "no column time, lip_gap, mouth_width"),
        ("time,lip_gap,mouth_width", [(0.0, 1, "wide")], "no number"),
        ("time,lip_gap,mouth_width", [(0.0, 1), (0.1, 2)], "no number"),
        ("time,lip_gap,mouth_width", [(0.0, "nan", 50)] + ROWS[1:], "not finite"),
        ("time,lip_gap,mouth_width", ROWS[::-1], "do not rise"),
        ("time,lip_gap,mouth_width", ROWS[:1], "do not rise"),
        ("time,lip_gap,mouth_width", ROWS[::3], "at least 20 a second"),
        ("time,lip_gap,mouth_width", [(t, g, 0) for t, g, _ in ROWS], "without width"),
    ],
)
def test_wrong_curves_are_refused_with_a_sentence(tmp_path, header, rows, said):
    with pytest.raises(BenchmarkError, match=said):
        read_curves(write(tmp_path / "a.csv", header, rows))


def test_columns_may_stand_in_any_order_among_others(tmp_path):
    path = write(
        tmp_path / "a.csv", "jaw,mouth_width,time,lip_gap", [(9, 50, t, g) for t, g, _ in ROWS]
    )
    curves = read_curves(path)
    assert curves.width[0] == 50 and curves.times_sec[-1] == pytest.approx(1.96)
    check_covers(curves, path, end_sec=2.2)
    with pytest.raises(
        BenchmarkError, match=r"too short: it lasts from 0.00 to 1.96 s, the speech to 2.30"
    ):
        check_covers(curves, path, end_sec=2.3)


def test_clips_without_a_curve_are_named(tmp_path):
    write(tmp_path / "0.csv", "time,lip_gap,mouth_width", ROWS * 1)
    with pytest.raises(BenchmarkError, match="no curve of 2 of 3 clips: write '1.csv'"):
        folder_source(tmp_path, clips_of(3))


def sample_list(folder):
    """A list of clips with the sample sentence twice, in two languages."""
    for name in LISTED:
        (folder / name).write_bytes((SAMPLE / name).read_bytes())
    rows = [(f"clip{i}", *LISTED, code) for i, code in enumerate("xy")]
    return write(folder / "list.csv", "clip,audio,phones,language", rows)


def test_lists_of_clips_name_sound_phones_and_language(tmp_path):
    clips = listed_clips(sample_list(tmp_path))
    assert [clip.language for clip in clips] == ["x", "y"] and clips[0].audio.is_file()
    assert {name for name, _, _ in clips[0].phones} >= {"SIL", "P", "B", "M", "AH"}
    assert 5 < clips[0].speech_end_sec < 12
    twice = write(tmp_path / "twice.csv", "clip,audio,phones", [("a", "b", "c")] * 2)
    with pytest.raises(BenchmarkError, match="or a clip twice"):
        listed_clips(twice)
    (tmp_path / "wrong.json").write_text('[["Q7", 0, 1]]', "utf8")
    with pytest.raises(BenchmarkError, match="names the phone 'Q7'"):
        read_listed_phones(tmp_path / "wrong.json")
    (tmp_path / "wrong.json").write_text("[[1, 2]]", "utf8")
    with pytest.raises(BenchmarkError, match="cannot be read"):
        read_listed_phones(tmp_path / "wrong.json")


def test_damaged_clips_keep_their_length_and_what_was_said(tmp_path):
    clips = listed_clips(sample_list(tmp_path))
    damaged, again = (damaged_clips(clips, seed=3) for _ in range(2))
    for clip, bad, same in zip(clips, damaged, again, strict=True):
        clean, heard = clip.waveform(), bad.waveform()
        assert len(heard) == len(clean) and bad.phones == clip.phones
        assert np.array_equal(heard, same.waveform()) and not np.allclose(heard, clean, atol=1e-3)
    first, second = (clip.waveform() for clip in damaged)
    assert not np.array_equal(first, second)


def test_the_command_measures_the_network_and_the_same_curves_from_files(tmp_path, capsys):
    head = small_linear_avatar(tmp_path / "small.uhap")
    words = ["--clips", sample_list(tmp_path), "--only", "phones", "--avatar", head, "--json"]
    assert main([*map(str, words), "--write-curves", str(tmp_path / "curves")]) == 0
    direct = json.loads(capsys.readouterr().out)
    assert main([*map(str, words), "--curves", str(tmp_path / "curves")]) == 0
    read = json.loads(capsys.readouterr().out)
    assert direct["num_recordings"] == 2 and direct["num_filmed"] == 0
    assert read["figures"] == direct["figures"]
    figures = direct["figures"]
    rows = json.loads((tmp_path / "sample.phones.json").read_text("utf8"))
    bilabials = sum(name in "pbm" and end - start > 0.03 for name, start, end in rows)
    assert bilabials > 10
    assert figures["closure_j"]["counted"].startswith(f"{2 * bilabials} p b m, ")
    assert set(figures["closure_j"]) == {
        "counted", "wanted", "measured", "perfect timing", "loudness", "shuffled"
    }  # fmt: skip
    same = figures["closure_j"]["measured"]
    assert same["value"] == same["low"] == same["high"]  # both clips are the same sentence
    assert same == figures["closure_j_language_x"]["measured"]
    alone = write(tmp_path / "alone.csv", "clip,audio,phones", [("clip0", *LISTED)])
    words = [
        "--clips",
        alone,
        "--only",
        "phones",
        "--avatar",
        head,
        "--curves",
        tmp_path / "curves",
    ]
    assert main([*map(str, words)]) == 0
    line = next(x for x in capsys.readouterr().out.splitlines() if x.startswith("closure J "))
    assert f" {same['value']:.2f}  " in line and f" {bilabials} p b m" in line
    assert "[" not in line  # one clip has no interval


def test_the_command_ends_with_a_sentence_and_one(tmp_path, capsys):
    assert main(["--only", "phones", "--clips", str(tmp_path / "none.csv")]) == 1
    assert "There is no list of clips" in capsys.readouterr().err
    words = ["--clips", str(sample_list(tmp_path)), "--only", "phones", "--curves", str(tmp_path)]
    assert main(words) == 1
    assert "no curve of 2 of 2 clips" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="speech recordings are missing"):
        main(["--data", str(tmp_path)])


@pytest.fixture
def data():
    folder = Path(os.environ.get("GAUSSIAN_HEADS_DATA", "/nowhere"))
    if not (folder / "video/grid/mouth_25fps.npz").is_file():
        pytest.skip("GAUSSIAN_HEADS_DATA names no folder with video/grid and speech/multi_en")
    return folder


def test_recordings_and_filmed_speakers_of_the_data_folder(data, capsys):
    assert len(spoken_clips(data, "validation")) == 9 and len(spoken_clips(data, "held-out")) == 20
    clips = filmed_clips(data)
    assert len(clips) == 5 and all(len(clip.tracked.gap) == 75 for clip in clips)
    assert clips[0].waveform().size == pytest.approx(2.978 * 16000, abs=16)
    assert main(["--data", str(data), "--list", "--only", "video"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == f"{clips[0].name}\t{clips[0].audio}"
    own = one([clip.tracked for clip in clips], clips)
    rows = motion_rows({MEASURED: own, TIMING: own}, clips, 0)
    assert values(rows)["gap_r"] == pytest.approx(1.0)
    # Seven closures say nothing: filmed speakers have motion figures alone.
    assert not any("clos" in row.name for row in rows)
