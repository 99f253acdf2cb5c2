"""The mouth of a speaking person drawn with gradients to its deformation."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from ..fit_head import view_colors
from ..rasterize import rasterize
from .motion_places import MouthPlaces
from .motion_targets import Crop
from .posing import NeckGroups, pose_points, pose_rows
from .subject import SubjectFrame

BACKGROUND = 0.5


class MouthPainter:
    """Draws frames of one person about the mouth."""

    def __init__(self, head: nn.Module, pivot_m: np.ndarray, mouth: MouthPlaces) -> None:
        self.head, self.rows = head, torch.from_numpy(mouth.rows)
        self.pivot = torch.from_numpy(np.asarray(pivot_m, np.float32))
        self.groups = NeckGroups.of(head.neck_weights)
        self.background = torch.full((3,), BACKGROUND)

    def loss(self, frame: SubjectFrame, code: np.ndarray, changes: list[Tensor]) -> Tensor:
        """How unlike the frame's mouth is to the head under `code` with changed moves, colours and log scales.

        Only the moves take gradients: what light or the fit got wrong shall not become a part of speech.
        """
        with torch.no_grad():
            decoded = self.head(torch.from_numpy(code))
            pose = torch.from_numpy(np.asarray(frame.head_pose, np.float32))
            landmarks = pose_points(decoded[5], pose, self.pivot).numpy()
        crop = Crop.about(frame.rgba, frame.camera, landmarks)
        if crop is None:
            return changes[0].new_zeros(())
        shown = self.draw(decoded, pose, crop, [changes[0], *(c.detach() for c in changes[1:])])
        return crop.loss(shown, self.background)

    def draw(
        self, decoded: tuple[Tensor, ...], pose: Tensor, crop: Crop, changes: list[Tensor]
    ) -> Tensor:
        """The picture `[S, S, 3]` of a decoded head in a pose, deformed."""
        means, quats, scales, opacities, colors = decoded[:5]
        moves, tints, log_scales = changes
        means = means.index_add(0, self.rows, moves)
        colors = colors.index_add(0, self.rows, tints).clamp(0.0, 1.0)
        scales = scales.index_copy(0, self.rows, scales[self.rows] * torch.exp(log_scales))
        viewmat = crop.camera.viewmat
        eye = torch.from_numpy(-viewmat[:3, :3].T @ viewmat[:3, 3]).float()
        posed = pose_rows(means, quats, pose, self.pivot, self.groups, eye=eye)
        if len(decoded) > 6:
            colors = colors + view_colors(decoded[6], posed.directions)
        shown = (posed.means, posed.quats, scales, opacities, colors.clamp(min=0.0))
        return rasterize(*shown, crop.camera, self.background).colors
