"""Nothing connects: the whole way works where the system ends a process at its first internet socket."""

import json
import platform
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = Path(__file__).with_name("without_network.py")
STEPS = [
    "register",
    "import",
    "bake",
    "render",
    "animate",
    "encode",
    "portrait",
    "personalize",
    "unregister",
]
NETWORK_MODULES = {
    "aiohttp", "asyncio", "ftplib", "http", "httpx", "huggingface_hub", "imaplib", "pip", "poplib", "requests",
    "smtplib", "socket", "socketserver", "ssl", "telnetlib", "urllib", "urllib3", "webbrowser", "websockets", "xmlrpc",
}  # fmt: skip
# Only the command `batch --ray ADDRESS` speaks with other machines, through Ray, where whoever calls it names them.
CLUSTER = "blender/shots/ray"

linux = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"),
    reason="the system's filter of calls is Linux's",
)


def run(folder, *words):
    return subprocess.run(
        [sys.executable, SCRIPT, folder, *words], capture_output=True, text=True, cwd=folder
    )


@linux
def test_the_filter_ends_whoever_connects(tmp_path):
    assert run(tmp_path, "connect").returncode == -signal.SIGSYS


@linux
def test_nothing_connects_from_register_to_a_video(tmp_path, avatar_file):
    shutil.copy(avatar_file, tmp_path / "small.uhap")
    times = np.arange(8000) / 16_000
    soundfile.write(tmp_path / "a.wav", 0.3 * np.sin(700 * times), 16_000)
    ended = run(tmp_path)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert json.loads(ended.stdout.splitlines()[-1]) == STEPS
    assert (tmp_path / "a.mp4").stat().st_size > 1000


def shipped_sources():
    """Every Python file that goes into the extension."""
    folders = ("blender", "core", "operators", "panels", "training")
    return [ROOT / "__init__.py", *(p for f in folders for p in sorted((ROOT / f).rglob("*.py")))]


def imported(text):
    """Names of the modules that a file imports anywhere, without those of its own package."""
    return re.findall(r"^\s*(?:import|from)\s+(\w+)", text, re.MULTILINE)


def test_no_file_imports_what_connects():
    faults = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in shipped_sources()
        for name in imported(path.read_text("utf8"))
        if name in NETWORK_MODULES and not str(path.relative_to(ROOT)).startswith(CLUSTER)
    ]
    assert faults == []


def test_no_file_downloads_by_another_programs_hand():
    words = ("torch.hub", "from_pretrained", "hf_hub_download", "load_state_dict_from_url", "urlretrieve",
             "online_access", '"pip"', "wget ")  # fmt: skip
    told = {
        (str(path.relative_to(ROOT)), word)
        for path in shipped_sources()
        for word in words
        if word in path.read_text("utf8")
    }
    # The optional accelerator's environment is made by pip, after a click and with leave to be online.
    allowed = {
        ("operators/create_accelerator.py", "online_access"),
        ("blender/accelerator.py", '"pip"'),
    }
    assert told - allowed == set()
