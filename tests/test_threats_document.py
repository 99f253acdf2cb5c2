"""The page on threats names what is there: every function, and the bounds that the bombs are measured against."""

import re
from pathlib import Path

import pytest
from gaussian_heads.core.video_container import SELF_CONTAINED

pytest.importorskip("hypothesis", reason="the bombs are part of the fuzzing tests")

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "THREATS.md").read_text("utf8")
NAMED = re.findall(r"`([\w/]+\.py):(\w+)`", PAGE)


def test_many_functions_are_named():
    assert len(NAMED) > 40


@pytest.mark.parametrize("file, function", sorted(set(NAMED)))
def test_what_is_named_is_there(file, function):
    assert re.search(rf"^\s*def {function}\b", (ROOT / file).read_text("utf8"), re.MULTILINE)


def test_numbers_are_those_of_the_code():
    from .fuzz.bombs import BOMBS

    assert f"a list of {len(SELF_CONTAINED)} names" in PAGE
    table = PAGE.partition("| reader | memory |")[2].partition("\n\n")[0]
    told_mb = {round(1000 * float(number)) for number in re.findall(r"([\d.]+) GB", table)}
    assert told_mb == {bomb.most_mb for bomb in BOMBS}
