"""Files of shots: what they may hold, every fault with its place, and nothing half accepted."""

import json
import random
from fractions import Fraction

import pytest
from gaussian_heads.core.job_records import (
    DONE,
    STARTED,
    ShotFiles,
    is_finished,
    read_record,
    shot_settings,
    write_record,
)
from gaussian_heads.core.shot_cells import COLUMNS
from gaussian_heads.core.shots import MAX_SHOTS, Shot, ShotsError, read_shots, write_shots


@pytest.fixture
def folder(tmp_path):
    """A folder with a sound, a scene, an avatar and a performance, as far as names go."""
    (tmp_path / "sound").mkdir()
    for name in ("sound/a.wav", "set.blend", "head.uhap", "take.csv"):
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


@pytest.fixture
def read(folder):
    """Write text into a file of shots and read it."""

    def write_and_read(text, name="shots.csv", defaults=None):
        data = text if isinstance(text, bytes) else text.encode()
        (folder / name).write_bytes(data)
        return read_shots(folder / name, defaults)

    return write_and_read


@pytest.fixture
def faults(read):
    """The faults of a file that must be refused."""

    def refused(text, name="shots.csv", defaults=None):
        with pytest.raises(ShotsError) as caught:
            read(text, name, defaults)
        assert caught.value.faults and all("\n" not in fault for fault in caught.value.faults)
        return list(caught.value.faults)

    return refused


FULL = (
    "name,audio,avatar,scene,object,camera,sound_frame,frames,fps,size,output,seed,performance,"
    "transparent,view,backend,save_blend,head\n"
    "sh010,sound/a.wav,head.uhap,set.blend,Ada,Cam A,101,101-150:2,29.97,1920x1080,EXR,7,take.csv,"
    "yes,agx,cpu,no,0.5\n"
)


def test_every_column_is_read(read, folder):
    (shot,) = read(FULL)
    assert shot == Shot(
        name="sh010",
        audio=folder / "sound/a.wav",
        avatar=str(folder / "head.uhap"),
        scene=folder / "set.blend",
        object="Ada",
        camera="Cam A",
        sound_frame=101,
        frames=tuple(range(101, 151, 2)),
        fps=Fraction(30000, 1001),
        size=(1920, 1080),
        output="exr",
        seed=7,
        performance=folder / "take.csv",
        transparent=True,
        view="AgX",
        backend="cpu",
        save_blend=False,
        style={"head": 0.5},
    )


def test_json_says_the_same_with_its_own_types(read):
    row = {
        "name": "sh010", "audio": "sound/a.wav", "avatar": "head.uhap", "scene": "set.blend",
        "object": "Ada", "camera": "Cam A", "sound_frame": 101, "frames": "101-150:2",
        "fps": 29.97, "size": [1920, 1080], "performance": "take.csv", "transparent": True,
        "view": "AgX", "backend": "cpu", "save_blend": None, "head": 0.5,
    }  # fmt: skip
    document = {"defaults": {"output": "exr", "seed": 7}, "shots": [row]}
    assert read(json.dumps(document), "a.json") == read(FULL)
    assert read(json.dumps([row | document["defaults"]]), "b.json") == read(FULL)


def test_shots_survive_writing_and_reading(read, folder):
    shots = read(FULL + 'b,sound/a.wav,,,,,,"1,5,9-12",,,png,,,,,,,\n', defaults={"seed": "3"})
    write_shots(shots, folder / "again.json")
    assert read_shots(folder / "again.json") == shots
    assert shots[1].seed == 3 and shots[0].seed == 7


def test_spreadsheets_of_other_countries(read):
    (shot,) = read("\ufeffname;audio;fps\r\nä_1;sound/a.wav;25\r\n;;\r\n\r\n")
    assert (shot.name, shot.fps) == ("ä_1", 25)


def test_all_faults_are_told_at_once(faults):
    told = faults(
        "name,audio,fps,size,seed,output,frames,head,camera,transparent\n"
        "a,sound/a.wav,fast,9x,x,gif,9-1,3,wide,maybe\n"
        "A,sound/b.wav,,,,,,,,\n"
        ",sound/a.wav,,,,,,,,\n"
        "c,,25,33x20,,mp4,1-9:2,,,yes\n"
        "d,sound/a.wav,,,,,,,wide,\n",
        defaults={"backend": "magic"},
    )
    expected = [
        ("Command line, column 'backend'", "magic"),
        ("Row 2, column 'fps'", "'fast'"),
        ("Row 2, column 'size'", "1920x1080"),
        ("Row 2, column 'seed'", "whole number"),
        ("Row 2, column 'output'", "mp4, png, exr"),
        ("Row 2, column 'frames'", "'9-1'"),
        ("Row 2, column 'head'", "0 to 2"),
        ("Row 2, column 'transparent'", "neither yes nor no"),
        ("Row 3, column 'audio'", "sound/b.wav"),
        ("Row 3, column 'name'", "row 2"),
        ("Row 4, column 'name'", "empty"),
        ("Row 5, column 'audio'", "empty"),
        ("Row 5, column 'size'", "34x20"),
        ("Row 5, column 'frames'", "every frame"),
        ("Row 5, column 'transparent'", "png or exr"),
        ("Row 6, column 'camera'", "close-up, portrait, medium"),
    ]
    for place, part in expected:
        assert sum(fault.startswith(place) and part in fault for fault in told) == 1, (place, told)
    assert len(told) == len(expected)


@pytest.mark.parametrize(
    ("header", "hint"),
    [("name,audio,transparant", "'transparent'"), ("name,audio,Size", "'size'"),
     ("name,audio,zzzzz", "the columns are name, audio"), ("name,audio,", "no name"),
     ("name,audio,fps,fps", "twice")],
)  # fmt: skip
def test_unknown_columns_are_refused_with_the_nearest(faults, header, hint):
    (fault,) = faults(f"{header}\na,sound/a.wav\n")
    assert fault.startswith("Row 1: ") and hint in fault


@pytest.mark.parametrize(
    "name",
    ["../a", "a/b", "a\\b", "/etc/a", ".hidden", "-rf", "con", "COM1.x", "a.", "a b\tc", "a.mp4",
     "b.frames", "x" * 101, "a:b", "a*", "~", "$HOME"],
)  # fmt: skip
def test_names_that_are_no_file_names_are_refused(faults, name):
    (fault,) = faults(json.dumps([{"name": name, "audio": "sound/a.wav"}]), "s.json")
    assert fault.startswith("Shot 1, column 'name': ")


@pytest.mark.parametrize(
    ("column", "value"),
    [("audio", "sound"), ("audio", "a\0b"), ("audio", "x" * 9000), ("scene", "sound/a.wav"),
     ("avatar", "builtin:nobody"), ("avatar", "missing.uhap"), ("performance", "set.blend"),
     ("size", "0x5"), ("size", "99999x5"), ("fps", "0"), ("fps", "1/0"), ("fps", "1e999999"),
     ("fps", "nan"), ("seed", "-1"), ("seed", "1e3"), ("seed", "4294967296"), ("head", "nan"),
     ("head", "inf"), ("frames", "1-99999999"), ("object", "Ada"), ("sound_frame", "1_0"),
     ("sync_ms", "9000"), ("view", "sRGB"), ("audio", [1]), ("size", [True, 5]), ("head", {})],
)  # fmt: skip
def test_values_that_cannot_be_are_refused(faults, column, value):
    row = {"name": "a", "audio": "sound/a.wav", "output": "png", column: value}
    (fault,) = faults(json.dumps([row]), "s.json")
    assert fault.startswith(f"Shot 1, column '{column}': ") and len(fault) < 250


@pytest.mark.parametrize(
    ("name", "text", "part"),
    [("s.txt", "name,audio\n", ".csv or .json"), ("s.csv", "", "no shots"),
     ("s.csv", "name,audio\n", "no shots"), ("s.csv", b"name,audio\n\xff\xfe,x\n", "UTF-8"),
     ("s.csv", "name,audio\na\0,b\n", "zero bytes"), ("s.csv", 'name,audio\n"a,b\n', "quotes"),
     ("s.csv", "name,audio\na,sound/a.wav,c\n", "3 cells for 2"), ("s.json", "{", "JSON"),
     ("s.json", "[" * 100_000, "JSON"), ("s.json", "7", "list of shots"),
     ("s.json", '{"shots": [], "more": 1}', "list of shots"), ("s.json", "[]", "no shots"),
     ("s.json", "[7]", "no object"), ("s.json", '[{"fp": 7}]', "'fps'"),
     ("s.json", '[{"name": "a", "name": "b"}]', "twice"),
     ("s.json", '[{"name": NaN}]', "NaN"), ("s.json", f"[{'1' * 9000}]", "JSON"),
     ("s.json", b" " * (17 << 20), "16 MiB")],
)  # fmt: skip
def test_files_that_are_no_shots_are_refused(faults, name, text, part):
    assert part in " ".join(faults(text, name))


def test_a_missing_file_and_too_many_shots(read, tmp_path):
    with pytest.raises(ShotsError, match="cannot be read"):
        read_shots(tmp_path / "missing.csv")
    with pytest.raises(ShotsError, match="at most"):
        read("name,audio\n" + "a,b\n" * (MAX_SHOTS + 1))


def test_damaged_files_are_read_or_refused_and_nothing_else(read):
    chance = random.Random(5)
    good = {"a.csv": FULL.encode(), "a.json": json.dumps([{"name": "a", "fps": 25}]).encode()}
    for turn in range(400):
        name = ("a.csv", "a.json")[turn % 2]
        data = bytearray(good[name])
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            assert all(isinstance(shot, Shot) for shot in read(bytes(data), name))
        except ShotsError as error:
            assert error.faults


def test_relative_paths_belong_to_the_file(read, folder, monkeypatch):
    monkeypatch.chdir("/")
    (shot,) = read("name,audio\na,sound/../sound/a.wav\n")
    assert shot.audio.samefile(folder / "sound/a.wav")


def test_every_column_has_a_meaning():
    assert all(column.meaning for column in COLUMNS.values())
    assert set(COLUMNS) - {"head"} > {"name", "audio"}


def finish(shot, files):
    files.output(shot.output).write_bytes(b"video")
    content = {"settings": shot_settings(shot), "files": {f"{shot.name}.mp4": 5}}
    write_record(files.record, DONE, json.loads(json.dumps(content)))


def test_a_record_knows_finished_shots(read, folder):
    (shot,) = read("name,audio,fps,head\na,sound/a.wav,29.97,0.1\n")
    files = ShotFiles(folder, "a")
    assert not is_finished(shot, files)
    finish(shot, files)
    assert is_finished(shot, files)
    (same,) = read("name,audio,fps,head\na,sound/../sound/a.wav,30000/1001,.1\n")
    assert is_finished(same, files)
    for changed in ("25,0.1", "29.97,0.2"):
        assert not is_finished(read(f"name,audio,fps,head\na,sound/a.wav,{changed}\n")[0], files)
    files.output("mp4").write_bytes(b"cut")
    assert not is_finished(shot, files)


def test_a_changed_input_or_an_unfinished_record_is_no_finished_shot(read, folder):
    (shot,) = read("name,audio\na,sound/a.wav\n")
    files = ShotFiles(folder, "a")
    finish(shot, files)
    (folder / "sound/a.wav").write_bytes(b"another sound")
    assert not is_finished(shot, files)
    finish(shot, files)
    write_record(files.record, STARTED, {"settings": shot_settings(shot)})
    assert not is_finished(shot, files)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": "other"}', "[" * 100_000])
def test_what_is_no_record_is_none(tmp_path, text):
    (tmp_path / "r.json").write_text(text)
    assert read_record(tmp_path / "r.json") is None
