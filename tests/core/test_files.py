"""Files appear whole or not at all, and what a killed process had begun does not stay for ever."""

import os
import signal
import subprocess
import sys
import time

import pytest
from gaussian_heads.core import files
from gaussian_heads.core.files import new_scratch_folder, remove_unfinished, replace_on_success

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="kills processes by signals")
WRITER = """
import sys, time
from pathlib import Path
from gaussian_heads.core.files import new_scratch_folder, replace_on_success
base = Path(sys.argv[1])
with new_scratch_folder(base) as scratch, replace_on_success(base / "me.uhap") as temporary:
    temporary.write_bytes(b"half")
    (Path(scratch) / "sound.wav").write_bytes(b"sound")
    with replace_on_success(temporary) as inner:
        inner.write_bytes(b"quarter")
        temporary.with_name(temporary.name + "@").write_bytes(b"Blender's")
        print("begun", flush=True)
        time.sleep(100)
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def killed_writer(folder):
    """What a process leaves that is killed while it writes."""
    words = [sys.executable, "-c", WRITER, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        at_work = names(folder)
        assert remove_unfinished(folder) == [] and names(folder) == at_work
        process.send_signal(signal.SIGKILL)
    assert names(folder) == at_work and len(at_work) == 4
    return at_work


@needs_signals
def test_what_a_killed_process_had_begun_is_removed_by_the_next(tmp_path):
    others = [".me-mine.uhap", "me~backup.uhap", ".hidden", ".me.uhap~"]
    for name in others:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / "more").mkdir()
    killed_writer(tmp_path / "more")
    with replace_on_success(tmp_path / "more" / "other.json") as temporary:
        temporary.write_bytes(b"whole")
    assert names(tmp_path / "more") == ["other.json"]
    assert remove_unfinished(tmp_path) == [] and names(tmp_path) == sorted([*others, "more"])


@needs_signals
def test_a_new_scratch_folder_takes_the_place_of_a_dead_one(tmp_path):
    killed_writer(tmp_path)
    with new_scratch_folder(tmp_path) as folder:
        assert [str(path) for path in tmp_path.iterdir()] == [folder]
    assert names(tmp_path) == []


def test_what_this_process_writes_is_left_alone(tmp_path):
    with replace_on_success(tmp_path / "a.txt") as temporary, new_scratch_folder(tmp_path):
        before = names(tmp_path)
        assert remove_unfinished(tmp_path) == [] and names(tmp_path) == before
        temporary.write_text("whole")
    assert names(tmp_path) == ["a.txt"] and (tmp_path / "a.txt").read_text() == "whole"


def test_an_earlier_process_of_the_same_number_is_gone(tmp_path):
    """In a container that is started again, processes get the numbers they had."""
    with replace_on_success(tmp_path / "a.txt") as temporary:
        twin = temporary.with_name(temporary.name.replace("~", "b~"))
        twin.write_bytes(b"half")
        assert remove_unfinished(tmp_path) == [twin]


def test_another_computer_has_a_day(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_host", lambda: "00000000")
    with replace_on_success(tmp_path / "a.txt") as temporary:
        theirs = temporary.with_name(temporary.name.replace("~00000000.", "~11111111."))
        theirs.write_bytes(b"half")
        assert remove_unfinished(tmp_path) == []
        hours_ago = time.time() - 30 * 3600
        os.utime(theirs, (hours_ago, hours_ago))
        assert remove_unfinished(tmp_path) == [theirs]


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replace_on_success(path) as temporary:
        temporary.write_text("new")
        raise ZeroDivisionError
    assert names(tmp_path) == ["a.txt"] and path.read_text() == "old"


@pytest.mark.parametrize(
    ("name", "ending"),
    [("é" * 125 + ".uhap", ".uhap"), ("🙂" * 60 + ".png", ".png"), ("a" * 255, ""), ("." + "b" * 254, "")],
)  # fmt: skip
def test_names_as_long_as_the_system_takes(tmp_path, name, ending):
    with replace_on_success(tmp_path / name) as temporary:
        assert temporary.name.endswith(ending)
        with replace_on_success(temporary) as inner:
            inner.write_text("whole")
    assert names(tmp_path) == [name]
