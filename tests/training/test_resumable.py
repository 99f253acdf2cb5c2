"""Runs that go on from their checkpoint, also where that is broken; commands that end in a sentence."""

import errno
import os
import signal
from dataclasses import dataclass

import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch")

from gaussian_heads.core.errors import VideoError  # noqa: E402
from gaussian_heads.training.commands import run_command  # noqa: E402
from gaussian_heads.training.resumable import ResumableFit  # noqa: E402


@dataclass(frozen=True)
class Settings:
    steps: int = 12
    seed: int = 3
    last_rate: float = 0.1
    checkpoint_steps: int = 4


class Sums(ResumableFit):
    """Adds up what it follows; `stops` ends it there as Ctrl-C does."""

    def __init__(self, stops=None):
        super().__init__(Settings())
        self.layer, self.stops, self.followed = torch.nn.Linear(20, 1), stops, []
        torch.nn.init.zeros_(self.layer.weight)

    def parts(self):
        return {"layer": self.layer}

    def follow(self, item):
        if self.step == self.stops:
            raise KeyboardInterrupt
        self.followed.append(item)
        with torch.no_grad():
            self.layer.weight[0, item] += 1


def counts(fit):
    return [int(value) for value in fit.layer.weight[0]]


def test_a_stopped_run_follows_what_is_left(tmp_path):
    whole = Sums()
    whole.run(range(5), tmp_path / "whole.pt")
    stopped = Sums(stops=7)
    with pytest.raises(KeyboardInterrupt):
        stopped.run(range(5), tmp_path / "part.pt")
    rest = Sums()
    rest.run(range(5), tmp_path / "part.pt")
    assert len(rest.followed) == 5 and stopped.followed + rest.followed == whole.followed
    assert counts(rest) == counts(whole)


@pytest.mark.parametrize("damage", ("empty", "words", "half", "end", "zeros", "hole"))
def test_a_broken_checkpoint_is_as_none(tmp_path, damage):
    path = tmp_path / "fit.pt"
    Sums().run(range(5), path)
    data = path.read_bytes()
    broken = {
        "empty": b"",
        "words": b"no checkpoint",
        "half": data[: len(data) // 2],
        "end": data[:-200],
        "zeros": bytes(len(data)),
        "hole": data[:300] + bytes(200) + data[500:],
    }
    path.write_bytes(broken[damage])
    again = Sums()
    again.run(range(5), path)
    assert len(again.followed) == 12 and path.stat().st_size == len(data)


def test_a_full_disk_costs_no_checkpoint(tmp_path):
    resource = pytest.importorskip("resource", reason="only POSIX bounds the size of files")
    path, before = tmp_path / "fit.pt", resource.getrlimit(resource.RLIMIT_FSIZE)
    Sums().run(range(5), path)
    data = path.read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            Sums().save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_bytes() == data and os.listdir(tmp_path) == ["fit.pt"]


def raising(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("work", "code", "sentence"),
    [
        (lambda: None, 0, ""),
        (lambda: 3, 3, ""),
        (raising(VideoError("No face: turn around.")), 1, "No face: turn around.\n"),
        (
            raising(OSError(errno.ENOSPC, "No space left on device", "a.pt")),
            1,
            "No space left on device 'a.pt': check path and disk.\n",
        ),
        (raising(KeyboardInterrupt()), 130, "Stopped: the same command goes on from here.\n"),
    ],
)
def test_commands_end_in_a_sentence(work, code, sentence, capsys):
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert run_command(work) == code and capsys.readouterr().err == sentence
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
