"""All stages from an input to an avatar, each in a folder of its own below the work folder."""

from __future__ import annotations

import dataclasses
import datetime
import json
import logging
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ...core.errors import VideoError
from ...core.files import replace_on_success
from ...core.monocular.encoder import ENCODER
from ...core.monocular.finder import FINDER, FaceFinder
from ...core.monocular.matte import MATTE, HeadMatte
from ...core.monocular.tracking import FaceChoice
from ...core.video import read_sound
from ..dataset.stored import read_array, read_arrays, read_image
from ..networks.prior import UniversalPrior
from ..prior_bake import bake_head
from ..prior_controls import load_controls
from ..prior_file import load_prior, read_record
from ..prior_identity import IDENTITY_FILE, IdentityModel, load_identity
from ..prior_person import NeutralScan
from ..strands import strands_of
from .fit_person import FittedPerson, fit_person
from .fit_settings import FitSettings
from .guessing import GuessStage
from .inputs import SCAN_VERTICES, Input
from .personal_export import PersonStatement, describe_person
from .reading import Reader, find_faces, read_input
from .report import ReportInput, report_summary, write_report
from .stages import Progress, Work, key_of
from .subject import VideoSubject
from .subject_files import load_subject

logger = logging.getLogger(__name__)
SCAN_TEXTURE = "texture.png"
STAGES = ("read", "find", "encode", "guess", "fit", "motion", "export", "report")
Motion = Literal["universal", "personal"]
# Steps of the trial that tells how long a step takes, and bounds of what a time allows.
TRIAL_STEPS, FEWEST_STEPS, MOST_STEPS = 12, 100, 20_000


@dataclass(frozen=True)
class Order:
    """What is wanted."""

    given: Input
    out: Path
    statement: PersonStatement
    prior: Path
    fit: FitSettings = dataclasses.field(default_factory=FitSettings)
    # Replaces the number of steps by what fits into so many minutes.
    minutes: float | None = None
    motion: Motion = "universal"
    tracker: Path | None = None
    face: FaceChoice = "only"
    focal_px: float | None = None


class Personalization:
    """Runs an order in a work folder; what is finished there is used again."""

    def __init__(self, order: Order, work: Work) -> None:
        self.order, self.work = order, work
        self.record: dict[str, Any] = {}
        self.person: FittedPerson | None = None
        self.motion: Any = None

    @cached_property
    def prior(self) -> UniversalPrior:
        """The prior, read when it is first needed."""
        return load_prior(self.order.prior)

    def run(self) -> Path:
        """All stages; returns the package."""
        order, given = self.order, self.order.given
        base = {"files": given.digest(), "kind": given.kind}
        self._stage("read", base, lambda folder, progress: read_input(given))
        self._require_sound()
        base |= {"focal_px": order.focal_px, "face": order.face}
        base |= {"tracker": str(order.tracker or ""), "finder": _stamp(FINDER)}
        self._stage("find", base, self._find)
        base |= {"encoder": _stamp(ENCODER)}
        self._stage("encode", base, self._encode)
        base |= {"prior": read_record(order.prior)["code_space"], "matte": _stamp(MATTE)}
        base |= {"identity": _stamp(order.prior / IDENTITY_FILE)}
        self._stage("guess", base, self._guess)
        base |= {"fit": dataclasses.asdict(order.fit), "minutes": order.minutes}
        self._stage("fit", base, self._fit)
        base |= {"motion": order.motion}
        self._stage("motion", base, self._move)
        base |= {"statement": dataclasses.asdict(order.statement), "out": str(order.out.resolve())}
        if not order.out.is_file():
            self.work.forget("export")
        self._stage("export", base, self._export)
        self._stage("report", base, self._report)
        return order.out

    def folder(self, stage: str) -> Path:
        """Where a finished stage lies."""
        return self.work.folder / stage

    def _stage(self, name: str, key: dict[str, Any], make: Any) -> None:
        begin = time.monotonic()
        _, self.record[name] = self.work.stage(name, {"stage": name, **key}, make)
        seconds = time.monotonic() - begin
        if seconds > 1:
            logger.info("%s took %.0f s", name, seconds)

    def _require_sound(self) -> None:
        """Personal motion without sound is refused before anything is fitted."""
        if self.order.motion == "personal" and not self.record["read"].get("has_sound"):
            raise VideoError(
                "Personal motion is learnt from a talking video with sound: give one, or leave out "
                "--motion personal."
            )

    def _find(self, folder: Path, progress: Progress) -> dict[str, Any]:
        if self.order.given.kind == "scan":
            return {}
        return find_faces(self.order.given, folder, FaceFinder.open(), progress)

    def _encode(self, folder: Path, progress: Progress) -> dict[str, Any]:
        order = self.order
        if order.given.kind == "scan":
            return {}
        # Somebody may stand behind a person who is photographed.
        is_film = order.given.kind == "video"
        face = "largest" if order.face == "only" and not is_film else order.face
        return Reader.open(order.tracker, face, order.focal_px).encode(
            order.given, folder, progress
        )

    def _guess(self, folder: Path, progress: Progress) -> dict[str, Any]:
        given = self.order.given
        if given.kind == "scan":
            return {}
        identity = load_identity(self.order.prior, self.prior.parts)
        stage = GuessStage(self.prior, identity, HeadMatte.open(), progress)
        make = stage.of_video if given.kind == "video" else stage.of_pictures
        return make(given, self.folder("encode"), folder)

    def _fit(self, folder: Path, progress: Progress) -> dict[str, Any]:
        if self.order.motion == "personal":
            self._require_speech()
        settings = self._settings(folder)
        begin = time.monotonic()
        self.person = self._fitted(folder, settings, progress)
        surface, free = self.person.num_gaussians
        return {
            "steps": settings.steps,
            "gaussians": surface + free,
            "free_gaussians": free,
            "seconds": round(time.monotonic() - begin, 1),
        }

    def _require_speech(self) -> None:
        """Who hardly speaks is not fitted for an hour first."""
        from .motion import require_speech

        require_speech(self._subject(), sound_of(self.order.given), load_controls(self.order.prior))

    def _settings(self, folder: Path) -> FitSettings:
        """The settings with the steps that the wanted minutes allow; a resumed fit keeps its own."""
        settings = self.order.fit
        if self.order.minutes is None or self.order.given.kind == "scan":
            return settings
        path = folder / "steps.json"
        if path.is_file():
            return dataclasses.replace(settings, steps=int(json.loads(path.read_text("utf8"))))
        trial = dataclasses.replace(settings, steps=TRIAL_STEPS)
        begin = time.monotonic()
        fit_person(self.prior, self._subject(), trial, work=folder / "trial")
        step_sec = (time.monotonic() - begin) / TRIAL_STEPS
        steps = int(np.clip(60 * self.order.minutes / step_sec, FEWEST_STEPS, MOST_STEPS))
        with replace_on_success(path) as temporary:
            temporary.write_text(json.dumps(steps), "utf8")
        return dataclasses.replace(settings, steps=steps)

    def _fitted(self, folder: Path, settings: FitSettings, progress: Progress) -> FittedPerson:
        given = self.order.given
        if given.kind == "scan":
            identity = load_identity(self.order.prior, self.prior.parts)
            return _baked(self.prior, read_scan(given.paths[0], self.prior, identity))
        subject = self._subject()
        if settings.steps == 0:
            return _baked(self.prior, subject.scan)
        return fit_person(self.prior, subject, settings, work=folder, progress=progress)

    def _subject(self) -> VideoSubject:
        return load_subject(self.folder("guess"))

    def _the_person(self) -> FittedPerson:
        """The fitted person, from its checkpoint where another run fitted it."""
        if self.person is None:
            steps = self.record["fit"]["steps"]
            settings = dataclasses.replace(self.order.fit, steps=steps)
            self.person = self._fitted(self.folder("fit"), settings, lambda share, preview: None)
        return self.person

    def _move(self, folder: Path, progress: Progress) -> dict[str, Any]:
        self.motion = self._moving(folder, progress)
        return {} if self.motion is None else {"scores": self.motion.scores}

    def _moving(self, folder: Path, progress: Progress) -> Any:
        order = self.order
        if order.motion == "universal":
            return None
        from .motion import fit_motion

        sound = sound_of(order.given)
        controls = load_controls(order.prior)
        return fit_motion(
            self._the_person().head,
            self._subject(),
            sound,
            controls,
            work=folder,
            progress=progress,
        )

    def _export(self, folder: Path, progress: Progress) -> dict[str, Any]:
        order, person = self.order, self._the_person()
        if order.motion == "personal" and self.motion is None:
            self.motion = self._moving(self.folder("motion"), lambda share, preview: None)
        statement = dated(order.statement, key_of(order.given.digest()), order.given)
        info = describe_person(person, statement, read_record(order.prior))
        progress(0.1, None)
        controls = load_controls(order.prior)
        fidelity = person.export(order.out, info, controls, motion=self.motion)
        return {
            "package": str(order.out),
            "bytes": order.out.stat().st_size,
            "against_the_network": dataclasses.asdict(fidelity),
            "source": statement.source,
            "consent": statement.consent,
        }

    def _report(self, folder: Path, progress: Progress) -> dict[str, Any]:
        order, result = self.order, {}
        record: dict[str, Any] = {k: v for k, v in self.record.items() if v}
        if order.given.kind != "scan":
            report = self._report_input()
            result["page"] = str(write_report(order.out.with_suffix(".report.html"), report))
            progress(0.8, None)
            record["measured"] = report_summary(report)
        path = order.out.with_suffix(".json")
        with replace_on_success(path) as temporary:
            temporary.write_text(json.dumps(record, indent=1, default=str) + "\n", "utf8")
        return result | {"record": str(path)}

    def _report_input(self) -> ReportInput:
        order, curve = self.order, self.folder("fit") / "fit.curve.csv"
        export, encode = self.record["export"], self.record["encode"]
        names = ", ".join(path.name for path in order.given.paths[:3])
        return ReportInput(
            name=order.statement.name,
            person=self._the_person(),
            subject=self._subject(),
            consent=export["consent"],
            source=names + (" …" if len(order.given.paths) > 3 else ""),
            source_sha256=key_of(order.given.digest()),
            settings={"steps": self.record["fit"]["steps"], "device": order.fit.device}
            | {"motion": order.motion, "code_space": read_record(order.prior)["code_space"]},
            stage_sec={stage: self.work.seconds(stage) for stage in STAGES[:-1]},
            facts={**self.record["read"], **self.record["guess"], **self.record["fit"]},
            notes=tuple(encode.get("notes", ())),
            curve=curve if curve.is_file() else None,
            controls=load_controls(order.prior),
            motion=self.record["motion"].get("scores"),
            peak_memory_mb=peak_memory_mb(),
        )


def peak_memory_mb() -> float | None:
    """The most memory that this process has held, where the system tells."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e3)


def dated(statement: PersonStatement, digest: str, given: Input) -> PersonStatement:
    """The statement with the day it was made, and what the avatar was made from."""
    today = datetime.date.today().isoformat()
    what = {
        "video": "A video",
        "photos": f"{len(given.paths)} photos",
        "calibrated": "Calibrated pictures",
        "scan": "A neutral scan",
    }[given.kind]
    consent = f"{statement.consent.strip()} (stated on {today})" if statement.consent else ""
    source = f"{what} of the person, SHA-256 {digest}, made into an avatar on {today}"
    return dataclasses.replace(statement, consent=consent, source=source)


def sound_of(given: Input) -> tuple[np.ndarray, int]:
    """The mono sound `[S]` of a video and its rate (Hz)."""
    samples, rate = read_sound(given.paths[0])
    return samples.mean(axis=1), rate


def read_scan(folder: Path, prior: UniversalPrior, identity: IdentityModel) -> NeutralScan:
    """A neutral scan on the prior's topology, as docs/TRAINING.md lays it out."""
    vertices = read_array(folder / SCAN_VERTICES)
    topology = prior.parts.topology
    wanted = (topology.num_vertices, 3)
    if vertices.shape != wanted or not np.isfinite(vertices).all():
        raise VideoError(
            f"'{folder / SCAN_VERTICES}' has shape {vertices.shape}, the prior's mesh {wanted}, all finite: "
            "bring the scan to the prior's topology."
        )
    vertices, picture = vertices.astype(np.float64), read_image(folder / SCAN_TEXTURE)
    if picture.ndim != 3 or picture.shape[2] < 3 or picture.dtype != np.uint8:
        raise VideoError(f"'{folder / SCAN_TEXTURE}' has no colours of 8 bits: save it as RGB.")
    texture = picture[..., :3] / np.float32(255)
    path = folder / "strands.npz"
    strands = strands_of(read_arrays(path)) if path.is_file() else {}
    # Eyeballs and pivot are not in the mesh: those of the nearest of the model's people.
    points = identity.points(identity.coefficients(vertices))
    return NeutralScan(vertices, texture, strands, points[-3:-1], points[-1])


def _baked(prior: UniversalPrior, scan: NeutralScan) -> FittedPerson:
    """A person as the prior makes it from the scan, nothing fitted."""
    head = bake_head(prior, scan)
    free = len(head.head.still_means_m)
    return FittedPerson(
        head, scan.vertices, scan, prior, {}, {}, (len(head.neck_weights) - free, free)
    )


def _stamp(path: Path) -> list[int]:
    """What changes when a file of the installation is replaced."""
    return [path.stat().st_size, path.stat().st_mtime_ns] if path.is_file() else []
