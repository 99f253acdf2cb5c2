"""docs/SCRIPTING.md says what is there, its examples run, and every operator serves scripts."""

import argparse
import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import bpy
import pytest
import soundfile
from gaussian_heads.blender import cli
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from gaussian_heads.core.shot_cells import COLUMNS
from gaussian_heads.core.shots import Shot
from gaussian_heads.operators import _classes

from ..gui.films import draw_pictures, write_film

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "SCRIPTING.md").read_text("utf8")
OPERATORS = {
    cls.bl_idname.removeprefix("gaussian_heads."): cls
    for cls in _classes()
    if issubclass(cls, bpy.types.Operator)
}

# They fetch a gigabyte or start a card's driver; tests/blender/test_accelerator.py has them.
HEAVY = {"create_accelerator", "check_accelerator"}
# Properties that Blender's own mix-ins for file dialogs and presets bring along.
HELPERS = {"filepath", "filter_glob", "check_existing", "directory", "remove_active", "remove_name"}


def section(title):
    """The text under a heading, up to the next one of its level."""
    level = title.partition(" ")[0]
    start = GUIDE.index(f"\n{title}\n") + len(title) + 2
    end = re.search(rf"^{level} ", GUIDE[start:], re.M)
    return GUIDE[start : start + end.start() if end else None]


def table(text):
    """The cells of every row of the tables in `text`, without their headings."""
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in row] for row in rows if not set(row[0]) <= set(" -:")][1:]


def quoted(text):
    return re.findall(r"`([^`]+)`", text)


@pytest.fixture(scope="module")
def speech_folder(tmp_path_factory, avatar_file):
    """A folder with half a second of speech and a small avatar."""
    folder = tmp_path_factory.mktemp("scripting")
    samples, rate = soundfile.read(SAMPLE_SENTENCE)
    soundfile.write(folder / "a.wav", samples[: rate // 2], rate)
    shutil.copy(avatar_file, folder / "small.uhap")
    return folder


@pytest.fixture(scope="module")
def called(speech_folder):
    """What every operator did in `calling.py`: [name, scene, arguments, outcome]."""
    script = Path(__file__).with_name("calling.py")
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(speech_folder / "user")}
    done = subprocess.run(
        [sys.executable, script, speech_folder],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((speech_folder / "report.json").read_text())


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_explains_itself(name):
    rna = getattr(bpy.ops.gaussian_heads, name).get_rna_type()
    texts = {"": rna.description}
    texts |= {
        p.identifier: p.description
        for p in rna.properties
        if p.identifier != "rna_type" and not p.is_hidden and p.identifier not in HELPERS
    }
    for which, text in texts.items():
        assert text[:1].isupper() and len(text) > 8, f"{which}: '{text}'"
        assert not text.endswith("."), f"{which}: Blender adds the full stop"


@pytest.mark.parametrize("name", OPERATORS)
def test_a_file_browser_shows_folders_too(name):
    """Blender hides them from operators that name kinds of files; nobody could go anywhere."""
    properties = getattr(bpy.ops.gaussian_heads, name).get_rna_type().properties
    kinds = {p.identifier for p in properties if p.identifier.startswith("filter_")}
    if kinds - {"filter_glob"}:
        assert properties["filter_folder"].default, kinds


@pytest.mark.parametrize("name", sorted(set(OPERATORS) - HEAVY))
def test_an_operator_works_or_says_why_not(called, name):
    outcomes = [outcome for outcome in called if outcome[0] == name]
    assert len(outcomes) >= 2
    for _, kind, arguments, outcome in outcomes:
        if isinstance(outcome, list):
            assert set(outcome) <= {"FINISHED", "CANCELLED", "PASS_THROUGH"}, outcome
            continue
        case = f"in the scene '{kind}' with {arguments}: {outcome}"
        assert "Traceback" not in outcome and "context is incorrect" not in outcome, case
        said = [line for line in outcome.splitlines() if line.startswith(("Error: ", "Operator "))]
        assert len(said) == 1, case
        sentence = re.sub(r"^(Error: |Operator \S+\.poll\(\) )", "", said[0])
        assert sentence[:1].isupper() or sentence[:1] == "'", case
        assert sentence.endswith("."), case


def test_files_that_are_none_are_refused(called):
    for name, kind, arguments, outcome in called:
        if "nowhere" in arguments.get("filepath", "") and name.startswith(("import", "previz")):
            assert isinstance(outcome, str), (name, kind, outcome)


def test_the_table_of_operators_is_complete():
    rows = table(section("## Operators"))
    listed = [quoted(row[0])[0].removeprefix("gaussian_heads.") for row in rows]
    assert sorted(listed) == sorted(OPERATORS)
    for row in rows:
        functions = quoted(row[1])
        assert functions, row
        for function in functions:
            module, _, name = function.rpartition(".")
            found = getattr(importlib.import_module(f"gaussian_heads.{module}"), name)
            assert callable(found) and found.__doc__, function


def test_the_examples_run(speech_folder, monkeypatch, tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", section("## A tour"), re.S)
    assert len(blocks) >= 8
    for name in ("a.wav", "small.uhap"):
        shutil.copy(speech_folder / name, tmp_path / name.replace("a.wav", "line.wav"))
    write_film(tmp_path / "take.mp4", 8, draw_pictures())
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks:
        exec(compile(block, "docs/SCRIPTING.md", "exec"), names)
    for made in ("ada.csv", "frame.png", "talk.mp4", "out/sh010.mp4", "talk.blend"):
        assert (tmp_path / made).stat().st_size > 0, made


def commands():
    actions = cli.build_parser()._actions
    return next(a for a in actions if isinstance(a, argparse._SubParsersAction)).choices


@pytest.mark.parametrize("name", commands())
def test_the_reference_of_a_command_is_complete(name):
    parser = commands()[name]
    options = {
        word
        for action in parser._actions
        for word in action.option_strings
        if word.startswith("--") and word != "--help"
    }
    places = [a.dest for a in parser._actions if not a.option_strings]
    text = section(f"### `{name}`")
    style = {f"--{field.replace('_', '-')}" for field in cli.STYLE_HELP}
    if "manner of speaking" in text:
        options -= style
    assert {word.split()[0] for word in quoted(text) if word.startswith("--")} == options
    for place in places:
        assert f"`{place.upper()}`" in text, place


def test_the_manner_of_speaking_is_listed():
    listed = [quoted(row[0])[0] for row in table(section("### Manner of speaking"))]
    assert listed == [f"--{name.replace('_', '-')}" for name in cli.STYLE_HELP]
    from dataclasses import fields

    from gaussian_heads.core.speech import SpeechStyle

    assert set(cli.STYLE_HELP) == {field.name for field in fields(SpeechStyle)}


def test_the_columns_of_shots_are_listed():
    listed = [quoted(row[0])[0] for row in table(section("### Columns"))]
    assert [name for name in listed if name != "head"] == [
        name for name in COLUMNS if name not in cli.STYLE_HELP
    ]
    assert set(listed) - {"head"} == set(Shot.__dataclass_fields__) - {"style"}


def test_lines_for_a_shell_are_words_that_the_command_line_knows():
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE, re.S)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    known = [w[1:] for w in words if w[:1] == ["gaussian-heads"]]
    known += [w[3:] for w in words if w[:3] == ["blender", "--command", "gaussian_heads"]]
    assert len(known) >= 2
    for arguments in known:
        cli.build_parser().parse_args(arguments)
