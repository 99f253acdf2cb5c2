"""The head that is fitted: the prior's decoder of one scan, with everything free that belongs to the person."""

from __future__ import annotations

import copy
import dataclasses
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..fit_head import view_colors
from ..networks.person_head import PersonHead, PersonParts
from ..networks.prior import BakedHead, Identity, Scan, UniversalPrior
from ..prior_bake import set_look, use_stored_range
from ..prior_person import NeutralScan, PersonMaker, person_tensors
from .personal_anchors import PersonalAnchors
from .posing import NeckGroups, facing, learnt_where, pose_points, pose_rows
from .shape_handles import ShapeHandles

# The last layers of the decoder, which the last stage frees.
LAST_LAYERS = ("shape_map.last.weight", "color_map.last.weight", "color_map.straight.weight")


class Splats(NamedTuple):
    """What is drawn: Gaussians in a head pose with the colours that one eye sees, and landmarks."""

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    colors: Tensor
    landmarks: Tensor  # [68, 3]


class PersonalHead(nn.Module):
    """One person between the scan's first guess and the pictures; codes `[D]` and poses `[6]` are given."""

    def __init__(self, prior: UniversalPrior, scan: NeutralScan) -> None:
        super().__init__()
        self.scan = scan
        settings = prior.settings
        maker = PersonMaker(prior.parts, settings.gaussians, settings.network.image_px)
        self.prior = copy.deepcopy(prior).requires_grad_(False)
        parts = maker.person(scan, only_used=True)
        head, tensors = person_tensors(prior, parts, maker.scan_colors(scan.texture))
        with torch.no_grad():
            identity = prior.identify(tensors.maps[None])[0]
        for name, value in zip(Identity._fields, identity, strict=True):
            self.register_buffer(f"start_{name}", value.clone())
            setattr(self, f"own_{name}", nn.Parameter(value.clone()))
        self.color_gain = nn.Parameter(torch.ones(3))
        self.color_offset = nn.Parameter(torch.zeros(3))
        landmarks = prior.parts.mean_vertices[prior.parts.topology.landmarks68]
        topology = prior.parts.topology
        self.handles = ShapeHandles(prior.parts.mean_vertices, landmarks, topology.neck_weights)
        self.register_buffer("pivot", torch.from_numpy(scan.neck_pivot.astype(np.float32)))
        self.prior.anchors = PersonalAnchors.of(prior, tensors)
        self._texels = maker.texels
        self._stand((head, parts, tensors))
        for name in LAST_LAYERS:
            self.prior.get_parameter(name).requires_grad_(True)

    @property
    def anchors(self) -> PersonalAnchors:
        """What every anchor of this person holds."""
        return self.prior.anchors

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.pivot.device

    @property
    def identity(self) -> Identity:
        """The identity as it now is."""
        return Identity(self.own_code, self.own_change_maps, self.own_correction_maps)

    def use_anchors(self, anchors: PersonalAnchors) -> None:
        """Go on with other anchors; the decoder is made anew for them."""
        self.prior.anchors = anchors.to(self.device)
        self.prior.parts = dataclasses.replace(self.prior.parts, anchors=anchors.places)
        self.remake()

    def remake(self) -> None:
        """Make the decoder for the anchors and the device as they are."""
        settings = self.prior.settings
        maker = PersonMaker(self.prior.parts, settings.gaussians, settings.network.image_px)
        maker.__dict__["texels"] = self._texels
        parts = maker.person(self.scan, only_used=True)
        colors = np.zeros((len(self.anchors), 3))
        head, tensors = person_tensors(self.prior, parts, colors)
        self._stand((head, parts, tensors))

    def _stand(self, made: tuple[PersonHead, PersonParts, Scan]) -> None:
        # In a tuple: neither weights of the fit nor part of its state.
        head, parts, tensors = made
        rows = torch.from_numpy(parts.vertices).to(head.neutral_m.device)
        self._made = (head, parts, tensors, rows)
        self.neck = NeckGroups.of(parts.neck_weights, head.neutral_m.device)

    @property
    def head(self) -> PersonHead:
        """The decoder whose look is given anew at each step."""
        return self._made[0]

    @property
    def num_surface(self) -> int:
        """Gaussians on the surface; strands of the scan follow them."""
        return len(self.anchors)

    @property
    def neck_weights(self) -> np.ndarray:
        """How far each Gaussian follows the head."""
        return self._made[1].neck_weights

    def look(self) -> dict[str, Tensor]:
        """The buffers of the decoder as they now are."""
        head, _, tensors, rows = self._made
        anchors = self.anchors
        scan = tensors._replace(
            base_colors=anchors.base_colors,
            scales_m=anchors.scales_m,
            opacities=anchors.opacities,
        )
        look = self.prior.look(head, scan, self.identity)
        gain, offset = self.color_gain, self.color_offset
        maps = look["map_light"]
        look["surface_colors"] = look["surface_colors"] * gain + offset
        look["reference_colors"] = look["reference_colors"] * gain
        look["map_light"] = (maps.reshape(-1, 3) * gain).reshape(maps.shape)
        look["all_sh"] = look["all_sh"] * gain
        look["neutral_m"] = head.neutral_m + self.handles(rows)
        return look

    def splats(self, code: Tensor, pose: Tensor, eye: Tensor) -> Splats:
        """Gaussians of a code `[D]` in a head pose `[6]`, with the colours that an eye `[3]` sees."""
        shape, columns = self.prior.express(code[None], self.identity)
        decoded = functional_call(self.head, self.look(), (shape[0], columns[0]))
        means, quats, scales, opacities, colors, landmarks, sh = decoded
        posed = pose_rows(means, quats, pose, self.pivot, self.neck, eye=eye)
        shown = (colors + view_colors(sh, posed.directions)).clamp(min=0)
        faced = facing(quats[: self.num_surface], posed.directions[: self.num_surface])
        shown = torch.cat(
            [learnt_where(shown[: self.num_surface], faced), shown[self.num_surface :]]
        )
        marks = pose_points(landmarks, pose, self.pivot)
        return Splats(posed.means, posed.quats, scales, opacities, shown, marks)

    @torch.no_grad()
    def vertices(self) -> np.ndarray:
        """All vertices of the person at rest `[V, 3]` (m)."""
        every = torch.arange(len(self.scan.vertices), device=self.device)
        return self.scan.vertices + self.handles(every).cpu().double().numpy()

    @torch.no_grad()
    def baked(self, still: tuple[Tensor, ...] | None = None) -> BakedHead:
        """The decoder as a package stores it, on the CPU; `still` are means, quats, scales, opacities and colours that
        move with the skull."""
        head, parts, _, _ = self._made
        look = {name: value.detach().clone() for name, value in self.look().items()}
        made = copy.deepcopy(head)
        weights = parts.neck_weights
        if still is not None:
            means, quats, scales, opacities, colors = still
            count = len(means)
            made.still_means_m = torch.cat([made.still_means_m, means])
            made.still_quats = torch.cat([made.still_quats, quats])
            look["rigid_scales_m"] = torch.cat([look["rigid_scales_m"], scales])
            look["all_opacities"] = torch.cat([look["all_opacities"], opacities])
            look["strand_colors"] = torch.cat([look["strand_colors"], colors])
            look["all_sh"] = torch.cat([look["all_sh"], look["all_sh"].new_zeros(count, 3, 3)])
            weights = np.concatenate([weights, np.ones(count)])
        made.neutral_m = look.pop("neutral_m")
        for name, value in look.items():
            set_look(made, name, value)
        made.surface_colors.clamp_(0.0, 1.0)
        made.neck_weights = weights
        baked = BakedHead(self.prior, made, self.identity)
        use_stored_range(baked)
        return baked.cpu().eval()
