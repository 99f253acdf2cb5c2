"""The CUDA worker: draws and decodes for Blender in a process with an environment of its own.

Started by `core/render/cuda_process.py` as a script, with the folder of the shared files; ends when its
standard input does, also in the middle of a picture. Lines: `core/render/cuda_protocol.py`.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import shutil
import sys
import threading
from pathlib import Path
from queue import Queue
from typing import Any, BinaryIO

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "gaussian_heads"
logger = logging.getLogger("cuda_worker")


def main(arguments: list[str] | None = None) -> int:
    """Serve until standard input ends; returns the exit code."""
    options = _parser().parse_args(arguments)
    answers = _private_output()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(process)d %(message)s"
    )
    lines: Queue[bytes] = Queue()
    threading.Thread(target=_read, args=(lines, options.folder), daemon=True).start()
    _serve(options, lines, answers)
    return 1


def load_package() -> None:
    """Make the add-on's folder importable under its name, whatever the folder is called."""
    if PACKAGE in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        PACKAGE, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[PACKAGE])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of the shared files; removed at the end")
    parser.add_argument(
        "--rasterizer",
        choices=("gsplat", "native"),
        default="gsplat",
        help="native draws on the processor, for checks without a card",
    )
    return parser


def _private_output() -> BinaryIO:
    """Standard output for answers alone: what libraries print goes to the log."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return answers


def _read(lines: Queue[bytes], folder: Path) -> None:
    """Runs in a thread of its own; when the client is gone nothing that is still at work matters."""
    for line in sys.stdin.buffer:
        lines.put(line)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def _serve(options: argparse.Namespace, lines: Queue[bytes], answers: BinaryIO) -> None:
    load_package()
    from gaussian_heads.core.render.cuda_protocol import PROTOCOL, decode_line, encode_line
    from gaussian_heads.training.cuda_service import Refused, Service, start_rasterizer

    def say(message: dict[str, Any]) -> None:
        answers.write(encode_line(message))
        answers.flush()

    say({"protocol": PROTOCOL, "status": "Loading"})
    try:
        rasterizer = start_rasterizer(options.rasterizer, say)
    except Refused as refusal:
        logger.error("%s", refusal)
        say({"error": str(refusal)})
        return
    service = Service(rasterizer)
    logger.info("ready: %s", rasterizer.facts)
    say({"ready": rasterizer.facts})
    while True:
        request = decode_line(lines.get())
        say({"id": request.get("id"), **service.answer(request)})


if __name__ == "__main__":
    raise SystemExit(main())
