"""Shots a minute by one and two workers, and what that says of a hundred, as JSON: python bench/batch.py [--rounds 3]

The same shots go through `run_batch` on this machine, and on a Ray cluster of two machines that is started here
where Ray is installed (`make test-farms` makes `.venv-farms` with it); one and two workers take turns. `wall`
figures are those of the machine as it was; processor seconds hardly change when others are at work on it. One
worker of `one_core` may use a single core, so that two cores are two small machines.

`queue` is the batch's own part with 100 workers: stand-ins that take a fixed time for each shot, and otherwise the
very same queue, records and progress files. The prediction for 100 machines is
N / (time of a shot), or what the queue or the shared folder lets through where that is less.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import soundfile
from gaussian_heads.blender.shots import queue
from gaussian_heads.blender.shots.outcomes import Outcome, recorded
from gaussian_heads.blender.shots.standing import ProgressFile, read_progress
from gaussian_heads.core.assets import SAMPLE_SENTENCE, SPEECH_MODEL, avatar_path
from gaussian_heads.core.assets import default_avatar_reference as default_avatar
from gaussian_heads.core.job_records import (
    DONE,
    ShotFiles,
    read_record,
    shot_settings,
    write_record,
)
from gaussian_heads.core.shots import Shot

FPS, SIDE_PX = 25, 256
MANY = 100
# What a shared folder gives in the prediction: a file server on 10 Gbit/s.
FOLDER_BYTES_PER_SEC = 1.0e9


@dataclass(frozen=True)
class Run:
    """One batch: its wall time and processor time of the shots' processes and of the batch itself, in seconds."""

    wall_sec: float
    shots_cpu_sec: float
    batch_cpu_sec: float
    parts_sec: dict[str, float]


def make_shots(folder: Path, count: int, seconds: float) -> tuple[Shot, ...]:
    """`count` shots of the sample sentence's first `seconds`, each with a seed of its own."""
    samples, rate = soundfile.read(SAMPLE_SENTENCE)
    soundfile.write(folder / "line.wav", samples[: round(seconds * rate)], rate)
    return tuple(
        Shot(
            f"sh{number:04d}",
            folder / "line.wav",
            fps=Fraction(FPS),
            size=(SIDE_PX, SIDE_PX),
            seed=number,
            backend="cpu",
        )
        for number in range(count)
    )


def run(shots: tuple[Shot, ...], jobs: int, ray: str = "") -> Run:
    """Make `shots` in a new folder, `jobs` at once."""
    with tempfile.TemporaryDirectory() as out:
        begun_sec, shots_sec, batch_sec = time.monotonic(), *_cpu_sec()
        outcomes = queue.run_batch(
            queue.BatchRequest(shots, Path(out), jobs, ray=ray), lambda line: None
        )
        wall_sec = time.monotonic() - begun_sec
        now_shots_sec, now_batch_sec = _cpu_sec()
        failed = [outcome.says for outcome in outcomes if outcome.result != "done"]
        if failed:
            raise SystemExit(failed[0])
        return Run(
            wall_sec,
            now_shots_sec - shots_sec,
            now_batch_sec - batch_sec,
            _parts(shots, Path(out), outcomes),
        )


def _cpu_sec() -> tuple[float, float]:
    """Processor seconds of processes that ended, and of this one."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
    return tuple(each.ru_utime + each.ru_stime for each in used)


def _parts(shots: tuple[Shot, ...], out: Path, outcomes: list[Outcome]) -> dict[str, float]:
    """Mean seconds of a shot's parts, by its record; what is left of its process's life is starting."""
    records = [read_record(ShotFiles(out, shot.name).record)["seconds"] for shot in shots]
    parts = {
        name: statistics.mean(record[name] for record in records)
        for name in ("listening", "drawing", "writing")
    }
    life_sec = statistics.mean(outcome.seconds for outcome in outcomes)
    return {"starting": life_sec - sum(parts.values())} | parts


@contextmanager
def one_core() -> Iterator[None]:
    """Let this process and those that it starts use one core alone."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


@contextmanager
def ray_cluster() -> Iterator[str]:
    """The address of a Ray cluster of two machines in this one, each with room for one shot."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False}
    )
    cluster.add_node(num_cpus=2)
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def measure(ways: dict[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    """Runs of every way, taking turns."""
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    for number in range(rounds):
        for name, way in ways.items():
            runs[name].append(way())
            sys.stderr.write(f"round {number + 1}, {name}: {runs[name][-1].wall_sec:.1f} s\n")
    return runs


def figures(runs: list[Run], count: int) -> dict[str, object]:
    """Medians over the runs of one way; `shots_a_minute` also of the fastest run."""
    wall_sec = statistics.median(each.wall_sec for each in runs)
    cpu_sec = statistics.median(each.shots_cpu_sec for each in runs) / count
    return {
        "shots_a_minute": round(60 * count / wall_sec, 1),
        "shots_a_minute_fastest": round(60 * count / min(each.wall_sec for each in runs), 1),
        # On a cluster the shots are not this process's children.
        "cpu_sec_a_shot": round(cpu_sec, 2) if cpu_sec else None,
        "batch_cpu_ms_a_shot": round(
            1e3 * statistics.median(each.batch_cpu_sec for each in runs) / count, 1
        ),
        "parts_sec": {
            name: round(statistics.median(each.parts_sec[name] for each in runs), 2)
            for name in runs[0].parts_sec
        },
    }


class StandInWorkers:
    """Workers for the queue that take `shot_sec` for a shot and write what one writes beside its pictures."""

    def __init__(self, folder: Path, count: int, shot_sec: float) -> None:
        self._folder, self._count, self._shot_sec = folder, count, shot_sec
        self._running: dict[str, tuple[Shot, float]] = {}

    def has_room(self) -> bool:
        return len(self._running) < self._count

    def start(self, shot: Shot) -> None:
        ProgressFile(self._folder / f"{shot.name}.progress")(0.5)
        self._running[shot.name] = shot, time.monotonic() + self._shot_sec

    def ended(self) -> list[Outcome]:
        now_sec = time.monotonic()
        over = [name for name, (_, end_sec) in self._running.items() if end_sec <= now_sec]
        return [self._finish(self._running.pop(name)[0]) for name in over]

    def at_work(self) -> dict[str, float]:
        return {name: read_progress(self._folder / f"{name}.progress") for name in self._running}

    def stop(self) -> None:
        self._running.clear()

    kill = stop

    def _finish(self, shot: Shot) -> Outcome:
        files = ShotFiles(self._folder, shot.name)
        write_record(files.record, DONE, {"settings": shot_settings(shot), "frames": FPS})
        return recorded(shot, files)


def queue_figures(folder: Path, shot_sec: float, rounds_of_all: int = 5) -> dict[str, float]:
    """How many shots a minute the queue itself gets through 100 workers, and its processor time for each."""
    shots = make_shots(folder, MANY * rounds_of_all, 1.0)
    made_by = queue._workers
    with tempfile.TemporaryDirectory() as out:
        queue._workers = lambda request, scratch: StandInWorkers(Path(out), MANY, shot_sec)
        try:
            begun_sec, (_, cpu_sec) = time.monotonic(), _cpu_sec()
            queue.run_batch(queue.BatchRequest(shots, Path(out)), lambda line: None)
        finally:
            queue._workers = made_by
    wall_sec, cpu_sec = time.monotonic() - begun_sec, _cpu_sec()[1] - cpu_sec
    return {
        "shot_sec": round(shot_sec, 2),
        "shots_a_minute": round(60 * len(shots) / wall_sec),
        "of_what_workers_could": round(shot_sec * rounds_of_all / wall_sec, 3),
        "cpu_ms_a_shot": round(1e3 * cpu_sec / len(shots), 1),
    }


def prediction(shot_sec: float, queued: dict[str, float], written_bytes: int) -> dict[str, float]:
    """Shots a minute by 100 machines like one of these cores, and what would hold more of them back."""
    read_bytes = SPEECH_MODEL.stat().st_size + Path(avatar_path(default_avatar())).stat().st_size
    # Frames are read again for the video.
    folder_bytes = read_bytes + 2 * written_bytes
    workers = 60 * MANY / shot_sec
    ceilings = {
        "queue_at_most": round(60e3 / queued["cpu_ms_a_shot"]),
        "folder_at_most": round(60 * FOLDER_BYTES_PER_SEC / folder_bytes),
    }
    expected = min(workers * queued["of_what_workers_could"], *ceilings.values())
    return {
        "workers_alone": round(workers),
        "shots_a_minute": round(expected),
        "folder_mb_a_shot": round(folder_bytes / 1e6, 1),
        **ceilings,
    }


def measure_all(count: int, seconds: float, rounds: int) -> dict[str, object]:
    """Everything the module promises."""
    with tempfile.TemporaryDirectory() as scratch:
        shots = make_shots(Path(scratch), count, seconds)
        written_bytes = frame_bytes(shots[0])
        runs = measure_ways(shots, rounds)
        report: dict[str, object] = {name: figures(each, count) for name, each in runs.items()}
        for few, many in (("one_core", "local_2"), ("local_1", "local_2"), ("ray_1", "ray_2")):
            if many in report:
                one, two = (report[name]["shots_a_minute"] for name in (few, many))
                report[f"{many}_over_{few}"] = round(two / one, 2)
        # A shot's processor time is what it takes on a core that nobody else wants.
        shot_sec = report["one_core"]["cpu_sec_a_shot"]
        report["queue"] = queue_figures(Path(scratch), shot_sec)
        report["predicted_100"] = prediction(shot_sec, report["queue"], written_bytes)
        return report


def frame_bytes(shot: Shot) -> int:
    """What the frames of `shot` weigh as PNG; it also warms the disk's cache."""
    with tempfile.TemporaryDirectory() as out:
        queue.run_batch(
            queue.BatchRequest((replace(shot, output="png"),), Path(out)), lambda line: None
        )
        return sum(read_record(ShotFiles(Path(out), shot.name).record)["files"].values())


def measure_ways(shots: tuple[Shot, ...], rounds: int) -> dict[str, list[Run]]:
    """Runs of `shots` in every way that this machine has."""

    def on_one_core() -> Run:
        with one_core():
            return run(shots, 1)

    ways = {
        "one_core": on_one_core,
        "local_1": lambda: run(shots, 1),
        "local_2": lambda: run(shots, 2),
    }
    if find_spec("ray") is None:
        return measure(ways, rounds)
    with ray_cluster() as address:
        ways |= {f"ray_{jobs}": lambda jobs=jobs: run(shots, jobs, address) for jobs in (1, 2)}
        return measure(ways, rounds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shots", type=int, default=4, help="in each batch")
    parser.add_argument("--seconds", type=float, default=2.0, help="of sound in each shot")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    report = measure_all(options.shots, options.seconds, options.rounds)
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
