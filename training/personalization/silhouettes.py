"""What the mattes of all frames say about space that moves with the head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.ndimage import binary_dilation

from ...core.avatar.pose import pose_points
from ...core.render.mesh import MeshPicture, draw_mesh
from .subject import SubjectFrame

COVERED = 127
# A matte may be wrong by this much before it carves.
SLACK_PX = 1
# A point lies behind skin that is nearer by this much. Of so many frames, this share may disagree: mattes of video have holes.
HIDDEN_M = 0.004
MOST_FRAMES, WRONG_SHARE = 48, 0.04


class Silhouettes:
    """Mattes of frames that differ most in head pose and camera, asked about points of the resting head."""

    def __init__(self, frames: Sequence[SubjectFrame], pivot: np.ndarray) -> None:
        self.pivot = np.asarray(pivot, np.float32)
        self.frames = spread_frames(frames, MOST_FRAMES)
        self.mattes = [
            binary_dilation(frame.rgba[..., 3] > COVERED, iterations=SLACK_PX)
            for frame in self.frames
        ]

    def outside_share(self, points: np.ndarray) -> np.ndarray:
        """Share `[M]` of the frames in which points `[M, 3]` (m) fall beside the person."""
        outside = np.zeros(len(points))
        for frame, matte in zip(self.frames, self.mattes, strict=True):
            row, column, shown = self.pixels(frame, points)
            outside += shown & ~matte[row, column]
        return outside / max(len(self.frames), 1)

    def is_inside(self, points: np.ndarray) -> np.ndarray:
        """Mask `[M]` of the points that no silhouette leaves out."""
        return self.outside_share(points) <= WRONG_SHARE

    def pixels(
        self, frame: SubjectFrame, points: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row and column `[M]` of points that move with the head, and whether the picture has them."""
        camera = frame.camera
        moved = pose_points(points.astype(np.float32), frame.head_pose, self.pivot)
        local = moved @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
        place = local @ camera.K.T
        with np.errstate(divide="ignore", invalid="ignore"):
            x, y = (place[:, :2] / place[:, 2:]).T
        shown = (local[:, 2] > 0) & (x >= 0) & (x < camera.width) & (y >= 0) & (y < camera.height)
        column, row = (np.where(shown, v, 0).astype(int) for v in (x, y))
        return row, column, shown

    def is_hidden(self, frame: SubjectFrame, points: np.ndarray, skin: np.ndarray) -> np.ndarray:
        """Mask `[M]` of the points that triangles `[F, 3, 3]` (m) of the resting head stand before."""
        depths = self._mesh(frame, skin).depths
        moved = pose_points(points.astype(np.float32), frame.head_pose, self.pivot)
        row, column, shown = self.pixels(frame, points)
        depth = moved @ frame.camera.viewmat[2, :3] + frame.camera.viewmat[2, 3]
        return shown & (depth > depths[row, column] + HIDDEN_M)

    def drawn(self, frame: SubjectFrame, skin: np.ndarray) -> np.ndarray:
        """Mask `[H, W]` of the pixels that triangles `[F, 3, 3]` (m) of the resting head cover."""
        return self._mesh(frame, skin).indices >= 0

    def _mesh(self, frame: SubjectFrame, skin: np.ndarray) -> MeshPicture:
        corners = pose_points(skin.reshape(-1, 3).astype(np.float32), frame.head_pose, self.pivot)
        return draw_mesh(corners.reshape(-1, 3, 3), frame.camera)

    def towards_eye(self, frame: SubjectFrame, points: np.ndarray) -> np.ndarray:
        """Unit vectors `[M, 3]` from points to the camera, in the resting head's axes."""
        return unit(resting_eye(frame, self.pivot) - points)


def resting_eye(frame: SubjectFrame, pivot: np.ndarray) -> np.ndarray:
    """Where a frame's camera stands `[3]` (m) as the resting head sees it."""
    rotation = rotation_of(frame.head_pose)
    return (eye_of(frame) - pivot - frame.head_pose[3:]) @ rotation + pivot


def eye_of(frame: SubjectFrame) -> np.ndarray:
    """Where a frame's camera stands, avatar frame `[3]` (m)."""
    view = frame.camera.viewmat
    return -view[:3, :3].T @ view[:3, 3]


def rotation_of(head_pose: np.ndarray) -> np.ndarray:
    """The rotation `[3, 3]` of a head pose `[6]`."""
    unit_axes = np.eye(3, dtype=np.float32)
    pose = np.concatenate([np.asarray(head_pose[:3], float), np.zeros(3)])
    return pose_points(unit_axes, pose, np.zeros(3, np.float32)).T.astype(float)


def spread_frames(frames: Sequence[SubjectFrame], count: int) -> list[SubjectFrame]:
    """At most `count` frames whose cameras stand farthest apart as the head sees them."""
    eyes = np.stack([resting_eye(frame, np.zeros(3)) for frame in frames])
    axes = unit(eyes)
    chosen = [int((axes - axes.mean(0)).__pow__(2).sum(1).argmin())]
    distance = ((axes - axes[chosen[0]]) ** 2).sum(1)
    while len(chosen) < min(count, len(frames)):
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((axes - axes[chosen[-1]]) ** 2).sum(1))
        distance[chosen] = -1.0
    return [frames[i] for i in chosen]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors `[..., 3]` of length one."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
