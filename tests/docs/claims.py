"""What the tests do with every kind of command on the pages: who runs it, or why it is only checked."""

from __future__ import annotations

import re
from dataclasses import dataclass

RUN, CHECKED = "run", "checked"


@dataclass(frozen=True)
class Claim:
    """A kind of command: a pattern of its beginning, whether it runs, and who runs it or why it does not."""

    kind: str
    pattern: str
    how: str
    why: str


OURS = "tests/blender/test_documents.py"
TORCH = "tests/training/test_documents.py"
CHAIN = "data that the tests make"
CLAIMS = (
    Claim("`make demo`", r"make demo\b", RUN, "tests/docs/test_commands.py, 32 pixels wide"),
    Claim(
        "`make docs`, `make check-links`, `make bench`",
        r"make (docs|check-links|bench|release)\b",
        CHECKED,
        "minutes, or other people's servers",
    ),
    Claim("other `make` targets", r"make [\w-]+", CHECKED, "they are these tests, or hold them"),
    Claim(
        "`.ci/…`", r"(python3 )?\.ci/\S+", CHECKED, "they make the environment that tests run in"
    ),
    Claim(
        "`gaussian-heads personalize`",
        r"(gaussian-heads|blender --command gaussian_heads) personalize\b",
        RUN,
        f"{OURS}, with a stand-in for PyTorch",
    ),
    Claim(
        "`gaussian-heads …`, `blender --command gaussian_heads …`",
        r"(gaussian-heads|blender --command gaussian_heads) ",
        RUN,
        f"{OURS}, at 48 pixels; `batch`, `shot` and `bench` in `make test-docs`",
    ),
    Claim(
        "`openjd …`",
        r"openjd (check|run) ",
        RUN,
        "tests/farms/test_openjd.py, in `make test-farms`",
    ),
    Claim(
        "`ray start`, `deadline …`",
        r"(ray start|deadline) ",
        CHECKED,
        "machines and accounts; tests/farms has a cluster of its own",
    ),
    Claim("`blender -b FILE …`", r"blender -b ", RUN, f"{OURS}, in `bpy`"),
    Claim(
        "`training.prior` and what reads it",
        r"python -m gaussian_heads\.training\.(prior|prior_controls|prior_export|evaluate|draw_images|fit_images|"
        r"front_pictures)\b",
        RUN,
        f"{TORCH}, {CHAIN}, two steps",
    ),
    Claim(
        "`training.capture …`",
        r"python -m gaussian_heads\.training\.(capture|fit_head|contact_sheet)",
        CHECKED,
        "the data folder, and Cycles for minutes a person",
    ),
    Claim(
        "other `training` modules",
        r"(python -m gaussian_heads\.training\.|torchrun )",
        CHECKED,
        "the data folder or hours; each has tests with data that they make",
    ),
    Claim(
        "`python bench/…`",
        r"python bench/",
        CHECKED,
        "the data folder, or minutes on a quiet machine",
    ),
    Claim(
        "environments: `venv`, `pip install`, `source`",
        r"(\S*python[\d.]* -m venv|\S*pip install|source) ",
        CHECKED,
        "gigabytes from the network",
    ),
    Claim("`pytest`", r"\.venv/bin/python -m pytest ", CHECKED, "they are these tests"),
    Claim(
        "`git clone`, `cd`", r"(git clone|cd) ", CHECKED, "continuous integration starts with them"
    ),
    Claim("variables", r"(export )?[A-Z_]+=", RUN, "set for the lines after them"),
)


def claim_of(command: str) -> Claim | None:
    """The first claim on a command; None where nobody claims it."""
    return next((claim for claim in CLAIMS if re.match(claim.pattern, command)), None)
