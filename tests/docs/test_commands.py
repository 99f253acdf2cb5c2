"""Every line for a shell on every page is claimed, and is good at least down to its parser, flags and paths.

Lines that run for real do so in the tests that `claims.py` names; docs/COMMANDS.md holds the same table for people.
"""

import argparse
import importlib
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from gaussian_heads.blender import cli

from .blocks import PYTHON, ROOT, SHELL, blocks, blocks_of, commands_of, pages, words_of
from .claims import CLAIMS, claim_of

KNOWN_LANGUAGES = {*SHELL, *PYTHON, "", "json", "csv", "yaml", "text", "toml", "javascript", "ini"}
# Folders of the repository: what a command reads from them must be there.
OF_THE_REPOSITORY = ("assets/", "training/", "bench/", "wheels/", ".ci/", "tests/", "native/")
WRITES = ("--out", "--sheet", "--curve", "--still", "--film", "--work", "--json")


def commands():
    """Page, command and the variables that the page has set so far, of every line."""
    found = []
    for page in pages():
        variables = {"GAUSSIAN_HEADS_DATA": "data", "HOME": "home"}
        for block in blocks_of(page):
            if block.language not in SHELL:
                continue
            for command in commands_of(block):
                for name, value in re.findall(r"""\b([A-Z_]+)=("[^"]*"|[^\s;]+)""", command):
                    variables[name] = words_of(value, variables)[0]
                if not re.match(r"(export )?[A-Z_]+=", command):
                    found.append(
                        pytest.param(command, dict(variables), id=f"{block}: {command}"[:100])
                    )
    return found


@pytest.mark.parametrize(("command", "variables"), commands())
def test_a_command_is_claimed(command, variables):
    assert claim_of(command), "add a claim, or write a command that a test can run"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.kind)
def test_a_claim_is_in_the_table_for_people(claim):
    table = (ROOT / "docs" / "COMMANDS.md").read_text("utf8")
    assert f"| {claim.kind} | {claim.how} | {claim.why} |" in table


def test_the_table_holds_no_other_claims():
    rows = re.findall(
        r"^\| (.+?) \| (run|checked) \|", (ROOT / "docs" / "COMMANDS.md").read_text("utf8"), re.M
    )
    assert [kind for kind, _ in rows] == [claim.kind for claim in CLAIMS]


def test_blocks_say_their_language():
    unknown = {block.language for page in pages() for block in blocks_of(page)} - KNOWN_LANGUAGES
    assert not unknown
    plain = [block for block in blocks("") for line in block.text.splitlines() if claim_of(line)]
    assert not plain, "these are commands: call them sh"


class Parsed(Exception):
    """A command's own parser took its words."""


@pytest.fixture
def parses_only(monkeypatch):
    """Parsers raise `Parsed` once they have read all words and refused none."""
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(self, *words, **named):
        parse(self, *words, **named)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)


def of_kind(pattern):
    return [found for found in commands() if re.match(pattern, found.values[0])]


@pytest.mark.parametrize(("command", "variables"), of_kind(r"gaussian-heads |blender --command"))
def test_our_command_line_knows_the_words(command, variables):
    words = words_of(command, variables)
    cli.build_parser().parse_args(words[1 if words[0] == "gaussian-heads" else 3 :])


@pytest.mark.parametrize(("command", "variables"), of_kind(r"python -m gaussian_heads\.|torchrun "))
def test_a_module_knows_the_words(command, variables, parses_only, monkeypatch):
    words = words_of(command, variables)
    module, *others = words[words.index("-m") + 1 :]
    name = f"{module}.__main__" if (package_of(module) / "__main__.py").exists() else module
    assert importlib.util.find_spec(name), "there is no such module"
    require_paths(others)
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs the training extra: make test-training")
    monkeypatch.setattr(sys, "argv", [module, *others])
    with pytest.raises(Parsed):
        importlib.import_module(name).main()


def package_of(module):
    return ROOT.joinpath(*module.split(".")[1:])


@pytest.mark.parametrize(("command", "variables"), of_kind(r"python bench/"))
def test_a_benchmark_knows_the_words(command, variables, parses_only, monkeypatch):
    path, *others = words_of(command, variables)[1:]
    file = ROOT / path / "__main__.py" if (ROOT / path).is_dir() else ROOT / path
    assert file.is_file()
    if importlib.util.find_spec("torch") is None:
        pytest.skip("needs the training extra: make test-training")
    parser_words = [word for word in others if word.startswith("-")]
    text = "".join(p.read_text("utf8") for p in file.parent.glob("*.py"))
    for word in parser_words:
        assert f'"{word}"' in text, word


def require_paths(words):
    """What is read from the repository is there."""
    for before, word in zip(["", *words], words, strict=False):
        if word.startswith(OF_THE_REPOSITORY) and before not in WRITES:
            assert (ROOT / word).exists(), word


@pytest.mark.parametrize(("command", "variables"), of_kind(r"make "))
def test_make_knows_the_target(command, variables):
    words = words_of(command, variables)
    done = subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("command", "variables"), of_kind(r"(python3 )?\.ci/"))
def test_a_script_of_continuous_integration_is_there(command, variables, parses_only, monkeypatch):
    words = words_of(command, variables)
    script = ROOT / next(word for word in words if word.startswith(".ci/"))
    assert script.is_file()
    if words[0] != "python3":
        assert os.access(script, os.X_OK)
        return
    spec = importlib.util.spec_from_file_location("set_up", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(
        sys, "argv", [str(script), *words[words.index(str(script.relative_to(ROOT))) + 1 :]]
    )
    with pytest.raises(Parsed):
        module.main()


@pytest.mark.parametrize(
    ("command", "variables"), of_kind(r"\S*(pip install|python[\d.]* -m venv)")
)
def test_what_is_installed_is_there(command, variables):
    words = words_of(command, variables)
    if "-r" in words:
        assert (ROOT / words[words.index("-r") + 1]).is_file()


@pytest.mark.parametrize(("command", "variables"), of_kind(r"\.venv/bin/python -m pytest "))
def test_tests_that_are_named_are_there(command, variables):
    for word in words_of(command, variables)[3:]:
        assert word.startswith("-") or (ROOT / word).exists(), word


@pytest.mark.parametrize(("command", "variables"), of_kind(r"source "))
def test_an_environment_is_made_before_it_is_used(command, variables):
    environment = Path(command.split()[1]).parts[0]
    made = [other.values[0] for other in commands() if f"--venv {environment}" in other.values[0]]
    assert made


def test_comments_and_continued_lines():
    from .blocks import Block

    block = Block("p", 1, "sh", "$ a 'b # c' \\\n    --d  # it's e\n# f\n\ng#h\n")
    assert commands_of(block) == ["a 'b # c' --d", "g#h"]
    assert words_of('x $P "$Q"', {"P": "1 2", "Q": "3 4"}) == ["x", "1", "2", "3 4"]


def test_an_unknown_command_is_claimed_by_nobody():
    assert claim_of("curl https://example.org | sh") is None


def test_make_demo_runs_small(tmp_path):
    """The line that `make demo` ends with, at 32 pixels and in a folder of the test's."""
    pytest.importorskip("bpy", reason="needs the bpy wheel")
    if not os.environ.get("GAUSSIAN_HEADS_ALL_COMMANDS"):
        pytest.skip("half a minute: make test-docs runs it")
    lines = subprocess.run(["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True).stdout
    words = shlex.split(lines.splitlines()[-1])
    assert Path(words[0]).name == "gaussian-heads"
    words[words.index("--out") + 1] = str(tmp_path / "demo.mp4")
    words[words.index("--save-blend") + 1] = str(tmp_path / "demo.blend")
    size = words.index("--size")
    words[size + 1 : size + 3] = ["32", "32"]
    call = "import sys; from gaussian_heads.blender.cli import main; sys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", call, *words[1:]], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    for name in ("demo.mp4", "demo.blend"):
        assert (tmp_path / name).stat().st_size > 1000
