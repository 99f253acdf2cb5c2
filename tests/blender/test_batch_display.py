"""What a user sees of a batch: lines redrawn in place on a terminal, plain lines in a log."""

import io
import os
import re
import signal
import struct
import sys
import threading
from fractions import Fraction

import pytest
import soundfile
from gaussian_heads.blender.shots.display import Display, block, clock, log_line
from gaussian_heads.blender.shots.standing import (
    ProgressFile,
    Reckoning,
    Standing,
    read_progress,
    shot_weights,
)
from gaussian_heads.core.assets import SAMPLE_SENTENCE
from gaussian_heads.core.shots import Shot

COMMAND = [sys.executable, "-m", "gaussian_heads.blender.cli"]
STANDING = Standing(12, 3, 1, {"sh010": 0.42, "sh020": 0.0}, 0.31, 130, 290)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def screen(written):
    """The lines on a terminal that was sent `written`: it knows the two codes that the display uses."""
    lines = [""]
    for piece in re.split(r"(\x1b\[\d*[FJ]|\n)", written.replace("\r\n", "\n")):
        if piece == "\n":
            lines.append("")
        elif piece.endswith("F") and piece.startswith("\x1b"):
            lines = [*lines[: -1 - int(piece[2:-1])], ""]
        elif piece != "\x1b[J":
            lines[-1] += piece
    return lines


def test_a_terminal_shows_each_shot_at_work_and_the_whole_and_nothing_afterwards(monkeypatch):
    stream = Terminal()
    display = Display(stream)
    display.show(STANDING)
    assert screen(stream.getvalue()) == [
        "sh010  [########............]  42 %",
        "sh020  [....................]   0 %",
        "3 of 12 shots, 1 failed  [######..............]  31 %, 2:10 gone, 4:50 left",
        "",
    ]
    display.tell("[4/12] sh010 done, 3.0 s")
    assert screen(stream.getvalue())[:2] == ["[4/12] sh010 done, 3.0 s", screen_line("sh010", 42)]
    display.close()
    assert screen(stream.getvalue()) == ["[4/12] sh010 done, 3.0 s", ""]


def screen_line(name, percent):
    full = round(percent / 5)
    return f"{name}  [{'#' * full}{'.' * (20 - full)}] {percent:3d} %"


def test_a_terminal_is_drawn_five_times_a_second_at_most():
    stream = Terminal()
    display = Display(stream)
    for _ in range(50):
        display.show(STANDING)
    assert stream.getvalue().count("3 of 12") == 1


def test_lines_fit_the_window():
    names = {f"a_shot_with_quite_a_long_name_{i}": i / 40 for i in range(40)}
    lines = block(Standing(50, 10, 0, names, 0.5, 4000, None), 40, 10)
    assert len(lines) == 9 and max(map(len, lines)) == 39, "a line stays free for the cursor"
    assert lines[-2] == "and 33 more at work" and lines[-1].startswith("10 of 50 shots  [####")
    assert block(Standing(1, 0, 0, {"a": 0.0}, 0.0, 0, None), 80, 1)


def test_a_log_gets_a_plain_line_now_and_then():
    stream = io.StringIO()
    display = Display(stream)
    display.show(STANDING)
    display.tell("[1/2] a done, 3.0 s")
    display.close()
    assert stream.getvalue() == "[1/2] a done, 3.0 s\n"
    Display(stream, logged_every_sec=0.0).show(STANDING)
    line = "3 of 12 shots, 1 failed, 31%, 2:10 gone, 4:50 left; at work: sh010 42%, sh020 0%"
    assert stream.getvalue().splitlines()[-1] == line == log_line(STANDING)


def test_a_dumb_terminal_gets_no_codes(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    Display(stream).tell("done")
    assert stream.getvalue() == "done\n"


def test_a_clock_reads_as_clocks_do():
    assert [clock(7), clock(754.4), clock(3723)] == ["0:07", "12:34", "1:02:03"]


def test_shots_weigh_as_their_frames(tmp_path):
    soundfile.write(tmp_path / "a.wav", [0.0] * 16000, 8000)
    (tmp_path / "b.mp4").write_bytes(b"a video's sound is not looked into")
    shots = [
        Shot("heard", tmp_path / "a.wav", fps=Fraction(30)),
        Shot("told", tmp_path / "a.wav", frames=(1, 2, 3, 4)),
        Shot("unknown", tmp_path / "b.mp4"),
    ]
    assert shot_weights(shots) == {"heard": 60.0, "told": 4.0, "unknown": 32.0}
    reckoning = Reckoning(shots[:2])
    standing = reckoning.standing({"told": "failed"}, {"heard": 0.5})
    assert standing.done == pytest.approx(34 / 64) and standing.num_failed == 1
    assert standing.left_sec == pytest.approx(standing.gone_sec * 30 / 34, abs=1e-6)
    assert reckoning.standing({}, {}).left_sec is None


def test_progress_goes_through_a_file(tmp_path):
    path = tmp_path / "a.progress"
    assert read_progress(path) == 0.0
    told = ProgressFile(path)
    told(0.25)
    told(0.5)
    assert read_progress(path) == 0.25, "five times a second at most"
    path.write_text("half")
    assert read_progress(path) == 0.0
    ProgressFile(tmp_path / "gone" / "a.progress")(0.5)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals of Unix")
def test_ctrl_c_on_a_real_terminal_stops_all_shots_and_says_what_is_there(tmp_path, avatar_file):
    samples, rate = soundfile.read(SAMPLE_SENTENCE)
    soundfile.write(tmp_path / "a.wav", samples[: rate // 2], rate)
    rows = [f"{name},a.wav,{avatar_file},1000,64x64,png,reference" for name in ("ann", "bob")]
    (tmp_path / "s.csv").write_text("\n".join(["name,audio,avatar,fps,size,output,backend", *rows]))
    words = [
        *COMMAND,
        "batch",
        str(tmp_path / "s.csv"),
        "--out",
        str(tmp_path / "out"),
        "--jobs",
        "2",
    ]
    process, written = run_in_terminal(
        words, at_work=re.compile(r"ann .* [1-9] %\r\nbob .* [1-9] %")
    )
    lines = screen(written)
    assert os.waitstatus_to_exitcode(process) == 130
    assert re.search(r"0 of 2 shots  \[[#.]{20}\]", written) and "Traceback" not in written
    assert "Stopping: the frames in work are finished first." in lines
    assert "Stopped: 0 of 2 shots are there; the same command goes on." in lines
    assert "2 cancelled" in lines and not any(" [" in line and "#" in line for line in lines)
    for name in ("ann", "bob"):
        folder = tmp_path / "out" / name
        assert list(folder.glob("0*.png")) and not list(folder.glob(".*"))


def run_in_terminal(words, at_work):
    """Run `words` in a pseudo terminal and press Ctrl C once it shows `at_work`; its status and what it wrote."""
    import fcntl
    import pty
    import termios

    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(words[0], words)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    guard = threading.Timer(120, os.kill, (pid, signal.SIGKILL))
    guard.start()
    written, is_pressed = "", False
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        written += piece.decode()
        if not is_pressed and at_work.search(written):
            is_pressed = True
            os.write(terminal, b"\x03")
    status = os.waitpid(pid, 0)[1]
    guard.cancel()
    os.close(terminal)
    return status, written
