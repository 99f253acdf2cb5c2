"""What became of the shots of a batch: from their records, or from how their processes ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from ...core.job_records import DONE, ShotFiles, read_record
from ...core.shots import Shot

EXIT_REFUSED, EXIT_BAD_WORDS, EXIT_CANCELLED = 1, 2, 130
SENTENCE_START = "gaussian-heads: "
# How much of what a crashed process said goes into its log.
TAIL_CHARACTERS = 20_000


@dataclass(frozen=True)
class Outcome:
    """What became of a shot: done, skipped, failed, cancelled or not started; for a plan, to do.

    `frames` counts all frames, `drawn` those that this run rendered; `seconds` the life of its process.
    """

    name: str
    result: str
    seconds: float = 0.0
    frames: int = 0
    drawn: int = 0
    backend: str = ""
    says: str = ""
    output: str = ""
    log: str = ""


@dataclass(frozen=True)
class Ended:
    """A process that made a shot is over: its exit code, the seconds it lived, and what it said."""

    code: int
    seconds: float
    said: str


def recorded(shot: Shot, files: ShotFiles) -> Outcome:
    """What the record of `shot` says."""
    record = read_record(files.record) or {}
    return Outcome(
        shot.name,
        "done" if record.get("state") == DONE else "failed",
        frames=int(record.get("frames", 0)),
        drawn=int(record.get("drawn", 0)),
        backend=str(record.get("backend", "")),
        output=files.output(shot.output).name,
        log=files.log.name,
    )


def outcome_of(shot: Shot, files: ShotFiles, ended: Ended) -> Outcome:
    """What became of `shot` in a process; the words of one that crashed go into the shot's log."""
    if ended.code == 0:
        return replace(recorded(shot, files), seconds=ended.seconds)
    told = Outcome(shot.name, "failed", ended.seconds, log=files.log.name)
    told = replace(told, output=files.output(shot.output).name)
    if ended.code == EXIT_CANCELLED:
        return replace(told, result="cancelled")
    lines = [line for line in ended.said.splitlines() if line.startswith(SENTENCE_START)]
    if lines and ended.code in (EXIT_REFUSED, EXIT_BAD_WORDS):
        return replace(told, says=lines[-1].removeprefix(SENTENCE_START))
    with files.log.open("a", encoding="utf8") as log:
        tail = ended.said[-TAIL_CHARACTERS:]
        log.write(f"The process ended with code {ended.code}. It said:\n{tail}\n")
    return replace(told, says=f"Its process ended with code {ended.code}: see '{files.log}'.")


def summary(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """The outcomes and their counts, for programs."""
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome.result] = counts.get(outcome.result, 0) + 1
    return {
        "format": "gaussian_heads.batch",
        "version": 1,
        "counts": counts,
        "shots": [asdict(outcome) for outcome in outcomes],
    }


def as_row(outcome: Outcome) -> tuple[str, ...]:
    """The outcome's cells in a table."""
    was_made = outcome.result in ("done", "skipped")
    return (
        outcome.name,
        outcome.result,
        str(outcome.frames) if was_made else "",
        str(outcome.drawn) if was_made else "",
        f"{outcome.seconds:.1f}" if outcome.seconds else "",
        outcome.backend,
        outcome.says or outcome.output,
    )
