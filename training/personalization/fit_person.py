"""From a pictured subject to a fitted person: the fit with its previews, and what comes out of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from ...core.camera import Camera
from ...core.errors import AvatarError
from ...core.files import replace_on_success
from ..evaluate_metrics import BACKGROUND, Score, composite, score
from ..networks.prior import BakedHead, UniversalPrior
from ..prior_person import NeutralScan
from .drawing import draw_decoded
from .fit import REPORT_STEPS, PersonalFit
from .fit_curve import CURVE, add_row
from .fit_settings import FitSettings
from .frame_windows import whole
from .subject import SubjectFrame, VideoSubject

if TYPE_CHECKING:
    from ...core.avatar import AvatarInfo, Controls
    from ..export_check import Fidelity
    from .motion import FittedMotion

logger = logging.getLogger(__name__)
Progress = Callable[[float, "Path | None"], None]
CHECKPOINT, PREVIEW = "fit.checkpoint.pt", "fit.png"
# Progress is told in every n-th step.
TELL_STEPS = 10
NUM_SHOWN = 4


@dataclass(frozen=True)
class FittedPerson:
    """A person's decoder and what it stands on; `head` takes codes of the prior."""

    head: BakedHead
    vertices: np.ndarray  # [V, 3] m, the fitted neutral
    scan: NeutralScan
    prior: UniversalPrior
    # Of the fitted frames, by name: refined codes `[D]` and head poses `[6]`.
    codes: dict[str, np.ndarray]
    head_poses: dict[str, np.ndarray]
    num_gaussians: tuple[int, int]  # on the surface, and free

    @torch.no_grad()
    def picture(
        self,
        code: np.ndarray,
        head_pose: np.ndarray,
        camera: Camera,
        background: np.ndarray = BACKGROUND,
    ) -> np.ndarray:
        """Colours `[H, W, 3]` of a code in a head pose, as a package draws them."""
        decoded = self.head(torch.from_numpy(np.asarray(code, np.float32)))
        pose = (np.asarray(head_pose, np.float32), self.scan.neck_pivot, self.head.neck_weights)
        return draw_decoded(decoded, pose, camera, background)

    def export(
        self, out: Path, info: AvatarInfo, controls: Controls, *, motion: FittedMotion | None = None
    ) -> Fidelity:
        """Write an avatar package (`personal_export`); `controls` are the prior's."""
        from .personal_export import export_person

        return export_person(self, info, controls, out, motion=motion)

    def score(self, frame: SubjectFrame) -> Score:
        """How near the person comes to a frame, at the code and pose that the frame was given."""
        ours = self.picture(frame.code, frame.head_pose, frame.camera)
        return score(ours, frame.rgba)


def fit_person(
    prior: UniversalPrior,
    subject: VideoSubject,
    settings: FitSettings | None = None,
    *,
    work: Path,
    progress: Progress | None = None,
) -> FittedPerson:
    """Fit a head to the frames of a subject that are not held out; goes on from a checkpoint in `work`."""
    settings = settings or FitSettings()
    if not subject.fitted_frames:
        raise AvatarError("There is no frame to fit to: give a video with a face in it.")
    work.mkdir(parents=True, exist_ok=True)
    fit = PersonalFit(prior, subject, settings)
    fit.after_step = lambda fit: _after_step(fit, work, progress)
    fit.run(subject.fitted_frames, work / CHECKPOINT)
    fit.save(work / CHECKPOINT)
    preview(fit, work / PREVIEW)
    return fitted_person(fit, prior)


def fitted_person(fit: PersonalFit, prior: UniversalPrior) -> FittedPerson:
    """The person as the fit now has it, on the CPU."""
    head = fit.head.baked(None if fit.hair is None else fit.hair.values())
    codes, turns, shifts = (
        getattr(fit, name).detach().cpu().numpy() for name in ("codes", "turns", "shifts")
    )
    poses = np.concatenate([turns, shifts], axis=1)
    return FittedPerson(
        head=head,
        vertices=fit.head.vertices(),
        scan=fit.head.scan,
        prior=prior,
        codes={name: codes[row] for name, row in fit.rows.items()},
        head_poses={name: poses[row] for name, row in fit.rows.items()},
        num_gaussians=fit.num_gaussians,
    )


@torch.no_grad()
def preview(fit: PersonalFit, path: Path) -> None:
    """A few frames above what the head looks like in them."""
    frames = fit.frames[:: max(len(fit.frames) // NUM_SHOWN, 1)][:NUM_SHOWN]
    columns = []
    for frame in frames:
        window = whole(frame)
        picture, _ = fit.draw(frame, window, torch.from_numpy(BACKGROUND))
        ours = picture.colors.clamp(0, 1).cpu().numpy()
        columns.append(np.concatenate([composite(frame.rgba), ours]))
    # Photos are of different heights.
    highest = max(len(column) for column in columns)
    columns = [np.pad(c, ((0, highest - len(c)), (0, 0), (0, 0)), mode="edge") for c in columns]
    sheet = Image.fromarray((np.concatenate(columns, axis=1) * 255 + 0.5).astype(np.uint8))
    with replace_on_success(path) as temporary:
        sheet.save(temporary, "PNG")


def _after_step(fit: PersonalFit, work: Path, progress: Progress | None) -> None:
    done = fit.step + 1
    if done % REPORT_STEPS == 0:
        surface, free = fit.num_gaussians
        stage = fit.settings.stage_at(fit.progress()).name
        row = {"step": done, "stage": stage, "seconds": round(fit.seconds, 1)}
        row |= {"psnr_db": round(fit.mean_db, 3), "surface": surface, "free": free}
        add_row(work / CURVE, row)
    _tell(fit, work, progress)


def _tell(fit: PersonalFit, work: Path, progress: Progress | None) -> None:
    done = fit.step + 1
    if progress is None or done % TELL_STEPS:
        return
    path = None
    if done % fit.settings.preview_steps == 0:
        path = work / PREVIEW
        preview(fit, path)
    progress(done / fit.settings.steps, path)
