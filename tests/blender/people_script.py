"""Stands in for training/personalize_process.py: tells stages, writes what it was asked for, stops with its input."""

import json
import os
import struct
import sys
import threading
import time
import zlib
from pathlib import Path


def tell(stage, share, preview=None):
    stages = ["read", "find", "encode", "guess", "fit", "motion", "export", "report"]
    line = {"stage": stage, "share": share, "of": stages, "preview": preview and str(preview)}
    print(json.dumps(line), flush=True)


def write_png(path):
    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    rows = zlib.compress(b"".join(b"\0" + b"\x80\x60\x40" * 8 for _ in range(8)))
    header = struct.pack(">IIBBBBB", 8, 8, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def listen(stopped):
    while os.read(0, 4096):
        pass
    stopped.set()


def main():
    words = sys.argv[1:]
    out = Path(words[words.index("--out") + 1])
    words_file = out.with_suffix(".words.json")
    words_file.write_text(json.dumps(words))
    behaviour = Path(__file__).with_name("behaviour.txt").read_text()
    stopped = threading.Event()
    threading.Thread(target=listen, args=(stopped,), daemon=True).start()
    print("no JSON: a library says something", flush=True)
    tell("read", 1.0)
    if behaviour == "refuse":
        sys.stderr.write("No face was found in 'a.mp4': film the face from the front.\n")
        return 1
    if behaviour == "crash":
        raise ZeroDivisionError("division by zero")
    tell("find", 0.5)
    if behaviour in ("wait", "deaf"):
        end = time.monotonic() + 60
        while time.monotonic() < end and (behaviour == "deaf" or not stopped.is_set()):
            time.sleep(0.02)
        sys.stderr.write("Stopped: the same command goes on from here.\n")
        return 130
    picture = out.with_suffix(".png")
    write_png(picture)
    tell("fit", 0.5, picture)
    while Path(__file__).with_name("behaviour.txt").read_text() == "show":
        time.sleep(0.02)
    source = Path(__file__).with_name("small.uhap")
    out.write_bytes(source.read_bytes() if source.is_file() else b"avatar")
    out.with_suffix(".report.html").write_text("<html></html>")
    tell("report", 1.0)
    return 0


sys.exit(main())
