"""The Python blocks and the `gaussian-heads` lines of all pages run, in folders with the files that they name.

What is made smaller so that it runs in seconds stands in `SMALLER`; blocks that other tests run stand in `ELSEWHERE`.
`GAUSSIAN_HEADS_ALL_COMMANDS=1`, which `make test-docs` sets, also runs the lines of `SLOW`, which start processes.
"""

import os
import re
import shutil
import sys
from pathlib import Path

import bpy
import numpy as np
import pytest
import soundfile
from gaussian_heads.blender import cli, people, personalizing
from gaussian_heads.blender.avatars import load_avatar
from gaussian_heads.blender.bake import bake_track
from gaussian_heads.blender.proxy import create_avatar_object
from gaussian_heads.blender.staging import setup_render
from gaussian_heads.blender.strips import strip_collection
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.exporters.action_units import write_action_units
from gaussian_heads.core.shots import read_shots
from gaussian_heads.core.spaces import ACTION_UNITS
from PIL import Image

from ..docs.blocks import PYTHON, ROOT, SHELL, blocks, commands_of, words_of
from ..gui.films import draw_pictures, write_film
from .conftest import make_track

# Blocks that need another environment or a stage of their own, and the test that runs them.
ELSEWHERE = {
    "docs/SCRIPTING.md": "tests/blender/test_scripting.py and tests/blender/test_personalizing.py",
    "docs/TRAINING.md": "tests/training/test_documents.py",
}
# Words that come after a command's own, and so count: pictures of a few pixels, a minute for an hour.
SMALLER = {
    "animate": ["--size", "48", "48"],
    "bake": ["--size", "48", "48"],
    "bench": ["--speech-minutes", "1"],
}
# What a command finds where the page has just made it: frames of a scene that speaks.
EARLIER = {
    "film": (
        "bake talk.wav --avatar small.uhap --size 48 48 --out talk.blend".split(),
        "render talk.blend --frames 1-24 --out frames".split(),
    )
}
# Lines that start further processes, each with a Blender of its own.
SLOW = ("batch", "shot", "bench")
SAMPLE = SAMPLE_SENTENCE.relative_to(ROOT)
RUNS_ALL = bool(os.environ.get("GAUSSIAN_HEADS_ALL_COMMANDS"))


def ours(command):
    """The words after `gaussian-heads` or `blender --command gaussian_heads`, or None."""
    words = words_of(command, os.environ | {"name": "maya"})
    if words[:1] == ["gaussian-heads"]:
        return words[1:]
    return words[3:] if words[:3] == ["blender", "--command", "gaussian_heads"] else None


def lines():
    """The words of every line that our command line runs; what pages say twice runs once."""
    found = {}
    for block in blocks(*SHELL):
        for command in commands_of(block):
            if re.match(r"(gaussian-heads|blender --command gaussian_heads) ", command):
                name = f"{block}: {command}"[:90]
                found.setdefault(tuple(ours(command)), pytest.param(ours(command), id=name))
    return list(found.values())


@pytest.fixture(scope="session")
def files(avatar_file, tmp_path_factory):
    """A folder with the files that pages name: half-second sounds, a short film, small scenes, a list of shots."""
    folder = tmp_path_factory.mktemp("documents")
    samples, rate = soundfile.read(SAMPLE_SENTENCE)
    for name in ("talk.wav", "line.wav", "sound/opening.wav", "sound/answer.wav"):
        (folder / name).parent.mkdir(exist_ok=True)
        soundfile.write(folder / name, samples[: rate // 2], rate)
    for name in ("small.uhap", "me.uhap", "build/tiny/somebody.uhap"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(avatar_file, folder / name)
    pictures = draw_pictures()
    for name in ("take.mp4", "me.mp4"):
        write_film(folder / name, 8, pictures)
    for name in ("photo.jpg", "front.jpg", "left.jpg", "right.jpg"):
        write_picture(folder / name, pictures[0])
    (folder / "shots.csv").write_text(
        "name,audio,avatar,fps,size,output\n"
        "sh010,sound/opening.wav,small.uhap,24,48x48,mp4\n"
        "sh020,sound/answer.wav,small.uhap,24,48x48,png\n"
    )
    soundfile.write(folder / "two_seconds.wav", samples[: 2 * rate], rate)
    recorded = ["speech", str(folder / "two_seconds.wav"), "--out", str(folder / "take3.csv")]
    assert cli.main(recorded) == 0
    units = np.zeros((12, len(ACTION_UNITS)), np.float32)
    units[:, ACTION_UNITS.index("AU12")] = np.linspace(0, 4, 12)
    write_action_units(folder / "take3_units.csv", np.arange(12) / 25, units)
    for number in range(1, 25):
        picture = folder / "frames" / f"{number:04d}.png"
        picture.parent.mkdir(exist_ok=True)
        Image.new("RGB", (48, 48)).save(picture)
    for name in ("shot.blend", "talk.blend"):
        write_scene(folder / name, folder / "small.uhap", [] if name == "talk.blend" else ["Ada"])
    return folder


def write_picture(path, pixels):
    image = bpy.data.images.new("picture", pixels.shape[1], pixels.shape[0])
    rgba = np.dstack([pixels[::-1] / 255, np.ones(pixels.shape[:2])]).astype(np.float32)
    image.pixels.foreach_set(rgba.ravel())
    image.file_format, image.filepath_raw = "JPEG", str(path)
    image.save()
    bpy.data.images.remove(image)


def write_scene(path, avatar, others):
    """A scene of 48 x 48 pixels in which Maya, and others beside her, say a second of noise."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 24
    for name in ["Maya", *others]:
        head = create_avatar_object(str(avatar), load_avatar(avatar), scene.collection)
        head.name = name
        bake_track(head, make_track(24), first_frame=1)
    setup_render(scene)
    scene.render.resolution_x = scene.render.resolution_y = 48
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


@pytest.fixture
def place(files, tmp_path, monkeypatch, portrait_networks):
    """The current folder, with the files that pages name in it; portraits are drawn at once."""
    shutil.copytree(files, tmp_path / "page")
    (tmp_path / "page" / "assets").symlink_to(ROOT / "assets")
    monkeypatch.chdir(tmp_path / "page")
    return tmp_path / "page"


@pytest.fixture
def stand_in_for_torch(place, monkeypatch):
    """`personalize` starts the stand-in of its own tests: this environment may have no PyTorch."""
    script = shutil.copy(Path(__file__).with_name("people_script.py"), place / "run.py")
    (place / "behaviour.txt").write_text("work")
    monkeypatch.setattr(personalizing, "SCRIPT", Path(script))


@pytest.mark.parametrize("words", lines())
def test_a_line_for_the_shell_runs(words, place, stand_in_for_torch, monkeypatch, capsys):
    cli.build_parser().parse_args(words)
    if (words[0] in SLOW or str(SAMPLE) in words) and not RUNS_ALL:
        pytest.skip("starts processes or draws a whole sentence: make test-docs runs it")
    if "--ray" in words:
        pytest.skip("needs a cluster: make test-farms starts one")
    for earlier in EARLIER.get(words[0], ()):
        assert cli.main(earlier) == 0, capsys.readouterr().err
    if words[0] == "personalize":
        for module in (people, personalizing):
            monkeypatch.setattr(module, "torch_python", lambda folder=None: Path(sys.executable))
    assert cli.main([*words, *SMALLER.get(words[0], ())]) == 0, capsys.readouterr().err
    if "--out" in words and "--dry-run" not in words:
        out = Path(words[words.index("--out") + 1])
        made = list(out.parent.glob(f"{out.stem}*"))
        assert made and any(path.is_dir() or path.stat().st_size for path in made)


def blender_lines():
    found = [(block, c) for block in blocks(*SHELL) for c in commands_of(block)]
    return [pytest.param(c, id=f"{b}: {c}") for b, c in found if c.startswith("blender -b ")]


@pytest.mark.parametrize("command", blender_lines())
def test_a_line_for_blender_itself_renders(command, place):
    """As Blender reads its words from left to right: the file, first and last frame, all of them."""
    words = words_of(command, {})
    assert words[:2] == ["blender", "-b"] and words[-1] == "-a"
    bpy.ops.wm.open_mainfile(filepath=str(place / words[2]))
    scene = bpy.context.scene
    given = dict(zip(words[3:-1:2], words[4:-1:2], strict=True))
    scene.frame_start, scene.frame_end = int(given["-s"]), int(given["-e"])
    scene.render.filepath = str(place / "frames" / "####")
    assert bpy.ops.render.render(animation=True) == {"FINISHED"}
    assert len(list((place / "frames").iterdir())) == int(given["-e"]) - int(given["-s"]) + 1


def acting_stage(place):
    """A head that speaks a line, before a camera, and a rig with a bone called head."""
    add_strip("line.wav", "Line 1")
    head = add_head("Ada")
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    bpy.context.scene.collection.objects.link(camera)
    camera.location = (0.2, -1.0, 0.0)
    add_rig()
    bpy.context.view_layer.objects.active = head


def exchange_stage(place):
    """A head that speaks, selected; the scene is saved, and a mesh with shape keys follows later."""
    add_strip("line.wav", "Line 1")
    add_head("Ada")
    bpy.context.scene.frame_end = 250
    bpy.ops.wm.save_as_mainfile(filepath=str(place / "scene.blend"))


def character_stage(place):
    """A mesh with shape keys, beside a head that speaks and a sound strip."""
    exchange_stage(place)
    mesh = bpy.data.meshes.new("Character")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    character = bpy.data.objects.new("Character", mesh)
    bpy.context.scene.collection.objects.link(character)
    for name in ("Basis", "jawOpen", "mouthSmileLeft", "mouthPucker"):
        character.shape_key_add(name=name, from_mix=False)
    bpy.context.view_layer.objects.active = character


def composite_stage(place):
    """A head before a camera, two frames, drawn by Cycles with one sample."""
    bpy.ops.wm.open_mainfile(filepath=str(place / "talk.blend"))
    scene = bpy.context.scene
    scene.frame_end = 2
    scene.cycles.samples = 1
    scene.render.filepath = str(place / "frames" / "####")


def dialogue_stage(place):
    """Two heads and the strips of two lines."""
    for name in ("Ada", "Ben"):
        add_head(name, is_baked=False)
    add_strip("line.wav", "Hello")
    add_strip("talk.wav", "Good evening", channel=2)


def portrait_stage(place):
    """A head that speaks, on four frames."""
    add_head("Ada")
    bpy.context.scene.frame_end = 4


def add_head(name, *, is_baked=True):
    scene, avatar = bpy.context.scene, Path("small.uhap").absolute()
    head = create_avatar_object(str(avatar), load_avatar(avatar), scene.collection)
    head.name = name
    if is_baked:
        bake_track(head, make_track(24), first_frame=1)
    bpy.context.view_layer.objects.active = head
    head.select_set(True)
    return head


def add_strip(sound, name, channel=1):
    path = str(Path(sound).absolute())
    strip_collection(bpy.context.scene).new_sound(name, path, channel=channel, frame_start=1)


def add_rig():
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bone = rig.data.edit_bones.new("head")
    bone.tail = (0.0, 0.0, 0.1)
    bpy.ops.object.mode_set(mode="OBJECT")


# What a block finds in Blender, by its page and by what it calls.
STAGES = {
    ("docs/ACTING.md", ""): acting_stage,
    ("docs/INTERCHANGE.md", "match_shapes"): character_stage,
    ("docs/INTERCHANGE.md", ""): exchange_stage,
    ("docs/PORTRAIT.md", ""): portrait_stage,
    ("docs/RENDERING.md", ""): composite_stage,
    ("docs/SPEECH.md", ""): dialogue_stage,
}


def python_blocks():
    found = [block for block in blocks(*PYTHON) if block.page not in ELSEWHERE]
    return [pytest.param(block, id=str(block)) for block in found]


@pytest.mark.parametrize("block", python_blocks())
def test_a_python_block_runs(block, place, scene):
    for (page, called), stage in STAGES.items():
        if page == block.page and called in block.text:
            stage(place)
            break
    exec(compile(block.text, str(block), "exec"), {"__name__": "block"})


def test_the_package_that_the_format_page_writes_can_be_opened(place):
    (block,) = [block for block in blocks(*PYTHON) if block.page == "docs/FORMAT.md"]
    exec(compile(block.text, str(block), "exec"), {})
    avatar = Avatar.open(Path("ball.uhap"))
    jaw = avatar.control_offsets("arkit52")[avatar.control_names("arkit52").index("jawOpen")]
    still, open_ = avatar.decode(0 * jaw), avatar.decode(jaw)
    np.testing.assert_allclose(open_.means - still.means, [[0, -0.02, 0]], atol=1e-4)


def test_pages_that_run_elsewhere_have_blocks_and_tests():
    for page, tests in ELSEWHERE.items():
        assert [block for block in blocks(*PYTHON) if block.page == page], page
        for test in re.findall(r"tests/\S+\.py", tests):
            assert page.rpartition("/")[2] in (ROOT / test).read_text("utf8"), (page, test)


def test_the_file_of_shots_in_the_guide_is_read(place):
    (table,) = [b for b in blocks("csv", "") if b.text.startswith("name,audio")]
    (listed,) = [b for b in blocks("json") if '"shots"' in b.text]
    (place / "guide.csv").write_text(table.text)
    (place / "guide.json").write_text(listed.text)
    shutil.copy(place / "talk.blend", place / "set.blend")
    for name in ("guide.csv", "guide.json"):
        shots = read_shots(place / name)
        assert [shot.name for shot in shots] == ["sh010", "sh020"]
