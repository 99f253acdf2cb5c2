"""Commands are killed at random: nothing is cut short, and the next run goes on to the same end.

`make test-kills` kills each 50 times (GAUSSIAN_HEADS_KILLS=50) and prints a table as JSON; `make test` does it a few
times to some. Half of the kills strike at a step of writing, the others at a time.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from .kills import Command, torment

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="signals and process groups of Unix"
)

KILLS = int(os.environ.get("GAUSSIAN_HEADS_KILLS", 0))
SEED = int(os.environ.get("GAUSSIAN_HEADS_SEED", 20261122))
FEW = 1
CLI = "gaussian_heads.blender.cli"
BAKING = str(Path(__file__).with_name("baking.py"))
SAVING = str(Path(__file__).with_name("saving.py"))
is_long = pytest.mark.skipif(not KILLS, reason="runs in `make test-kills`")


def words(text):
    return tuple(text.split())


ANIMATE = "animate a.wav --avatar small.uhap --fps 12 --size 32 32 --backend cpu --out"
COMMANDS = {
    "animate": (CLI, words(f"{ANIMATE} a.mp4 --save-blend made/a.blend"), ("a.mp4", "made/a.blend")),
    "animate-exr": (CLI, words(f"{ANIMATE} frames --format exr"), ("frames/*.exr",)),
    "render": (CLI, words("render scene.blend --frames 1-6 --out frames"), ("frames/*.png",)),
    "bake": (BAKING, words("scene.blend at-once"), ("scene.blend",)),
    "bake-beside": (BAKING, words("scene.blend beside"), ("scene.blend",)),
    "save": (SAVING, words("scene.blend"), ("scene.blend",)),
    "export": (CLI, words("export-ply scene.blend --out ply/head.ply --frames 1-6"), ("ply/*.ply",)),
    "speech": (CLI, words("speech a.wav --out a.npz"), ("a.npz",)),
}  # fmt: skip
READY = {"save": "saving"}


def tormented(name, inputs, work, kills):
    module, said, results = COMMANDS[name]
    ready = READY.get(name, "")
    command = Command(name, module, said, inputs, results, ready, has_manners=module == CLI)
    tally = torment(command, work, kills, SEED + len(name))
    sys.stdout.write(json.dumps(tally.row()) + "\n")
    return tally


def require_unharmed(tally, kills):
    assert tally.kills == kills
    assert not tally.torn, "cut short"
    assert not tally.left_after, "left for ever"
    assert not tally.rude, "not told in one sentence"
    assert tally.identical == tally.finished > 0, tally.differences


@is_long
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_many_times(name, inputs, tmp_path):
    require_unharmed(tormented(name, inputs, tmp_path, KILLS), KILLS)


def photos(folder):
    """Two pictures of a head that speaks."""
    from PIL import Image

    from ...training.talking_films import talking_frames

    folder.mkdir(parents=True)
    for number, pixels in enumerate(talking_frames([0.0, 0.5])):
        Image.fromarray(pixels).save(folder / f"{number}.png")


def scan(folder):
    """A neutral scan of somebody whom the prior knows."""
    from gaussian_heads.training.personalize import PRIOR
    from gaussian_heads.training.prior_file import load_prior
    from PIL import Image

    (folder / "neutral").mkdir(parents=True)
    np.save(folder / "neutral/vertices.npy", load_prior(PRIOR).parts.mean_vertices)
    Image.new("RGB", (256, 256), (180, 140, 120)).save(folder / "neutral/texture.png")


PERSONS = {"scan": (scan, "--steps 0"), "photos": (photos, "--steps 2 --budget 5000")}


@is_long
@pytest.mark.parametrize("kind", PERSONS)
def test_personalize_killed_many_times(kind, tmp_path):
    pytest.importorskip("torch", reason="personalization needs the training extra")
    make, more = PERSONS[kind]
    make(tmp_path / "inputs/me")
    said = words(f"me --out me.uhap --synthetic {more}")
    module = "gaussian_heads.training.personalize"
    command = Command(f"personalize {kind}", module, said, tmp_path / "inputs", ("me.uhap",))
    tally = torment(command, tmp_path, KILLS, SEED)
    sys.stdout.write(json.dumps(tally.row()) + "\n")
    require_unharmed(tally, KILLS)


@pytest.mark.skipif(bool(KILLS), reason="the long version runs")
@pytest.mark.parametrize("name", ["animate", "bake"])
def test_killed_some_times(name, inputs, tmp_path):
    require_unharmed(tormented(name, inputs, tmp_path, FEW), FEW)
