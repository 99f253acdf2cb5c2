"""The fit of a personal head to its frames.

After UHAP (Teotia et al. 2025, arXiv 2509.18924): expressions come from an encoder, so that only the person's look
and shape are left to learn. Gaussians grow by Pixel-GS' rule (Zhang et al. 2024), as in PGSTalker (2509.16922).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..image_loss import ssim
from ..networks.prior import UniversalPrior
from ..prior_data import region_weights
from ..rasterize import Picture, rasterize
from ..resumable import ResumableFit, Stateful
from .anchor_density import AnchorDensity
from .anchor_growth import NUM_EXPRESSIONS, regrow, stand_with, thinned
from .fit_pulls import compared_rows, pulls
from .fit_rates import parameter_groups, set_rates
from .fit_settings import FitSettings
from .frame_windows import Window, Windows
from .hair import with_hair
from .hair_density import HairDensity
from .personal_anchors import Surface
from .personal_head import LAST_LAYERS, Splats
from .silhouettes import Silhouettes
from .start import first_hair, first_head
from .subject import SubjectFrame, VideoSubject

logger = logging.getLogger(__name__)
REPORT_STEPS = 25
SSIM_PX = 256
# However unsure, a frame counts a little.
LEAST_CONFIDENCE = 0.2


class PersonalFit(ResumableFit):
    """A person's head on its way to the pictures."""

    settings: FitSettings

    def __init__(self, prior: UniversalPrior, subject: VideoSubject, settings: FitSettings) -> None:
        super().__init__(settings)
        torch.manual_seed(settings.seed)
        frames = subject.fitted_frames
        self.frames = frames
        self.rows = {frame.name: row for row, frame in enumerate(frames)}
        self.weights = (
            _frame_weights(frames) if settings.uses_codes else dict.fromkeys(self.rows, 1.0)
        )
        self.windows = Windows(frames, settings)
        self.outlines = Silhouettes(frames, subject.scan.neck_pivot)
        self.surface = Surface(prior.parts)
        self.head = first_head(prior, subject, settings)
        share = settings.growth.share_at_start(self.head.num_surface)
        if share < 1:
            rng = np.random.default_rng(settings.seed)
            evenly = settings.growth.rule == "random"
            fewer = thinned(self.head.anchors, self.surface, share, rng, evenly=evenly)
            self.head.use_anchors(fewer)
        self._take_frames()
        self.hair = first_hair(self.head, self.outlines, settings)
        self.head.to(settings.device).remake()
        self.first_layers = {
            name: self.head.prior.get_parameter(name).detach().clone() for name in LAST_LAYERS
        }
        self.optimizer = torch.optim.Adam(parameter_groups(self))
        self.density = AnchorDensity(settings.growth, self.head.num_surface)
        self.hair_density = HairDensity(settings, self.hair) if self.hair else None
        self._find_neighbours()
        self.after_step: Callable[[PersonalFit], None] | None = None
        self._recent: list[float] = []
        self.mean_db = float("nan")  # of the last steps' windows
        self._started_sec = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the fit was made or taken up again."""
        return time.monotonic() - self._started_sec

    def parts(self) -> dict[str, Stateful]:
        """All that changes from step to step, which also changes in number."""
        return {"fit": _FitState(self)}

    def pose_and_code(self, frame: SubjectFrame) -> tuple[Tensor, Tensor]:
        """Head pose `[6]` and code `[D]` of a frame as they now are; of another frame as they were given."""
        row = self.rows.get(frame.name)
        if row is not None:
            return torch.cat([self.turns[row], self.shifts[row]]), self.codes[row]
        given = (torch.from_numpy(np.array(v, np.float32)) for v in (frame.head_pose, frame.code))
        pose, code = (value.to(self.codes.device) for value in given)
        return pose, code

    def all_splats(self, code: Tensor, pose: Tensor, eye: Tensor) -> Splats:
        """Head and hair in a pose, with the colours that an eye `[3]` sees; the surface's anchors come first."""
        surface = self.head.splats(code, pose, eye)
        return with_hair(surface, self.hair, pose, self.head.pivot, eye=eye)

    def draw(
        self, frame: SubjectFrame, window: Window, background: Tensor
    ) -> tuple[Picture, Splats]:
        """The head as it now is, in a window of a frame."""
        pose, code = self.pose_and_code(frame)
        splats = self.all_splats(code, pose, torch.from_numpy(window.eye).to(pose.device))
        return rasterize(*splats[:5], window.camera, background), splats

    def follow(self, frame: SubjectFrame) -> None:
        """One step towards one frame."""
        rng = np.random.default_rng((self.settings.seed, self.step))
        set_rates(self)
        window = self.windows.choose(frame, rng)
        background = torch.from_numpy(rng.random(3)).float()
        picture, splats = self.draw(frame, window, background)
        loss = self.weights[frame.name] * self._unlikeness(
            picture, splats, window, background, rng=rng
        )
        rows = compared_rows(self, rng)
        loss = loss + sum(pulls(self, self.rows[frame.name], rows).values())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._clean_gradients()
        self.optimizer.step()
        if self.hair is not None:
            self.hair.step()
        self._grow(picture, window)
        self._report(window.psnr_db(picture, background))

    def _unlikeness(
        self,
        picture: Picture,
        splats: Splats,
        window: Window,
        background: Tensor,
        *,
        rng: np.random.Generator,
    ) -> Tensor:
        settings, device = self.settings, picture.colors.device
        wanted, wanted_alphas = (v.to(device) for v in window.over(background))
        marks = splats.landmarks.detach().cpu().numpy()
        weights = region_weights(marks, window.camera, settings.region_weight).to(device)
        absolute = ((picture.colors - wanted).abs() * weights).mean()
        patch = _patch(window, rng)
        unlike = 1 - ssim(picture.colors[patch], wanted[patch])
        alpha = (picture.alphas - wanted_alphas).abs().mean()
        share = settings.ssim_share
        return (1 - share) * absolute + share * unlike + settings.alpha_weight * alpha

    def _clean_gradients(self) -> None:
        for group in self.optimizer.param_groups:
            gradient = group["params"][0].grad
            if gradient is not None:
                torch.nan_to_num_(gradient, 0.0, 0.0, 0.0)
        for parameter in () if self.hair is None else self.hair.parameters.values():
            torch.nan_to_num_(parameter.grad, 0.0, 0.0, 0.0)

    def _grow(self, picture: Picture, window: Window) -> None:
        """Let density control see the picture, and do what is due."""
        settings, growth, done = self.settings, self.settings.growth, self.step + 1
        # A loss over a window is told as if it were one over the whole picture.
        side = window.full_side_px
        scale = 0.5 * side * window.camera.width * window.camera.height / side**2
        self.density.look_at(picture.statistics, scale)
        if self.hair is not None:
            self.hair_density.look_at(picture.statistics, self.num_before_hair, scale)
        is_time = growth.first <= done / settings.steps <= growth.last
        if growth.rule == "none" or not is_time or done % settings.growth_steps:
            return
        before = self.num_gaussians
        regrow(self, np.random.default_rng((settings.seed, done, 1)))
        self.density.forget(self.head.num_surface)
        self._find_neighbours()
        if self.hair is not None:
            self.hair_density.drop_floaters(self.hair, self.outlines)
            generator = torch.Generator().manual_seed(settings.seed + done)
            self.hair_density.grow_and_prune(self.hair, generator)
        logger.info("step %d: %s to %s Gaussians", done, before, self.num_gaussians)

    @property
    def num_before_hair(self) -> int:
        """Gaussians of the surface and of the scan's strands."""
        return len(self.head.neck_weights)

    @property
    def num_gaussians(self) -> tuple[int, int]:
        """On the surface (with strands of the scan), and free."""
        return self.num_before_hair, 0 if self.hair is None else len(self.hair)

    @property
    def expressions(self) -> Tensor:
        """Codes `[K, D]` that show what faces do: the neutral, and the frames that differ most."""
        codes = self.codes.detach()
        chosen, distance = [], codes.square().sum(1)
        for _ in range(min(NUM_EXPRESSIONS, len(codes))):
            chosen.append(int(distance.argmax()))
            distance = torch.minimum(distance, (codes - codes[chosen[-1]]).square().sum(1))
        return torch.cat([torch.zeros_like(codes[:1]), codes[chosen]])

    def _take_frames(self) -> None:
        """What is known of every frame becomes what is refined."""
        device = self.settings.device
        codes = np.stack([frame.code for frame in self.frames]).astype(np.float32)
        if not self.settings.uses_codes:
            codes = np.zeros_like(codes)
        poses = np.stack([frame.head_pose for frame in self.frames]).astype(np.float32)
        self.first_codes, self.first_turns, self.first_shifts = (
            torch.from_numpy(np.ascontiguousarray(values)).to(device)
            for values in (codes, poses[:, :3], poses[:, 3:])
        )
        self.codes = nn.Parameter(self.first_codes.clone())
        self.turns = nn.Parameter(self.first_turns.clone())
        self.shifts = nn.Parameter(self.first_shifts.clone())

    def _find_neighbours(self) -> None:
        near = self.surface.neighbours(self.head.anchors.places)
        self.neighbours = torch.from_numpy(near).to(self.head.device)

    def _report(self, psnr_db: float) -> None:
        self._recent.append(psnr_db)
        # Multiples of it: a fit that goes on reports at the same steps.
        if (self.step + 1) % REPORT_STEPS == 0:
            self.mean_db = float(np.mean(self._recent))
            stage = self.settings.stage_at(self.progress()).name
            logger.info(
                "step %d/%d (%s): %.2f dB, %.0f s", self.step + 1, self.settings.steps, stage,
                self.mean_db, self.seconds,
            )  # fmt: skip
            self._recent.clear()
        if self.after_step is not None:
            self.after_step(self)


def _frame_weights(frames: Sequence[SubjectFrame]) -> dict[str, float]:
    """How much each frame counts, by its confidence; one on average, so that pulls weigh the same for all subjects."""
    sure = np.maximum([frame.confidence for frame in frames], LEAST_CONFIDENCE)
    return dict(zip((frame.name for frame in frames), (sure / sure.mean()).tolist(), strict=True))


def _patch(window: Window, rng: np.random.Generator) -> tuple[slice, slice]:
    """Where structures are compared in this step: it costs as much as drawing does."""
    spans = []
    for size in window.rgba.shape[:2]:
        first = int(rng.integers(max(size - SSIM_PX, 0) + 1))
        spans.append(slice(first, first + SSIM_PX))
    return spans[0], spans[1]


class _FitState:
    """A fit as its checkpoint holds it: numbers of Gaussians come first, then their values."""

    def __init__(self, fit: PersonalFit) -> None:
        self.fit = fit

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        fit = self.fit
        places = fit.head.anchors.places
        return {
            "places": {
                name: torch.from_numpy(getattr(places, name))
                for name in ("triangle", "barycentric", "spacing")
            },
            "anchors": fit.head.anchors.state_dict(),
            "head": {n: p.detach() for n, p in fit.head.named_parameters() if "anchors." not in n},
            "frames": {n: getattr(fit, n).detach() for n in ("codes", "turns", "shifts")},
            "optimizer": fit.optimizer.state_dict(),
            "hair": None if fit.hair is None else fit.hair.state_dict(),
            "density": fit.density.state_dict(),
            "hair_density": None if fit.hair is None else fit.hair_density.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Stand where it was taken."""
        fit = self.fit
        places = {name: value.numpy() for name, value in state["places"].items()}
        anchors = fit.head.anchors.like(places, state["anchors"])
        stand_with(fit, anchors)
        with torch.no_grad():
            for name, value in state["head"].items():
                fit.head.get_parameter(name).copy_(value)
            for name, value in state["frames"].items():
                getattr(fit, name).copy_(value)
        fit.optimizer.load_state_dict(state["optimizer"])
        if fit.hair is not None and state["hair"] is not None:
            fit.hair.load_state_dict(state["hair"])
            fit.hair_density.load_state_dict(state["hair_density"])
        fit.density.load_state_dict(state["density"])
        fit._find_neighbours()
