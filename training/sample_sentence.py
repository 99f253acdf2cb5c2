"""Makes the sample sentence that ships: flite's `slt` voice, with its own phone times beside it.

Run: python -m gaussian_heads.training.sample_sentence   (needs Debian's `flite`)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import soundfile

from ..core.files import replace_on_success

TEXT = (
    "Hello, my name is Ada. Please bring me a bowl of warm plum soup, "
    "and maybe some blueberry pie, before the movie begins."
)
VOICE = "slt"


def speak(text: str, voice: str, path: Path) -> list[tuple[str, float, float]]:
    """Let flite write `text` to the wav file `path`; returns (phone, start, end) in seconds."""
    command = ["flite", "-voice", voice, "-t", text, "-o", str(path), "-psdur"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    phones, start_sec = [], 0.0
    for item in output.split():
        name, _, end = item.partition(":")
        phones.append((name, start_sec, float(end)))
        start_sec = float(end)
    return phones


def write_sample(folder: Path) -> Path:
    """Write sample.flac, sample.txt and sample.phones.json into `folder`; returns the sound file."""
    with tempfile.TemporaryDirectory() as scratch:
        wav = Path(scratch) / "sample.wav"
        phones = speak(TEXT, VOICE, wav)
        samples, sample_rate = soundfile.read(wav, dtype="int16")
    target = folder / "sample.flac"
    with replace_on_success(target) as temporary:
        soundfile.write(temporary, samples, sample_rate, format="FLAC", subtype="PCM_16")
    (folder / "sample.txt").write_text(TEXT + "\n", encoding="utf8")
    rows = ",\n".join(json.dumps(row) for row in phones)
    (folder / "sample.phones.json").write_text(f"[\n{rows}\n]\n", encoding="utf8")
    return target


def main() -> None:
    """Command line: where to write."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).resolve().parents[1] / "assets" / "audio"
    parser.add_argument("--out", type=Path, default=default, help="folder to write into")
    print(write_sample(parser.parse_args().out))


if __name__ == "__main__":
    main()
