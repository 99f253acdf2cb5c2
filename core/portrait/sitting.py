"""A person before the network: the photo that was read, the network that draws, and the film of a head's motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from ..avatar import Avatar
from .chunks import PortraitFilm
from .model import PortraitModel
from .order import PortraitOrder
from .photo import PortraitPhoto, read_photo
from .rig import PortraitRig


@dataclass(frozen=True, eq=False)
class Sitting:
    """An order whose photo shows a face that can be drawn."""

    order: PortraitOrder
    photo: PortraitPhoto
    model: PortraitModel

    @classmethod
    def of(cls, order: PortraitOrder) -> Sitting:
        """Check the order, read its photo, open the networks; raises with the reason where one of them fails."""
        order.check()
        return cls(order, read_photo(order.photo), PortraitModel.open())

    def rig(self, avatar: Avatar) -> PortraitRig:
        """What moves the photo's landmarks as `avatar` moves."""
        return PortraitRig(self.photo, avatar)

    def film(
        self, rig: PortraitRig, frames: range, points: Float32[np.ndarray, "T 70 2"]
    ) -> PortraitFilm:
        """The film of `frames` with these landmarks and irises."""
        reference = self.model.reference(self.photo.picture, rig.reference)
        return PortraitFilm(self.model, reference, frames, points)
