"""The page that ends a personalization: how like the head is, what the pictures lacked, and what was done with whom.

One HTML file that needs nothing else: pictures and charts lie inside it.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...core.avatar import Controls
from ...core.files import replace_on_success
from ..evaluate_metrics import REGIONS, composite
from ..prior_bake import bake_head
from .fit_curve import CURVE_COLUMNS, read_curve
from .fit_person import FittedPerson
from .report_drawing import bar_chart, line_chart, picture, scatter_chart
from .report_measures import (
    EXPRESSIONS,
    TURN_DEG,
    Coverage,
    Likeness,
    coverage_of,
    hints_of,
    likeness_of,
)
from .subject import SubjectFrame, VideoSubject

SHOWN_FRAMES, MAX_POINTS = 4, 400
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222}"
    "h1{font-size:1.6em}h2{font-size:1.15em;margin-top:2em;border-bottom:1px solid #ccc}"
    "table{border-collapse:collapse}td,th{padding:.2em .9em .2em 0;text-align:left;vertical-align:top}"
    "td.n{text-align:right;font-variant-numeric:tabular-nums}figure{display:inline-block;margin:0 6px 6px 0}"
    "figcaption{font-size:12px;color:#555}svg{width:100%;max-width:640px;font:11px system-ui,sans-serif}"
    ".hint{background:#fff3cd;padding:.4em .8em;margin:.3em 0}.good{background:#e3f2e1;padding:.4em .8em}"
)


@dataclass(frozen=True)
class ReportInput:
    """Everything that the page tells of; texts are for people."""

    name: str
    person: FittedPerson
    subject: VideoSubject
    # The statement that the person agreed, and what the pictures are: file name and SHA-256.
    consent: str
    source: str
    source_sha256: str
    settings: Mapping[str, object] = field(default_factory=dict)
    # Seconds of each stage, in order.
    stage_sec: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    # CSV with the columns `CURVE_COLUMNS`, where there is one.
    curve: Path | None = None
    # The prior's, for naming expressions that no frame shows.
    controls: Controls | None = None
    # Scores of personal motion on held-out speech, where it was learned.
    motion: Mapping[str, float] | None = None
    peak_memory_mb: float | None = None


@dataclass(frozen=True)
class Findings:
    """What was measured for the page."""

    report: ReportInput

    @cached_property
    def first(self) -> FittedPerson:
        """The first guess: the prior's head from the scan that the pictures gave, before any fit."""
        person, scan = self.report.person, self.report.subject.scan
        head = bake_head(person.prior, scan)
        return FittedPerson(head, scan.vertices, scan, person.prior, {}, {}, (0, 0))

    @cached_property
    def likeness(self) -> Likeness:
        """Scores of held-out frames."""
        return likeness_of(self.report.person, self.first, self.report.subject)

    @cached_property
    def coverage(self) -> Coverage:
        """What the frames show."""
        return coverage_of(self.report.person, self.report.subject, self.report.controls)

    @cached_property
    def hints(self) -> list[str]:
        """Sentences about what the pictures lack."""
        return [
            *hints_of(self.coverage, len(self.report.subject.fitted_frames)),
            *self.report.notes,
        ]


def write_report(path: Path, report: ReportInput) -> Path:
    """Write the page to `path` (.html); gives the path."""
    page = report_page(Findings(report))
    with replace_on_success(path) as temporary:
        temporary.write_text(page, encoding="utf8")
    return path


def report_summary(report: ReportInput) -> dict[str, Any]:
    """The page's figures for a program: likeness, hints, Gaussians, frames and seconds."""
    found = Findings(report)
    likeness, coverage = found.likeness, found.coverage
    return {
        "name": report.name,
        "is_held_out": likeness.is_held_out,
        "fitted": _rounded(likeness.mean("fitted")),
        "first_guess": _rounded(likeness.mean("first")),
        "hints": found.hints,
        "gaussians": list(report.person.num_gaussians),
        "frames_fitted": len(report.subject.fitted_frames),
        "frames_held_out": len(report.subject.held_out_frames),
        "turn_deg": [round(float(v), 1) for v in _range(coverage.turn_deg)],
        "lip_gap_mm": [round(float(v), 1) for v in _range(coverage.lip_gap_mm)],
        "stage_sec": {name: round(float(v), 1) for name, v in report.stage_sec.items()},
        "peak_memory_mb": report.peak_memory_mb,
    }


def report_page(found: Findings) -> str:
    """The page's HTML."""
    report = found.report
    title = f"{report.name}: personalization report"
    sections = [
        ("What the pictures lack", _hints(found.hints)),
        ("Likeness", _likeness(found)),
        ("Before and after", _pictures(found)),
        ("The fit", _curves(report.curve)),
        ("Poses and expressions that were seen", _coverage(found.coverage, report)),
        ("Personal motion", _motion(report.motion)),
        ("Consent and provenance", _provenance(report)),
        ("Settings", _table((n.replace("_", " "), v) for n, v in report.settings.items())),
        ("Times", _times(report)),
    ]
    body = "".join(
        f"<h2>{html.escape(name)}</h2>{content}" for name, content in sections if content
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style><h1>{html.escape(title)}</h1>{body}</html>\n"
    )


def _hints(hints: list[str]) -> str:
    if not hints:
        return '<p class="good">Nothing: poses, expressions and light are well covered.</p>'
    return "".join(f'<p class="hint">{html.escape(hint)}</p>' for hint in hints)


def _likeness(found: Findings) -> str:
    likeness, person = found.likeness, found.report.person
    which = (
        f"{len(likeness.names)} frames that nothing was fitted to"
        if likeness.is_held_out
        else f"{len(likeness.names)} of the frames that it was fitted to (none could be held out)"
    )
    fitted, first = likeness.mean("fitted"), likeness.mean("first")
    rows = [("whole head, PSNR (dB)", "psnr_db")]
    rows += [(f"{region}, PSNR (dB)", region) for region in REGIONS if region in fitted]
    rows += [("whole head, SSIM", "ssim")]
    cells = "".join(
        f'<tr><td>{name}<td class="n">{first.get(key, float("nan")):.{2 + (key == "ssim")}f}'
        f'<td class="n">{fitted[key]:.{2 + (key == "ssim")}f}'
        for name, key in rows
    )
    surface, free = person.num_gaussians
    worst = int(np.argmin([s.psnr_db for s in likeness.fitted]))
    return (
        f"<p>Mean over {which}, over the person's outline and 8 pixels around it.</p>"
        f"<table><tr><th><th>first guess<th>fitted</tr>{cells}</table>"
        f"<p>Lowest: {likeness.fitted[worst].psnr_db:.1f} dB in {html.escape(likeness.names[worst])}. "
        f"{surface + free:,} Gaussians: {surface:,} on the surface, {free:,} free (hair).</p>"
    )


def _pictures(found: Findings) -> str:
    person, subject = found.report.person, found.report.subject
    frames = shown_frames(subject)
    rows = []
    for frame in frames:
        triple = (
            (composite(frame.rgba), f"{frame.name}: picture"),
            (found.first.picture(frame.code, frame.head_pose, frame.camera), "first guess"),
            (person.picture(frame.code, frame.head_pose, frame.camera), "fitted"),
        )
        rows.append("<div>" + "".join(picture(*item) for item in triple) + "</div>")
    return "".join(rows)


def shown_frames(subject: VideoSubject) -> list[SubjectFrame]:
    """Held-out frames, where there are any, that differ most in pose and expression."""
    frames = list(subject.held_out_frames or subject.fitted_frames)
    features = np.stack([np.concatenate([0.4 * f.code, 6.0 * f.head_pose[:3]]) for f in frames])
    chosen = [int(np.linalg.norm(features - np.median(features, axis=0), axis=1).argmin())]
    while len(chosen) < min(SHOWN_FRAMES, len(frames)):
        far = np.linalg.norm(features[:, None] - features[chosen], axis=2).min(axis=1)
        chosen.append(int(far.argmax()))
    return [frames[i] for i in chosen]


def _curves(path: Path | None) -> str:
    rows = [] if path is None else read_curve(path)
    if not rows:
        return ""
    rows = rows[:: max(len(rows) // MAX_POINTS, 1)]
    columns = {
        name: [float(row[name]) for row in rows] for name in CURVE_COLUMNS if name != "stage"
    }
    step = columns["step"]
    counts = {"surface": columns["surface"], "free (hair)": columns["free"]}
    return (
        line_chart(step, {"PSNR": columns["psnr_db"]}, "step", "PSNR of fitted pictures (dB)")
        + line_chart(step, counts, "step", "Gaussians")
        + f"<p>Density control ended with {counts['surface'][-1] + counts['free (hair)'][-1]:,.0f} "
        f"Gaussians; it began with {counts['surface'][0] + counts['free (hair)'][0]:,.0f}.</p>"
    )


def _coverage(coverage: Coverage, report: ReportInput) -> str:
    held_out = np.array([frame.is_held_out for frame in report.subject.frames])
    groups = {"fitted": (coverage.turn_deg[~held_out], coverage.nod_deg[~held_out])}
    if held_out.any():
        groups["held out"] = (coverage.turn_deg[held_out], coverage.nod_deg[held_out])
    axes = ("turn to the left (degrees)", "nod (degrees)")
    charts = [scatter_chart(groups, *axes, least=TURN_DEG)]
    if coverage.expressions:
        wanted = {n: (v, EXPRESSIONS[n][1]) for n, v in coverage.expressions.items()}
        charts.append("<p>How far each expression goes; the line is what an avatar should see.</p>")
        charts.append(bar_chart(wanted))
    rows = [
        ("turn of the head", coverage.turn_deg, "degrees"),
        ("nod of the head", coverage.nod_deg, "degrees"),
        ("gap between the lips", coverage.lip_gap_mm, "mm"),
        ("opening of the eyes", coverage.eye_opening_mm, "mm"),
        ("size of the face", coverage.face_px, "pixels"),
        ("brightness of the face", 255 * coverage.brightness, "of 255"),
    ]
    spans = [(name, f"{v.min():.0f} to {v.max():.0f} {unit}") for name, v, unit in rows]
    return "".join(charts) + _table(spans)


def _motion(scores: Mapping[str, float] | None) -> str:
    if not scores:
        return ""
    return (
        "<p>Personal speaking style against the universal speech motion, on speech that was held out.</p>"
        + _table((name.replace("_", " "), f"{value:.3f}") for name, value in scores.items())
    )


def _provenance(report: ReportInput) -> str:
    scan, subject = report.subject.scan, report.subject
    rows = [
        ("consent", report.consent or "none stated"),
        ("pictures", report.source),
        ("SHA-256", report.source_sha256),
        (
            "frames",
            f"{len(subject.fitted_frames)} fitted, {len(subject.held_out_frames)} held out",
        ),
        ("of the skin seen", f"{100 * _seen_share(subject):.0f} %"),
        ("texture", f"{scan.texture.shape[1]} x {scan.texture.shape[0]}"),
        *((name.replace("_", " "), value) for name, value in report.facts.items()),
        ("made", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
    ]
    note = (
        "<p>The avatar shows a real person's likeness: use it within what that person agreed to. Videos that "
        "are rendered with it are marked as synthetic in their metadata.</p>"
    )
    return _table(rows) + note


def _seen_share(subject: VideoSubject) -> float:
    seen = subject.seen[subject.seen > 0]
    return float(seen.mean()) if len(seen) else 0.0


def _times(report: ReportInput) -> str:
    rows = [(name, f"{seconds:,.0f} s") for name, seconds in report.stage_sec.items()]
    rows.append(("all", f"{sum(report.stage_sec.values()) / 60:.1f} min"))
    if report.peak_memory_mb is not None:
        rows.append(("highest memory", f"{report.peak_memory_mb:,.0f} MB"))
    return _table(rows)


def _table(rows: Iterable[tuple[object, object]]) -> str:
    cells = "".join(
        f"<tr><td>{html.escape(str(name))}<td>{html.escape(str(value))}" for name, value in rows
    )
    return f"<table>{cells}</table>" if cells else ""


def _range(values: np.ndarray) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 3) for name, value in values.items()}
