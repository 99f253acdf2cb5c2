"""The landmarks of a photo's film: what the scene's head does on each frame, put onto the photo."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import bpy
import numpy as np

from ...core.portrait.drawing import NUM_POINTS
from ...core.portrait.rig import PortraitRig
from ..avatars import object_avatar
from ..codes import decoder_code, head_pose, require_code_space
from ..staging import frame_kept, view_layer_with


class SampledPoints:
    """Points `[T, 70, 2]` of the frames of a film; those that were not sampled are NaN."""

    def __init__(self, frames: range) -> None:
        self.frames = frames
        self.points = np.full((len(frames), NUM_POINTS, 2), np.nan, np.float32)

    def sample(
        self,
        scene: bpy.types.Scene,
        obj: bpy.types.Object,
        rig: PortraitRig,
        wanted: Iterable[int] | None = None,
    ) -> Iterator[float]:
        """Evaluate frame after frame (all of them without `wanted`); yields what is done, restores the scene's frame."""
        # Blender does not notice that a property of an add-on was set, nor at once what was just linked.
        obj.update_tag()
        layer = view_layer_with(scene, obj)
        layer.update()
        require_code_space(obj, rig.avatar)
        rows = sorted(set(self.frames if wanted is None else wanted))
        with frame_kept(scene):
            for done, frame in enumerate(rows):
                scene.frame_set(frame)
                evaluated = obj.evaluated_get(layer.depsgraph)
                avatar = object_avatar(evaluated).avatar
                self.points[frame - self.frames.start] = rig.points(
                    decoder_code(evaluated, avatar), head_pose(evaluated, avatar)
                )
                yield (done + 1) / len(rows)
