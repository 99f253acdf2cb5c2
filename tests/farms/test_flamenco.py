"""The job type for Flamenco: compiled as its Manager does, and its tasks done as its workers do."""

import shlex
import subprocess
import sys

import pytest

from .jobs import (
    JOB_TYPE,
    NODE,
    SETTINGS,
    compile_job,
    frames,
    words_of,
    write_blender,
    write_inputs,
)

pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js compiles the job")


def test_a_job_bakes_once_renders_chunks_and_makes_a_video():
    tasks, error = compile_job()
    assert not error and list(tasks) == [
        "bake",
        "render-1-5",
        "render-6-10",
        "render-11,12",
        "video",
    ]
    assert [task["dependencies"] for task in tasks.values()] == [
        [], ["bake"], ["bake"], ["bake"], ["render-1-5", "render-6-10", "render-11,12"],
    ]  # fmt: skip
    chunk = tasks["render-11,12"]["commands"][0]
    assert chunk["parameters"]["args"][-2:] == ["--render-frame", "11,12"]
    assert chunk["total_step_count"] == 2
    folder = "/share/talk/2026-11-22_120000"
    (bake,) = tasks["bake"]["commands"]
    assert bake["parameters"] == {
        "exe": "{blender}",
        "args": shlex.split(
            f"--command gaussian_heads bake {SETTINGS['blendfile']} --out {folder}/cut.baked.blend"
        ),
    }


def test_a_sound_is_staged_in_the_scene_and_frames_alone_make_no_video():
    tasks, _ = compile_job(
        sound_path="/share/a b.wav", has_video=False, frames="1-3, 9", format="OPEN_EXR"
    )
    assert list(tasks) == ["bake", "render-1-3,9"]
    words = tasks["bake"]["commands"][0]["parameters"]["args"]
    assert words[2:6] == ["bake", "/share/a b.wav", "--scene", SETTINGS["blendfile"]]


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"frames": "1-5,9"}, "A video needs every frame"),
        ({"frames": "one"}, "invalid range"),
        ({"chunk_size": 0}, "The chunk size must be 1 or more"),
        ({"format": "OPEN_EXR"}, "A video is made of PNG frames"),
        ({"render_output_path": ""}, "choose a render output root"),
        ({"render_output_path": "/share/frame_######"}, "must end in ####"),
        ({"blendfile": ""}, "lacks the setting 'blendfile'"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(changed, part):
    tasks, error = compile_job(**changed)
    assert not tasks and part in error


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (('exeArgs: "{blenderArgs}"', 'arguments: "-b"'), "unknown parameter 'arguments'"),
        (('"blender-render"', '"blender-draw"'), "no command 'blender-draw'"),
        (('type: "int32"', 'type: "integer"'), "unknown type 'integer'"),
        (("author.Task(name", "author.Tasks(name"), "not a function"),
        (("const scene =", "scene ="), "scene is not defined"),
    ],
)
def test_the_stand_in_for_the_manager_finds_what_it_would(tmp_path, wrong, part):
    script = tmp_path / "wrong.js"
    text = JOB_TYPE.read_text("utf8")
    assert wrong[0] in text
    script.write_text(text.replace(*wrong))
    assert part in compile_job(script)[1]


@pytest.mark.skipif(sys.platform == "win32", reason="the worker's Blender is a shell script")
def test_the_tasks_done_for_real_give_the_frames_of_a_local_run(tmp_path, avatar_file):
    write_inputs(tmp_path, avatar_file)
    blender = write_blender(tmp_path)
    template = make_template(tmp_path)
    tasks, error = compile_job(
        sound_path=str(tmp_path / "a.wav"), frames="1-6", chunk_size=4, blendfile=str(template),
        render_output_path=str(tmp_path / "farm/####"),
    )  # fmt: skip
    assert not error
    for task in tasks.values():
        for command in task["commands"]:
            words = words_of(command, {"{blender}": str(blender), "{blenderArgs}": "-b -y"})
            done = subprocess.run(words, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr[-2000:]
    local = [
        sys.executable,
        "-m",
        "gaussian_heads.blender.cli",
        "animate",
        "a.wav",
        "--scene",
        template,
    ]
    subprocess.run([*local, "--out", "local"], cwd=tmp_path, check=True, capture_output=True)
    assert frames(tmp_path / "farm") == frames(tmp_path / "local")
    assert len(frames(tmp_path / "local")) == 6
    assert (tmp_path / "farm/template.mp4").stat().st_size > 1000


def make_template(folder):
    """A scene with the small head at 8 frames a second, as an animator saves it; made by a process of its own."""
    words = (
        f"--avatar small.uhap --fps 8 --size 32 32 --backend cpu --out {folder / 'template.blend'}"
    )
    command = [sys.executable, "-m", "gaussian_heads.blender.cli", "bake", "a.wav", *words.split()]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "template.blend"
