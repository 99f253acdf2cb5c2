"""Search for inputs that readers fail on, led by coverage (atheris): a process for each target, with a time limit.

`python -m tests.fuzz.coverage_guided --seconds 60` from the root of the checkout prints a row for each target and
keeps what was found in `out/fuzz/`; exit code 1 says that something was.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import resource
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
# Wall time on a machine that does other things too; the readers' own limit is processor time.
HANG_SEC = 60
# What the fuzzer, the libraries and the corpus take.
OWN_MB = 700
MOST_FINDINGS = 50


def main() -> int:
    """Fuzz the targets named in the arguments, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--targets", nargs="*", help="by name; all without it")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "fuzz")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return _search(options.child, options.out, options.seconds)
    from .targets import BY_NAME

    rows = [_run(name, options) for name in options.targets or BY_NAME]
    (options.out / "fuzz.json").write_text(json.dumps(rows, indent=1) + "\n", "utf8")
    sys.stdout.write(
        "| target | seeds | inputs | edges of core covered | corpus | memory | findings |\n|---|"
        + "--:|" * 6
        + "\n"
    )
    for row in rows:
        sys.stdout.write(
            "| {name} | {seeds} | {runs:,} | {edges:,} | {corpus} | {peak_mb} MB | {findings} |\n".format(
                **row
            )
        )
    return int(any(row["findings"] for row in rows))


def _run(name: str, options: argparse.Namespace) -> dict[str, object]:
    """One target in a process of its own that has no network, where the system lets it do without."""
    from .targets import BY_NAME

    target, folder = BY_NAME[name], options.out / name
    shutil.rmtree(folder, ignore_errors=True)
    corpus = folder / "corpus"
    corpus.mkdir(parents=True)
    for number, data in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(data)
    words = [sys.executable, "-m", __spec__.name, "--child", name, "--out", str(folder)]
    words += ["--seconds", str(options.seconds)]
    alone = ["unshare", "-rn"]
    if (
        shutil.which(alone[0])
        and not subprocess.run([*alone, "true"], capture_output=True).returncode
    ):
        words = [*alone, *words]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, errors="replace")
    (folder / "log.txt").write_text(ended.stdout + ended.stderr, "utf8")
    kept = sorted(folder.glob("finding-*")) + sorted(folder.glob("crash-*"))
    kept += [
        each for kind in ("oom", "timeout", "leak", "slow") for each in folder.glob(f"{kind}-*")
    ]
    found = re.findall(r"stat::(\w+):\s+(\d+)", ended.stderr)
    stats = {key: int(value) for key, value in found}
    covered = re.findall(r"cov: (\d+)", ended.stderr)
    is_whole = "number_of_executed_units" in stats
    return {
        "name": name,
        "seeds": len(target.seeds()),
        "runs": stats.get("number_of_executed_units", 0),
        "edges": int(covered[-1]) if covered else 0,
        "corpus": len(list(corpus.iterdir())),
        "peak_mb": stats.get("peak_rss_mb", 0),
        "findings": len({each.name.split(".")[0] for each in kept}) + (not is_whole and not kept),
    }


def _search(name: str, folder: Path, seconds: int) -> int:
    """Runs in the child: libFuzzer's loop, which ends the process."""
    os.environ["OMP_NUM_THREADS"] = "1"
    logging.disable()
    import atheris

    with atheris.instrument_imports(include=["gaussian_heads.core"]):
        from .targets import BY_NAME
    from .guards import read_guarded
    from .mutations import bytes_changed

    target, known = BY_NAME[name], set()
    path = folder / f"input{target.suffix}"

    def one_input(data: bytes) -> None:
        path.write_bytes(data or b"\x00")
        before_mb = _peak_mb()
        try:
            read_guarded(target.read, path)
        except Exception as error:
            _keep(folder, known, data, error)
        if _peak_mb() > before_mb + 64:
            (folder / "largest").write_bytes(data)

    def changed(data: bytes, most_bytes: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 0.1:
            return target.input(random)[:most_bytes]
        try:
            return target.change(data, random)[:most_bytes]
        except Exception:
            # The input has lost the form that the change is made for.
            return bytes_changed(data, random)[:most_bytes]

    for data in target.seeds():
        # What is imported and compiled on first use is there before anything is watched.
        one_input(data)
    words = [
        sys.argv[0],
        str(folder / "corpus"),
        f"-max_total_time={seconds}",
        f"-timeout={HANG_SEC}",
    ]
    words += [f"-rss_limit_mb={target.most_mb + OWN_MB}", f"-malloc_limit_mb={target.most_mb}"]
    words += [
        "-print_final_stats=1",
        f"-artifact_prefix={folder}/",
        "-max_len=1048576",
        "-len_control=0",
    ]
    atheris.Setup([*words, "-seed=1"], one_input, custom_mutator=changed)
    atheris.Fuzz()
    return 0


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _keep(folder: Path, known: set[str], data: bytes, error: Exception) -> None:
    """Keep the first input of each kind of failure, with what it led to."""
    frames = traceback.extract_tb(error.__traceback__)
    inner = [frame for frame in frames if "/core/" in frame.filename] or frames
    kind = f"{type(error).__name__} {Path(inner[-1].filename).name}:{inner[-1].lineno}"
    if kind in known or len(known) >= MOST_FINDINGS:
        return
    known.add(kind)
    place = folder / f"finding-{len(known)}"
    place.with_suffix(".input").write_bytes(data)
    place.with_suffix(".txt").write_text(
        "".join(traceback.format_exception(error)), "utf8", "replace"
    )


if __name__ == "__main__":
    sys.exit(main())
