"""The commands of docs/TRAINING.md and docs/BENCHMARKS.md that lead to a prior run in their order, from an empty folder.

The capture is made up (two persons to train on, one more), runs have two steps, pictures a few pixels: `SMALLER` says how.
"""

import importlib
import re
import shutil

import pytest

pytest.importorskip("torch", reason="needs the training extra")
pytest.importorskip("gaussian_heads_native", reason="needs gaussian-heads-native")

from ..docs.blocks import PYTHON, ROOT, SHELL, blocks, commands_of, words_of  # noqa: E402
from ..docs.claims import TORCH, claim_of  # noqa: E402
from .dataset_fixtures import write_small_capture  # noqa: E402

# Words that are added to a command's own, by its module.
SMALLER = {
    "prior": ["--steps", "2"],
    # The studio's persons are known to be made up; those of the test's capture have to be said to agree.
    "prior_export": ["--consent", "made up by a test"],
    "evaluate": ["--no-speed"],
    "draw_images": ["--views", "6", "--size", "48"],
    "fit_images": ["--steps", "4", "--max-gaussians", "2000"],
    "front_pictures": ["--height", "24"],
}
# Persons of the pages, by names that the made-up capture has.
NAMES = {"s1003": "s1000"}
VARIABLES = {"GAUSSIAN_HEADS_DATA": "data"}


def commands():
    """Module and words of every command that this file has claimed, page by page in their order."""
    found = []
    for block in blocks(*SHELL):
        for command in commands_of(block):
            claim = claim_of(command)
            if claim and TORCH in claim.why:
                _, _, module, *words = words_of(command, VARIABLES)
                found.append((str(block), module.rpartition(".")[2], words))
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An empty folder with a capture, and the settings that ship."""
    folder = tmp_path_factory.mktemp("from_nothing")
    write_small_capture(folder / "build" / "capture")
    shutil.copytree(ROOT / "training" / "configs", folder / "training" / "configs")
    (folder / "docs" / "images").mkdir(parents=True)
    return folder


def prepare(module, words, place):
    """What a command reads that another, longer way makes: ablated priors, the head of others."""
    for before, word in zip(["", *words], words, strict=False):
        if before == "--data" and not (place / word).exists():
            write_small_capture(place / word)
        name, _, prior = word.partition("=")
        if module == "evaluate" and prior and not (place / prior).exists():
            shutil.copytree(place / "build" / "prior", place / prior)
        if word.startswith("data/") and not (place / word).exists():
            (place / word).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(place / "build" / "fits" / "ada.ply", place / word)


def test_the_commands_run_in_their_order(place, monkeypatch, signals):
    monkeypatch.chdir(place)
    ran = []
    for where, module, words in commands():
        prepare(module, words, place)
        main = importlib.import_module(f"gaussian_heads.training.{module}").main
        code = main([*(NAMES.get(word, word) for word in words), *SMALLER.get(module, [])])
        assert not code, f"{where}: {module}"
        ran.append(module)
        for option in ("--out", "--sheet", "--still", "--film"):
            if option in words:
                made = place / words[words.index(option) + 1]
                assert made.exists(), f"{where}: {made}"
    order = [ran.index(name) for name in ("prior", "prior_controls", "prior_export", "evaluate")]
    assert order == sorted(order)


def test_the_python_blocks_run(place, monkeypatch):
    monkeypatch.chdir(place)
    (block,) = [block for block in blocks(*PYTHON) if block.page == "docs/TRAINING.md"]
    names = {}
    exec(compile(block.text, str(block), "exec"), names)
    assert names["pixels"].shape[:2] == (names["camera"].height, names["camera"].width)
    assert re.search(r"build/capture", block.text)
