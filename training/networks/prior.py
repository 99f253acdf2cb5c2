"""The Universal Head Avatar Prior: one network whose code moves and shades any person's Gaussians.

After UHAP (Teotia et al. 2025, arXiv 2509.18924): a variational expression code that carries geometry and
appearance, and neutral scans that keep identity sharp. What that paper does not tell follows Ava-256 (bias
maps from the scan) and Goliath's Gaussian decoders; the slim decoder (columns of colour change) is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..dataset.layout import Topology
from ..prior_anchors import HIDDEN_AT_REST, UniversalAnchors
from ..prior_settings import PriorSettings
from .code_map import BakedCodeMap, CodeMap
from .expression_encoder import ExpressionEncoder
from .identity_encoder import IdentityEncoder
from .person_head import PersonHead
from .strand_look import StrandLook

NUM_MAPS = 7
# Channels of the neutral's corrections: gain, offset, opacity, scales, lift, spherical harmonics.
CORRECTIONS = (3, 3, 1, 2, 1, 9)
# Natural logarithm of the largest change of a scale, and the largest lift in sigmas of the disc.
SCALE_BOUND, LIFT_BOUND = 0.9, 0.6
# What hidden parts reflect before anything is learned, and a scan that is not to be used.
FIRST_REFLECTION, NO_SCAN = 0.15, 0.4


@dataclass(frozen=True)
class UniversalParts:
    """What is fixed before training: the shared mesh, the anchors and the basis of what moves."""

    topology: Topology
    mean_vertices: np.ndarray  # [V, 3] m
    anchors: UniversalAnchors
    moving: np.ndarray  # [M] vertices
    basis: np.ndarray  # [G, M * 3] m per unit coefficient; rows orthogonal


class Identity(NamedTuple):
    """What the identity encoder makes of one scan."""

    code: Tensor  # [Z]
    change_maps: Tensor  # [K, R * R * 3]
    correction_maps: Tensor  # [R * R, C]


class UniversalPrior(nn.Module):
    """Encoders, shared maps and what every anchor learns for itself."""

    def __init__(self, parts: UniversalParts, settings: PriorSettings) -> None:
        super().__init__()
        self.parts, self.settings = parts, settings
        network = settings.network
        rank, colors = len(parts.basis), network.color_rank
        # Fixed, but moves to the device with the rest.
        basis = torch.from_numpy(np.asarray(parts.basis, np.float32))
        self.register_buffer("basis", basis, persistent=False)
        gram = (basis.double() @ basis.double().T).inverse().float()
        self.register_buffer("basis_inverse", gram, persistent=False)
        outputs = 3 * colors + sum(CORRECTIONS)
        self.identity = IdentityEncoder(
            NUM_MAPS, network.widths, network.identity_dim, outputs, network.image_px
        )
        self.expression = ExpressionEncoder(
            rank, network.change_widths, network.change_px, network.hidden, network.code_dim
        )
        sizes = (network.code_dim, network.identity_dim, network.hidden)
        self.shape_map, self.color_map = CodeMap(*sizes, rank), CodeMap(*sizes, colors)
        with torch.no_grad():
            # Encoder and decoder start as each other's inverse.
            self.shape_map.straight.weight.copy_(self.expression.straight.weight.T)
        self.strand_look = StrandLook(network.identity_dim, network.strand_hidden)
        self.anchors = _AnchorLook(parts, colors)

    @property
    def map_px(self) -> int:
        """Side of the decoder's maps."""
        return self.settings.network.image_px // 2

    def identify(self, maps: Tensor) -> list[Identity]:
        """Identities of scans, from their maps `[P, 7, R, R]`."""
        codes, out = self.identity(maps)
        colors = self.settings.network.color_rank
        change, rest = out[:, : 3 * colors].flatten(2), out[:, 3 * colors :].flatten(2)
        change = change.reshape(len(out), colors, 3, -1).transpose(2, 3).flatten(2)
        return [Identity(codes[i], change[i], rest[i].T.contiguous()) for i in range(len(out))]

    def coefficients(self, offsets: Tensor) -> Tensor:
        """Whitened coefficients `[B, G]` of moving vertices' offsets `[B, M * 3]` (m)."""
        return offsets @ self.basis.T @ self.basis_inverse

    def encode(self, coefficients: Tensor, change: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance `[B, D]` of frames, from coefficients and texture change `[B, 3, R, R]`."""
        return self.expression(coefficients, change)

    def express(self, codes: Tensor, identity: Identity) -> tuple[Tensor, Tensor]:
        """Coefficients of shape `[B, G]` and of colour `[B, K]` of codes `[B, D]`."""
        shape = self.shape_map(codes, identity.code)
        columns = self.color_map(codes, identity.code)
        return shape, columns if self.settings.color_follows_code else 0.0 * columns

    def colors(self, person: PersonHead, base: Tensor) -> tuple[Tensor, Tensor]:
        """Neutral colours `[N, 3]` before correction, and what light multiplies."""
        if not self.settings.neutral_supervision:
            base = torch.full_like(base, NO_SCAN)
        return base, base + self.anchors.reflection()

    def look(self, person: PersonHead, scan: Scan, identity: Identity) -> dict[str, Tensor]:
        """What `person_head.LOOK` names, with gradients to the prior."""
        maps = person.taps(identity.correction_maps).split(CORRECTIONS, dim=1)
        gain, offset, opacity, log_scale, lift, sh = maps
        own = self.anchors
        base, reference = self.colors(person, scan.base_colors)
        log_scale = SCALE_BOUND * torch.tanh(log_scale + own.log_scales)
        scales = scan.scales_m * log_scale.exp()[:, [0, 0, 1]]
        strands = self.strand_look(scan.strand_features, identity.code)
        logits = torch.logit(scan.opacities) + opacity[:, 0] + own.logits
        return {
            "surface.scales_m": scales,
            "surface.lift_m": LIFT_BOUND * scan.scales_m[:, :1] * torch.tanh(lift + own.lifts),
            "surface_colors": base * (1 + gain + own.gains) + offset,
            "reference_colors": reference,
            "gain_light": own.light,
            "map_light": identity.change_maps,
            "all_opacities": torch.cat(
                [torch.sigmoid(logits), strands.opacities(scan.strand_opacities)]
            ),
            "rigid_scales_m": strands.scales(scan.strand_scales_m),
            "strand_colors": strands.colors(scan.strand_colors),
            "all_sh": torch.cat([sh.reshape(-1, 3, 3) + own.sh, strands.sh]),
        }

    @torch.no_grad()
    def turn_codes(self, to_new: Tensor, to_old: Tensor) -> None:
        """Change the code's coordinates: new = `to_new` @ old, `to_old` the inverse."""
        for layer in (self.expression.straight, self.expression.mean):
            layer.weight.copy_(to_new @ layer.weight)
        for code_map in (self.shape_map, self.color_map):
            code_map.turn_codes(to_old)


class Scan(NamedTuple):
    """One person's neutral scan at the Gaussians, as tensors."""

    maps: Tensor  # [7, R, R]
    base_colors: Tensor  # [N, 3]
    scales_m: Tensor  # [N, 3]
    opacities: Tensor  # [N]
    strand_features: Tensor  # [S, F]
    strand_colors: Tensor  # [S, 3]
    strand_scales_m: Tensor  # [S, 3]
    strand_opacities: Tensor  # [S]


class BakedHead(nn.Module):
    """One person's decoder, code `[D]` to Gaussians and landmarks: what an avatar package stores."""

    has_sh = True

    def __init__(self, prior: UniversalPrior, person: PersonHead, identity: Identity) -> None:
        """`person` holds its look already."""
        super().__init__()
        self.head = person
        self.neck_weights = person.neck_weights
        self.shape_map = BakedCodeMap(prior.shape_map, identity.code)
        self.color_map = BakedCodeMap(prior.color_map, identity.code)

    def forward(self, code: Tensor) -> tuple[Tensor, ...]:
        """Means, quats, scales, opacities, colours, landmarks and sh for one code."""
        return self.head(self.shape_map(code), self.color_map(code))


class _AnchorLook(nn.Module):
    """What every anchor learns for itself, shared by all persons."""

    def __init__(self, parts: UniversalParts, columns: int) -> None:
        super().__init__()
        topology, anchors = parts.topology, parts.anchors
        count = len(anchors)
        hidden = topology.faces_of(*HIDDEN_AT_REST)[anchors.triangle]
        self.register_buffer("hidden", torch.from_numpy(hidden[:, None].astype(np.float32)))
        self.light = nn.Parameter(torch.zeros(columns, count))
        self.reflections = nn.Parameter(torch.full((count, 3), FIRST_REFLECTION))
        self.gains = nn.Parameter(torch.zeros(count, 3))
        self.log_scales = nn.Parameter(torch.zeros(count, 2))
        self.lifts = nn.Parameter(torch.zeros(count, 1))
        self.logits = nn.Parameter(torch.zeros(count))
        self.sh = nn.Parameter(torch.zeros(count, 3, 3))

    def reflection(self) -> Tensor:
        """Colours `[N, 3]` that light adds to where the neutral is dark: inside the mouth only."""
        return self.reflections * self.hidden
