"""The report page: hints, charts, and a page that stands by itself."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")

from gaussian_heads.core.camera import Camera
from gaussian_heads.training.evaluate_metrics import Score
from gaussian_heads.training.personalization.fit_curve import CURVE_COLUMNS, add_row, read_curve
from gaussian_heads.training.personalization.report import (
    Findings,
    ReportInput,
    report_page,
    shown_frames,
)
from gaussian_heads.training.personalization.report_drawing import (
    bar_chart,
    line_chart,
    picture,
    scatter_chart,
)
from gaussian_heads.training.personalization.report_measures import (
    EXPRESSIONS,
    Coverage,
    Likeness,
    facing_deg,
    hints_of,
)
from gaussian_heads.training.personalization.subject import SubjectFrame, VideoSubject

FRAMES = 40


def good_coverage(**changed: object) -> Coverage:
    """A recording that lacks nothing, but for what is changed."""
    values = {
        "turn_deg": np.linspace(-30.0, 30.0, FRAMES),
        "nod_deg": np.linspace(-8.0, 8.0, FRAMES),
        "lip_gap_mm": np.linspace(0.0, 14.0, FRAMES),
        "eye_opening_mm": np.r_[0.5, np.full(FRAMES - 1, 9.0)],
        "face_px": np.full(FRAMES, 230.0),
        "brightness": np.full(FRAMES, 0.5),
        "burnt": np.zeros(FRAMES),
        "confidence": np.full(FRAMES, 0.9),
        "expressions": dict.fromkeys(EXPRESSIONS, 0.9),
    }
    return Coverage(**{**values, **changed})


def test_a_good_recording_gets_no_hint():
    assert hints_of(good_coverage(), 500) == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"lip_gap_mm": np.full(FRAMES, 1.0)}, "No frame shows the teeth"),
        ({"lip_gap_mm": np.full(FRAMES, 6.0)}, "never part by more than 6 mm"),
        ({"turn_deg": np.linspace(-30.0, 9.6, FRAMES)}, "to the left by more than 10 degrees"),
        ({"turn_deg": np.linspace(-4.0, 30.0, FRAMES)}, "to the right by more than 4 degrees"),
        ({"turn_deg": np.linspace(-4.0, 7.0, FRAMES)}, "to either side by more than 7 degrees"),
        ({"nod_deg": np.zeros(FRAMES)}, "never nods"),
        ({"eye_opening_mm": np.full(FRAMES, 9.0)}, "No frame shows closed eyes"),
        ({"eye_opening_mm": np.full(FRAMES, 0.4)}, "closed in 40 of 40 frames"),
        ({"face_px": np.full(FRAMES, 60.0)}, "only 60 pixels"),
        ({"brightness": np.full(FRAMES, 0.06)}, "too dark"),
        ({"burnt": np.full(FRAMES, 0.2)}, "overexposed"),
        ({"confidence": np.full(FRAMES, 0.1)}, "In 40 of 40 frames the face was hard to read"),
        (
            {
                "expressions": {
                    **dict.fromkeys(EXPRESSIONS, 0.9),
                    "a smile": 0.0,
                    "raised brows": 0.1,
                }
            },
            "clearly shows a smile or raised brows",
        ),
    ],
)
def test_what_is_missing_is_said_once(changed: dict, words: str):
    hints = hints_of(good_coverage(**changed), 500)
    assert len(hints) == 1 and words in hints[0] and hints[0].endswith(".")


def test_few_frames_are_named():
    assert "Only 30 frames" in hints_of(good_coverage(), 30)[0]


def test_a_turned_head_is_told_from_the_persons_side():
    camera = Camera(np.diag([1.0, -1, -1, 1]), np.eye(3), 8, 8)
    assert facing_deg(camera, np.zeros(6)) == pytest.approx((0.0, 0.0), abs=1e-9)
    left = facing_deg(camera, np.array([0, np.radians(20), 0, 0, 0, 0]))
    down = facing_deg(camera, np.array([np.radians(15), 0, 0, 0, 0, 0]))
    assert left == pytest.approx((20.0, 0.0), abs=1e-6)
    assert down == pytest.approx((0.0, 15.0), abs=1e-6)


@pytest.mark.parametrize(
    "chart",
    [
        line_chart([0, 50, 100], {"a & b": [1.0, 2.0, 4.0], "c": [3.0, np.nan, 1.0]}, "step", "dB"),
        line_chart([0], {"one": [5.0]}, "step", "dB"),
        scatter_chart({"fitted": (np.arange(3.0), np.arange(3.0))}, "turn", "nod", 20.0),
        bar_chart({"a <smile>": (0.4, 0.3)}),
    ],
)
def test_charts_are_whole_pictures(chart: str):
    root = ElementTree.fromstring(chart)
    assert root.tag == "svg" and len(root) > 2
    width, height = (float(v) for v in root.get("viewBox").split()[2:])
    for item in root.iter():
        for name in ("cx", "x", "x1", "x2"):
            assert -1 <= float(item.get(name, 0)) <= width + 1
        for name in ("cy", "y", "y1", "y2"):
            assert -4 <= float(item.get(name, 0)) <= height + 1


def test_pictures_lie_inside_the_page():
    figure = picture(np.zeros((40, 60, 3)), 'a "quoted" <name>')
    assert "data:image/jpeg;base64," in figure and "<name>" not in figure


class Person:
    """Draws grey; has as many Gaussians as it says."""

    num_gaussians = (45_000, 12_000)

    def picture(self, code: np.ndarray, head_pose: np.ndarray, camera: Camera) -> np.ndarray:
        return np.full((camera.height, camera.width, 3), 0.5, np.float32)


def subject(held_out: int) -> VideoSubject:
    camera = Camera(np.diag([1.0, -1, -1, 1]), np.eye(3), 16, 16)
    rng = np.random.default_rng(1)
    frames = tuple(
        SubjectFrame(
            f"f{i:03d}",
            i / 25,
            np.full((16, 16, 4), 200, np.uint8),
            camera,
            rng.normal(size=4).astype(np.float32),
            np.zeros(6, np.float32),
            0.9,
            i < held_out,
        )
        for i in range(FRAMES)
    )
    scan = SimpleNamespace(texture=np.zeros((8, 8, 3)))
    return VideoSubject(frames, scan, np.full((8, 8), 0.5, np.float32))


def findings(held_out: int, curve: Path | None = None) -> Findings:
    report = ReportInput(
        name="Ada <b>",
        person=Person(),
        subject=subject(held_out),
        consent="I agree & sign (stated on 2026-01-02)",
        source="me.mp4",
        source_sha256="ab" * 32,
        settings={"steps": 2400},
        stage_sec={"encode": 30.0, "fit": 600.0},
        notes=("Two faces were seen: the larger one was taken.",),
        curve=curve,
        motion={"universal_lip_mm": 0.9, "personal_lip_mm": 0.6},
        peak_memory_mb=1234.0,
    )
    found = Findings(report)
    scores = (Score(31.0, 0.9, {"mouth": 29.0}), Score(29.0, 0.88, {"mouth": 27.0}))
    worse = (Score(24.0, 0.8, {"mouth": 22.0}), Score(22.0, 0.8, {"mouth": 20.0}))
    likeness = Likeness(("f000", "f001"), scores, worse, held_out > 0)
    vars(found).update(likeness=likeness, coverage=good_coverage(), first=Person())
    return found


class Checker(HTMLParser):
    """Gathers tags, texts and addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_tells_everything_and_needs_no_other_file(tmp_path: Path):
    curve = tmp_path / "fit.curve.csv"
    rows = [
        f"{step},anchors,{step},{20 + step / 100},{45000 + step},12000"
        for step in range(0, 900, 50)
    ]
    curve.write_text("step,stage,seconds,psnr_db,surface,free\n" + "\n".join(rows) + "\n")
    page = Checker()
    page.feed(report_page(findings(8, curve)))
    assert all(address.startswith("data:") for address in page.addresses)
    assert page.tags.count("img") == 12 and page.tags.count("svg") == 4
    assert "b" not in page.tags
    for words in (
        "Ada <b>: personalization report",
        "I agree & sign (stated on 2026-01-02)",
        "ab" * 32,
        "57,000 Gaussians: 45,000 on the surface, 12,000 free (hair)",
        "30.00",
        "23.00",
        "Lowest: 29.0 dB in f001",
        "2 frames that nothing was fitted to",
        "Only 32 frames could be used",
        "Two faces were seen",
        "10.5 min",
        "1,234 MB",
        "personal lip mm",
        "Density control ended with 57,850",
    ):
        assert words in page.text, words


def test_without_held_out_frames_the_page_says_so():
    page = report_page(findings(0))
    assert "frames that it was fitted to (none could be held out)" in page
    assert "Density control" not in page


def test_shown_frames_differ():
    chosen = shown_frames(subject(10))
    assert len(chosen) == 4 == len({frame.name for frame in chosen})
    assert all(frame.is_held_out for frame in chosen)


def test_a_curve_survives_a_fit_that_is_taken_up_again(tmp_path: Path):
    path = tmp_path / "fit.curve.csv"
    rows = [
        dict(zip(CURVE_COLUMNS, (step, "anchors", 1.0, 20.0 + step, 5, 6), strict=True))
        for step in (50, 100, 150)
    ]
    for row in (*rows, {**rows[1], "psnr_db": 99.0}):
        add_row(path, row)
    found = read_curve(path)
    assert [row["step"] for row in found] == ["50", "100"] and found[1]["psnr_db"] == "99.0"
    path.write_text("a,b\n1,2\n")
    assert read_curve(path) == [] == read_curve(tmp_path / "none.csv")
