"""A repository of two releases over HTTP, the second of which appears when a test asks for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

MARKER = "the second release"


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *arguments):
        """Nothing: tests print what matters."""


@contextmanager
def served(folder: Path):
    """Address of the index of the repository in `folder`, served until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/index.json"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def generate_index(tool: Path, folder: Path) -> None:
    """Write the index of the zips in `folder` with Blender's own tool."""
    command = [sys.executable, tool, "server-generate", "--repo-dir", folder, "--html"]
    subprocess.run(command, check=True, capture_output=True)


def next_release(path: Path, folder: Path, version: str = "99.0.0") -> Path:
    """The zip at `path` as a later release whose `core.assets` has `RELEASE_MARKER`."""
    target = folder / f"gaussian_heads-{version}.zip"
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for member in old.infolist():
            data = old.read(member)
            if member.filename == "blender_manifest.toml":
                lines = data.decode("utf8").splitlines()
                lines = [
                    f'version = "{version}"' if x.startswith("version = ") else x for x in lines
                ]
                data = "\n".join(lines).encode()
            elif member.filename == "core/assets.py":
                data += f'\nRELEASE_MARKER = "{MARKER}"\n'.encode()
            new.writestr(member, data)
    return target


def fill(folder: Path, first: Path, tool: Path) -> None:
    """A repository with the first release alone."""
    folder.mkdir()
    shutil.copy(first, folder)
    generate_index(tool, folder)
