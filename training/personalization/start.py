"""Where a fit starts: the head of the first guess, and hair where the mattes leave room for it."""

from __future__ import annotations

import dataclasses

import numpy as np

from ..networks.prior import UniversalPrior
from ..prior_person import NeutralScan
from .fit_settings import FitSettings
from .hair import HairGaussians, shell_colors
from .hair_shell import hair_shell
from .personal_head import PersonalHead
from .silhouettes import Silhouettes
from .subject import VideoSubject

# Fewer points of hair than this are none.
FEWEST_HAIR = 60


def first_head(prior: UniversalPrior, subject: VideoSubject, settings: FitSettings) -> PersonalHead:
    """The head of the subject's scan; without the prior, of the mean head in one colour."""
    scan = subject.scan if settings.uses_prior else mean_scan(prior, subject.scan)
    return PersonalHead(prior, scan)


def mean_scan(prior: UniversalPrior, scan: NeutralScan) -> NeutralScan:
    """The head of nobody, in the scan's mean colour."""
    color = scan.texture.reshape(-1, 3).mean(0)
    return dataclasses.replace(
        scan,
        vertices=prior.parts.mean_vertices.astype(np.float64),
        texture=np.broadcast_to(color, scan.texture.shape).copy(),
        strands={},
        beyond=None,
    )


def first_hair(
    head: PersonalHead, outlines: Silhouettes, settings: FitSettings
) -> HairGaussians | None:
    """Hair over the scalp of a head that has none; None where there is no room for any."""
    has_hair = any(name.startswith("hair") for name in head.scan.strands)
    if has_hair or not settings.hair.is_used:
        return None
    shell = hair_shell(head.prior.parts, head.scan.vertices, outlines, settings.hair)
    if len(shell.points) < FEWEST_HAIR:
        return None
    topology = head.prior.parts.topology
    skin = head.scan.vertices[topology.triangles[topology.faces_of("face", "back_head")]]
    colors = shell_colors(shell, outlines, skin)
    return HairGaussians.on(shell, colors, settings.hair, settings.device)
