"""A new person beside Blender: asked for agreement, followed, stopped, put into the library, never left behind."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import bpy
import pytest
from gaussian_heads.blender import accelerator, cli, people, personalizing, preferences
from gaussian_heads.blender.library.avatars import library_entries
from gaussian_heads.blender.personalizing import (
    PersonalizeError,
    PersonalizeProcess,
    PersonalizeRequest,
    PersonalizeStopped,
)
from gaussian_heads.operators import personalize
from gaussian_heads.panels import people as panel

from .layout import draw

CONSENT = "I am Ada and want this avatar"


@pytest.fixture
def behave(tmp_path, avatar_file, monkeypatch):
    """The process is the stand-in, which does as it is told; this Python is the one with PyTorch."""
    folder = tmp_path / "script"
    folder.mkdir()
    script = Path(shutil.copy(Path(__file__).with_name("people_script.py"), folder / "run.py"))
    shutil.copy(avatar_file, folder / "small.uhap")
    monkeypatch.setattr(personalizing, "SCRIPT", script)
    monkeypatch.setattr(personalizing, "torch_python", lambda folder=None: Path(sys.executable))
    monkeypatch.setattr(people, "torch_python", lambda folder=None: Path(sys.executable))
    monkeypatch.setattr(people, "_state", people._State())

    def set_behaviour(name):
        (folder / "behaviour.txt").write_text(name)

    set_behaviour("work")
    yield set_behaviour
    people.stop_all()


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "me.mp4"
    path.write_bytes(b"video")
    return path


def request(video, **options):
    given = {"inputs": (video,), "out": video.with_name("me.uhap"), "consent": CONSENT}
    return PersonalizeRequest(**{**given, **options})


def started(video, tmp_path, **options):
    return PersonalizeProcess(
        request(video, **options), Path(sys.executable), tmp_path / "logs" / "log.txt"
    )


def wait_for(condition, within_sec=20.0):
    end = time.monotonic() + within_sec
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


def test_without_agreement_nothing_begins(behave, video):
    for consent in ("", "  ", "x"):
        with pytest.raises(PersonalizeError, match="without the agreement"):
            request(video, consent=consent).check()
    request(video, consent="", is_synthetic=True).check()
    with pytest.raises(PersonalizeError, match="must end in .uhap"):
        request(video, out=video.with_suffix(".zip")).check()
    with pytest.raises(PersonalizeError, match="There is no file"):
        request(video, inputs=(video.with_name("other.mp4"),)).check()


def test_the_process_is_followed_to_its_avatar(behave, video, tmp_path):
    process = started(video, tmp_path, name="Ada", options=("--motion", "personal"))
    assert process.result() == video.with_name("me.uhap")
    words = json.loads(video.with_name("me.words.json").read_text())
    assert words[words.index("--consent") + 1] == CONSENT and "--json-progress" in words
    assert words[words.index("--motion") + 1] == "personal" and str(video) in words
    assert process.standing.share == 1.0
    assert process.standing.preview == video.with_name("me.png")


def test_shares_of_stages_add_up_and_never_fall():
    standing = personalizing.Standing()
    shares = []
    for stage in personalizing.STAGE_WEIGHTS:
        for share in (0.0, 0.5, 1.0):
            standing = personalizing._told({"stage": stage, "share": share}, standing)
            shares.append(standing.share)
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0)
    assert personalizing._told({"stage": "read", "share": 0.1}, standing).share == shares[-1]


def test_refusals_are_told_in_the_words_of_the_process(behave, video, tmp_path):
    behave("refuse")
    with pytest.raises(PersonalizeError, match="^No face was found in 'a.mp4'"):
        started(video, tmp_path).result()
    behave("crash")
    with pytest.raises(PersonalizeError, match="ZeroDivisionError.*log.txt"):
        started(video, tmp_path).result()
    assert "Traceback" in (tmp_path / "logs" / "log.txt").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_one_that_is_killed_harms_nothing(scene, head, behave, video, tmp_path, number):
    """A system short of memory kills the largest process."""
    behave("wait")
    objects = {obj.name for obj in bpy.data.objects}
    process = started(video, tmp_path)
    wait_for(lambda: process.standing.share > 0)
    pid = process._process.pid
    os.kill(pid, number)
    with pytest.raises(
        PersonalizeError, match=rf"signal {number:d}\), .*: give the same .*log.txt"
    ):
        process.result()
    assert not Path(f"/proc/{pid}").exists(), "a zombie is left"
    assert {obj.name for obj in bpy.data.objects} == objects
    assert not (tmp_path / "me.uhap").exists() and not process.is_running


def test_a_cancel_stops_it_cleanly(behave, video, tmp_path):
    behave("wait")
    process = started(video, tmp_path)
    wait_for(lambda: process.standing.share > 0)
    process.cancel()
    with pytest.raises(PersonalizeStopped, match="goes on"):
        process.result()


def test_one_that_does_not_listen_is_ended(behave, video, tmp_path, monkeypatch):
    monkeypatch.setattr(personalizing, "PATIENCE_SEC", 0.3)
    behave("deaf")
    process = started(video, tmp_path)
    wait_for(lambda: process.standing.share > 0)
    process.cancel()
    with pytest.raises(PersonalizeStopped):
        process.result()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_it_ends_when_the_program_around_it_dies(behave, video, tmp_path):
    behave("wait")
    code = f"""
import sys, time
from pathlib import Path
from gaussian_heads.blender import personalizing
personalizing.SCRIPT = Path({str(personalizing.SCRIPT)!r})
r = personalizing.PersonalizeRequest((Path({str(video)!r}),), Path({str(video.with_name("me.uhap"))!r}), "I agree")
p = personalizing.PersonalizeProcess(r, Path(sys.executable), Path({str(tmp_path / "log.txt")!r}))
print("process", p._process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    ) as parent:
        # Blender logs to the same place.
        pid = next(int(line.split()[1]) for line in parent.stdout if line.startswith("process "))
        parent.send_signal(signal.SIGKILL)

    def is_gone():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        # Nobody in a container collects orphans.
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

    wait_for(is_gone)
    assert is_gone()


def test_the_real_script_says_what_an_environment_lacks(tmp_path):
    # Without site-packages every Python lacks PyTorch.
    words = [sys.executable, "-I", "-S", personalizing.SCRIPT, "x.mp4", "--out", "x.uhap"]
    pipes = {"stdin": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, text=True, **pipes) as process:
        said = process.stderr.read()
        assert process.wait(60) == 1 and "The environment lacks 'torch'" in said
    # Stopped before it has begun.
    assert subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True).returncode in (
        1,
        130,
    )


def test_the_command_makes_an_avatar_and_names_the_report(behave, video, capsys):
    out = video.with_name("me.uhap")
    words = ["personalize", str(video), "--out", str(out), "--consent", CONSENT, "--minutes", "3"]
    assert cli.main(words) == 0
    said = capsys.readouterr()
    assert "me.uhap" in said.out and "me.report.html" in said.out
    assert "personalize 100 %" in said.err
    passed = json.loads(out.with_suffix(".words.json").read_text())
    assert passed[passed.index("--minutes") + 1] == "3.0"


def test_the_command_without_agreement_says_one_sentence(behave, video, capsys):
    assert cli.main(["personalize", str(video), "--out", str(video.with_suffix(".uhap"))]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "without the agreement" in said


def test_ctrl_c_stops_the_process_too(behave, video, monkeypatch, capsys):
    from gaussian_heads.blender import face_commands

    behave("wait")

    def interrupted(process):
        wait_for(lambda: process.standing.share > 0)
        interrupted.process = process
        raise KeyboardInterrupt

    monkeypatch.setattr(face_commands, "_watch", interrupted)
    words = ["personalize", str(video), "--out", str(video.with_suffix(".uhap"))]
    assert cli.main([*words, "--consent", CONSENT]) == cli.EXIT_CANCELLED
    assert not interrupted.process.is_running


def test_without_pytorch_the_way_to_it_is_said(monkeypatch, user_folder, tmp_path):
    monkeypatch.setattr(personalizing.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PersonalizeError, match="Create Accelerator"):
        personalizing.torch_python()
    with pytest.raises(PersonalizeError, match="holds no Python"):
        personalizing.torch_python(tmp_path)
    assert "Create Accelerator" in people.why_not_personalize()
    assert not bpy.ops.gaussian_heads.personalize.poll()
    drawn = draw(panel.GAUSSIAN_HEADS_PT_people)
    assert "Create" in " ".join(drawn.labels)


def test_the_environment_of_the_preferences_is_used(user_folder, monkeypatch):
    folder = preferences.accelerator_plan().folder
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    python.parent.mkdir(parents=True)
    python.touch()
    (folder / accelerator.MARKER).write_text("made")
    assert people.environment_python() == python


def test_the_operator_asks_for_agreement(behave, user_folder, video):
    for words in ({}, {"statement": CONSENT}, {"is_agreed": True}):
        with pytest.raises(RuntimeError, match="without the agreement"):
            bpy.ops.gaussian_heads.personalize(filepath=str(video), **words)
    assert people.current_process() is None


def test_the_operator_puts_the_person_into_library_and_scene(scene, behave, user_folder, video):
    done = bpy.ops.gaussian_heads.personalize(
        filepath=str(video), person="Ada B.", statement=CONSENT, is_agreed=True
    )
    avatar = preferences.avatar_folder() / "Ada_B_.uhap"
    assert done == {"FINISHED"} and avatar.is_file()
    assert avatar in [entry.path for entry in library_entries()]
    assert [obj.name for obj in scene.objects] == ["Small Head"]
    assert people.last_avatar() == avatar and people.report_of(avatar).is_file()
    drawn = draw(panel.GAUSSIAN_HEADS_PT_people)
    assert "stands in your library" in " ".join(drawn.labels)
    assert "wm.path_open" in drawn.operators
    # The next one of that name does not overwrite it.
    assert people.out_path("Ada B.").name == "Ada_B__2.uhap"


def test_the_examples_of_the_guide_run(scene, behave, user_folder, video, monkeypatch):
    guide = Path(__file__).resolve().parents[2] / "docs" / "SCRIPTING.md"
    text = guide.read_text("utf8").partition("\n## A new person\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) == 2
    monkeypatch.chdir(video.parent)
    names = {"bpy": bpy, "Path": Path}
    for block in blocks:
        exec(compile(block, "docs/SCRIPTING.md", "exec"), names)
    assert names["avatar"].name == "Ada_Smith.uhap"
    assert names["avatar"].with_name("Ada_Smith_2.uhap").is_file()
    assert [obj.name for obj in scene.objects] == ["Small Head"]


def test_a_failed_one_stays_told(behave, user_folder, video):
    behave("refuse")
    with pytest.raises(RuntimeError, match="No face was found"):
        bpy.ops.gaussian_heads.personalize(filepath=str(video), statement=CONSENT, is_agreed=True)
    assert people.last_word() == (
        "No face was found in 'a.mp4': film the face from the front.",
        True,
    )
    assert "No face was" in " ".join(draw(panel.GAUSSIAN_HEADS_PT_people).labels)


def test_beside_the_interface(scene, behave, user_folder, video):
    """As the timer sees it: progress in the panel, nobody else meanwhile, cancel, the next one."""
    behave("wait")
    wanted = request(video, out=people.out_path("me"))
    process = people.start(wanted, adds_to_scene=True)
    wait_for(lambda: process.standing.doing.startswith("Finding"))
    assert people._look() == people.POLL_SEC
    assert draw(panel.GAUSSIAN_HEADS_PT_people).progresses
    assert not bpy.ops.gaussian_heads.personalize.poll()
    with pytest.raises(PersonalizeError, match="is being made"):
        people.start(wanted, adds_to_scene=False)
    bpy.ops.gaussian_heads.cancel_personalize()
    wait_for(lambda: not process.is_running)
    assert people._look() is None and people.current_process() is None
    sentence, is_fault = people.last_word()
    assert "goes on from there" in sentence and not is_fault
    behave("work")
    process = people.start(wanted, adds_to_scene=True)
    wait_for(lambda: not process.is_running and process.standing.preview is not None)
    assert people._look() is None
    assert wanted.out.is_file() and "Small Head" in scene.objects
    # Without a window icons have no number.
    assert people._icon[0][0] == str(wanted.out.with_suffix(".png"))
    assert people._previews and people.preview_icon() >= 0


def test_the_process_goes_with_the_add_on(behave, user_folder, video):
    behave("deaf")
    process = people.start(request(video, out=people.out_path("me")), adds_to_scene=False)
    people.stop_all()
    assert not process.is_running and people.current_process() is None


def test_operators_and_items_fit_the_command():
    parser = cli.build_parser()
    words = ["personalize", "a.mp4", "--out", "a.uhap", "--synthetic"]
    for name, *_ in personalize.MOTION_ITEMS:
        assert parser.parse_args([*words, "--motion", name]).motion == name
    for name, *_ in personalize.FACE_ITEMS:
        assert parser.parse_args([*words, "--face", name]).face == name
