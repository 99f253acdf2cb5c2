"""The runtime of networks."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("onnxruntime", reason="needs onnxruntime, one of the requirements")

OPEN = """
from gaussian_heads.core.assets import SPEECH_MODEL
from gaussian_heads.core.speech import SpeechModel
SpeechModel.open(SPEECH_MODEL)
"""


def test_a_network_that_is_opened_leaves_nothing_about_the_computer(tmp_path):
    """onnxruntime 1.31 keeps an identity and events to send in the user's cache, unless it is forbidden."""
    places = {name: str(tmp_path) for name in ("HOME", "XDG_CACHE_HOME", "TMPDIR", "LOCALAPPDATA")}
    settings = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | places
    done = subprocess.run(
        [sys.executable, "-c", OPEN], capture_output=True, text=True, env=settings
    )
    assert done.returncode == 0, done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
