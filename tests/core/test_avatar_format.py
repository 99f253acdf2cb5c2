"""The format's page is true: its example opens, its lists are the tables."""

import re
from pathlib import Path

import numpy as np
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.avatar.archive import MAX_BYTES
from gaussian_heads.core.spaces import ACTION_UNITS, ARKIT_BLENDSHAPES, META_VISEMES, arkit_vector

PAGE = Path(__file__).resolve().parents[2] / "docs" / "FORMAT.md"


def test_example_of_the_page_opens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.search(r"```python\n(.*?)```", PAGE.read_text("utf8"), re.S).group(1)
    exec(compile(code, str(PAGE), "exec"), {})
    avatar = Avatar.open("ball.uhap")
    dropped = avatar.decode(arkit_vector({"jawOpen": 0.5}))
    np.testing.assert_allclose(dropped.means, [[0, -0.01, 0]], atol=1e-5)
    np.testing.assert_allclose(dropped.scales, np.exp(-3), rtol=1e-6)
    np.testing.assert_allclose(dropped.opacities, 1 / (1 + np.exp(-4)), rtol=1e-6)


def test_lists_of_the_page_are_the_tables():
    text = PAGE.read_text("utf8")
    for key, names in (("arkit52", ARKIT_BLENDSHAPES), ("au", ACTION_UNITS)):
        block = re.search(rf"\* \*\*{key}\*\*: (.*?)\n\*", text, re.S).group(1)
        assert tuple(re.findall(r"`(\w+)`", block)) == names
    block = re.search(r"\* \*\*visemes\*\*: (.*?)\n\n", text, re.S).group(1)
    assert tuple(re.findall(r"`(\w+)`", block)) == META_VISEMES


def test_limits_of_the_page_are_the_code_s():
    text = PAGE.read_text("utf8")
    for name, limit in MAX_BYTES.items():
        row = re.search(rf"\| `{re.escape(name)}` \|.*\| (\d+) MiB \|", text)
        assert int(row.group(1)) * 2**20 == limit, name
