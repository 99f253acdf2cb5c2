"""Ways to show a filmed person's face again: one photo that is warped, drawn or heard, and heads of Gaussians."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ...core.avatar import Avatar
from ...core.camera import Camera
from ...core.landmarks import seen_points
from ...core.monocular.crops import cut
from ...core.monocular.pose import rotation_matrices, rotation_vectors
from ...core.portrait.chunks import PortraitFilm, chunks_of
from ...core.portrait.model import PortraitModel
from ...core.portrait.photo import PortraitPhoto
from ...core.portrait.rig import PortraitRig
from ...core.portrait.window import PORTRAIT_PX
from ...core.render import render
from ..evaluate_metrics import composite
from ..evaluate_personal_film import FRONT, Film, TrueFrame
from ..evaluate_personal_ways import TrueWay
from ..evaluate_sheet import as_bytes
from ..networks.portrait import PortraitNetwork, warp
from .flow import sampled
from .measures import TrueFilm
from .pool import Sample, collate, make_sample, with_still_mouth
from .sheet import bytes_of
from .sounds import PhoneListener, sound_features

# Frames that a network of torch is given at once.
HEARD_FRAMES = 8


@dataclass(frozen=True, eq=False)
class Scene:
    """A studio film before a room, the photo of its person, and the window in which all ways are compared."""

    film: Film
    photo: PortraitPhoto
    photo_frame: TrueFrame
    room: np.ndarray  # [H, W, 3] in [0, 1]

    @property
    def camera(self) -> Camera:
        """The camera that filmed."""
        return self.film.truth.cameras[FRONT]

    def cut(self, colors: np.ndarray) -> np.ndarray:
        """The window's part `[S, S, C]` uint8 of colours `[H, W, C]` in [0, 1]."""
        return cut(as_bytes(colors), self.photo.window, PORTRAIT_PX)

    def truth(self, frames: list[TrueFrame]) -> TrueFilm:
        """Frames as they were."""
        pictures, alphas, points = [], [], []
        for frame in frames:
            rgba = self.film.truth.picture(frame.name)
            pictures.append(self.cut(composite(rgba, self.room)))
            alphas.append(self.cut(rgba[..., 3:] / 255)[..., 0] / 255)
            seen, _ = seen_points(self.film.true_landmarks(frame), self.camera)
            points.append(self.photo.window.to_crop(seen))
        return TrueFilm.of(np.stack(pictures), np.stack(alphas), np.stack(points))

    def pose(self, frame: TrueFrame) -> np.ndarray:
        """The true head pose `[6]` of a frame, from where the head was in the photo."""
        return pose_from(self.photo_frame.head_pose, frame.head_pose)

    def points(self, rig: PortraitRig, frames: list[TrueFrame]) -> np.ndarray:
        """Landmarks and irises `[N, 70, 2]` that true codes and poses give to the photo."""
        return np.stack([rig.points(frame.code, self.pose(frame)) for frame in frames])


def pose_from(start: np.ndarray, now: np.ndarray) -> np.ndarray:
    """What turns and moves a head in the pose `start [6]` into the pose `now [6]`, in the head's own axes."""
    before, after = rotation_matrices(np.stack([start[:3], now[:3]]))
    turned = rotation_vectors((before.T @ after)[None])[0]
    return np.concatenate([turned, before.T @ (now[3:] - start[3:])])


Draw = Callable[[Scene, list[TrueFrame]], np.ndarray]


def timed(draw: Draw, scene: Scene, frames: list[TrueFrame]) -> tuple[np.ndarray, float]:
    """Pictures `[N, S, S, 3]` uint8, and seconds a frame."""
    began = time.perf_counter()
    pictures = draw(scene, frames)
    return pictures, (time.perf_counter() - began) / len(frames)


def still(scene: Scene, frames: list[TrueFrame]) -> np.ndarray:
    """The photo in every frame."""
    return np.repeat(scene.photo.picture[None], len(frames), axis=0)


@dataclass(frozen=True, eq=False)
class Warped:
    """The photo where the landmarks of true codes and poses put it."""

    driver: Avatar

    def __call__(self, scene: Scene, frames: list[TrueFrame]) -> np.ndarray:
        rig = PortraitRig(scene.photo, self.driver)
        given = _sample(rig, scene.points(rig, frames))
        return bytes_of(warp(given.photo.expand(len(frames), -1, -1, -1), given.field))


@dataclass(frozen=True, eq=False)
class Drawn:
    """The photo as `animate --portrait` draws it under the true codes and head poses."""

    driver: Avatar
    model: PortraitModel
    steps: int

    def __call__(self, scene: Scene, frames: list[TrueFrame]) -> np.ndarray:
        rig = PortraitRig(scene.photo, self.driver)
        return self.film(rig, scene.points(rig, frames))

    def film(self, rig: PortraitRig, points: np.ndarray) -> np.ndarray:
        """Pictures `[N, S, S, 3]` of a photo's landmarks and irises `[N, 70, 2]`."""
        numbers = range(len(points))
        reference = self.model.reference(rig.photo.picture, rig.reference)
        film = PortraitFilm(self.model, reference, numbers, points, steps=self.steps)
        found = {}
        for chunk in chunks_of(numbers):
            found |= film.draw(chunk)
        return np.stack([found[number] for number in numbers])


@dataclass(frozen=True, eq=False)
class Heard:
    """The photo drawn from sound and head poses, without landmarks of mouth and jaw (a network of torch)."""

    driver: Avatar
    network: PortraitNetwork
    waveforms: Mapping[str, np.ndarray]  # [S] at 16 kHz by what their frames' names begin with
    steps: int

    def __call__(self, scene: Scene, frames: list[TrueFrame]) -> np.ndarray:
        rig = PortraitRig(scene.photo, self.driver)
        zero = np.zeros(self.driver.code_dim, np.float32)
        at_rest = np.stack([rig.points(zero, scene.pose(frame)) for frame in frames])
        points = with_still_mouth(scene.points(rig, frames), at_rest)
        listener = PhoneListener()
        heard = {name: listener.posteriors(sound) for name, sound in self.waveforms.items()}
        sound = np.concatenate(
            [sound_features(_longest(heard, f.name), np.array([f.time_sec])) for f in frames]
        )
        drawn = []
        for first in range(0, len(frames), HEARD_FRAMES):
            part = slice(first, first + HEARD_FRAMES)
            sample = _sample(rig, points[part], sound[part])
            drawn.append(bytes_of(sampled(self.network, collate([sample]), steps=self.steps)[0]))
        return np.concatenate(drawn)


@dataclass(frozen=True, eq=False)
class Head:
    """A head of Gaussians under the true codes and poses, put by one similarity to the true neutral landmarks."""

    avatar: Avatar

    def __call__(self, scene: Scene, frames: list[TrueFrame]) -> np.ndarray:
        way, pictures = TrueWay(scene.film), []
        for frame in frames:
            gaussians, camera = way.placed(self.avatar, frame).views[FRONT]
            drawn = render(gaussians, camera, backend="cpu")
            behind = (1 - drawn.alphas)[..., None] * scene.room
            pictures.append(scene.cut(drawn.colors + behind))
        return np.stack(pictures)


def _longest(found: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """What is kept under the longest beginning of a name."""
    return found[max((start for start in found if name.startswith(start)), key=len)]


def _sample(rig: PortraitRig, points: np.ndarray, sound: np.ndarray | None = None) -> Sample:
    """What a network of torch is given for frames whose pictures are to be found."""
    blank = np.zeros((len(points), *rig.photo.picture.shape), np.uint8)
    return make_sample(rig.photo.picture, rig.reference, blank, points, sound)
