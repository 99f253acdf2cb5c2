"""How near a photo's landmarks, driven by another head, come to the truth: python bench/portrait_rig.py [--quick].

Photos are built-in heads before a camera; what they would look like with another expression and head pose is known.
Prints JSON: root mean squares of the distance in pixels of 256 (means over all cases) of mouth, eyes, brows and outline, by
what the photo shows and by who drives it; and milliseconds of one frame for landmarks, their maps, the warp, and drawing it in a film.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from gaussian_heads.core.assets import builtin_avatars
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.landmarks import seen_points
from gaussian_heads.core.monocular.encoder import MonocularEncoder
from gaussian_heads.core.monocular.finder import FaceFinder
from gaussian_heads.core.portrait.chunks import CHUNK, PortraitFilm, chunk_with
from gaussian_heads.core.portrait.drawing import landmark_maps
from gaussian_heads.core.portrait.model import PortraitModel
from gaussian_heads.core.portrait.photo import PortraitPhoto, photo_of
from gaussian_heads.core.portrait.rig import PortraitRig
from gaussian_heads.core.portrait.warping import warp_field
from gaussian_heads.core.render import render
from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.core.spaces.arkit import expand_sides

SIDE_PX, PORTRAIT_PX = 600, 256
WALL = np.float32([0.4, 0.45, 0.5])
# Yaw of the camera (rad) and its distance (m).
CAMERAS = ((0.0, 1.0), (0.25, 0.6), (-0.35, 1.5))
PITCH = 0.05
SHOWN = {
    "rest": {},
    "smile": {"mouthSmile": 0.6, "cheekSquint": 0.3},
    "open": {"jawOpen": 0.4, "mouthLowerDown": 0.3},
    "ooh": {"mouthPucker": 0.7, "mouthFunnel": 0.3, "jawOpen": 0.1},
}
DRIVEN = {
    "rest": {},
    "aah": {"jawOpen": 0.6, "mouthLowerDown": 0.2, "mouthUpperUp": 0.2},
    "smile": {"mouthSmile": 0.7},
    "ooh": {"mouthPucker": 0.8, "jawOpen": 0.15},
    "close": {"jawOpen": 0.2, "mouthClose": 0.2},
    "blink": {"eyeBlink": 1.0},
    "look": {"eyeLookOutLeft": 0.6, "eyeLookInRight": 0.6},
    "brows": {"browInnerUp": 0.8, "browOuterUp": 0.6},
}
POSES = (None, np.array([0.05, 0.15, 0.05, 0, 0, 0]), np.array([-0.12, 0, 0, 0, 0, 0.0]))
DRIVERS = ("maya", "ada", "kofi")
PARTS = {
    "mouth": slice(48, 68),
    "eyes": slice(36, 48),
    "brows": slice(17, 27),
    "outline": slice(0, 17),
}


@dataclass(frozen=True)
class Case:
    """A photo whose truth is known."""

    person: str
    shown: str
    camera: Camera
    photo: PortraitPhoto


def main() -> int:
    """Measure; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two people before one camera")
    options = parser.parse_args()
    heads = {name: Avatar.open(path) for name, path in builtin_avatars().items()}
    people = ("mei", "otto") if options.quick else tuple(heads)
    found: dict[str, list[list[float]]] = {}
    for case in cases(heads, people, CAMERAS[:1] if options.quick else CAMERAS):
        for driver in DRIVERS:
            if driver == case.person:
                continue
            rows = list(errors_px(case, heads[case.person], heads[driver]))
            for key in ("all", f"photo {case.shown}", f"driven by {driver}"):
                found.setdefault(key, []).extend(rows)
    figures = {key: _summary(rows) for key, rows in found.items()}
    figures["frame_ms"] = frame_ms(case, heads[DRIVERS[0]])
    print(json.dumps(figures, indent=1))
    return 0


def cases(
    heads: dict[str, Avatar], people: tuple[str, ...], cameras: tuple[tuple[float, float], ...]
) -> Iterator[Case]:
    """Every person with every shown expression before every camera."""
    encoder, finder = MonocularEncoder.open(), FaceFinder.open()
    for person in people:
        for shown, weights in SHOWN.items():
            for yaw, distance_m in cameras:
                camera = camera_at(yaw, distance_m)
                gaussians = heads[person].decode(code(heads[person], weights))
                drawn = render(gaussians, camera, backend="cpu", background=WALL)
                pixels = (np.clip(drawn.colors, 0, 1) * 255 + 0.5).astype(np.uint8)
                yield Case(person, shown, camera, photo_of(pixels, person, encoder, finder))


def camera_at(yaw: float, distance_m: float) -> Camera:
    """A camera in which the head has the same size from any distance."""
    eye = distance_m * np.array(
        [np.sin(yaw) * np.cos(PITCH), np.sin(PITCH), np.cos(yaw) * np.cos(PITCH)]
    )
    view = look_at(eye, np.array([0.0, -0.03, 0.0]), np.array([0.0, 1.0, 0.0]))
    return Camera(view, intrinsics(1400 * distance_m, SIDE_PX, SIDE_PX), SIDE_PX, SIDE_PX)


def code(avatar: Avatar, weights: dict[str, float]) -> np.ndarray:
    """The avatar's code of ARKit weights."""
    values = np.zeros(len(ARKIT_INDEX), np.float32)
    for name, weight in expand_sides(weights).items():
        values[ARKIT_INDEX[name]] = weight
    return (values @ avatar.control_offsets("arkit52")).astype(np.float32)


def errors_px(case: Case, person: Avatar, driver: Avatar) -> Iterator[list[float]]:
    """Errors of each part for every driven expression and pose."""
    rig = PortraitRig(case.photo, driver)
    window = case.photo.window
    for weights in DRIVEN.values():
        for pose in POSES:
            points = person.landmarks(code(person, weights), pose).astype(np.float64)
            true, _ = seen_points(points, case.camera)
            seen = window.to_image(rig.points(code(driver, weights), pose)[:68])
            missed = np.linalg.norm(seen - true, axis=1) * PORTRAIT_PX / window.side_px
            yield [float(np.sqrt(np.mean(missed[part] ** 2))) for part in PARTS.values()]


def frame_ms(case: Case, driver: Avatar) -> dict[str, float]:
    """What a frame costs: before the network draws it, and drawn in parts as a film is, with all of that but its landmarks."""
    rig = PortraitRig(case.photo, driver)
    weights = code(driver, DRIVEN["aah"])
    points = rig.points(weights)
    works: dict[str, Callable[[], object]] = {
        "landmarks": lambda: rig.points(weights),
        "maps": lambda: landmark_maps(points[None]),
        "warp": lambda: warp_field(rig.reference, points),
    }
    costs = {name: _ms(work) for name, work in works.items()}
    model = PortraitModel.open()
    reference = model.reference(case.photo.picture, rig.reference)
    film = PortraitFilm(model, reference, range(3 * CHUNK), np.stack([points] * 3 * CHUNK))
    costs["drawn"] = _ms(lambda: film.draw(chunk_with(CHUNK, film.frames))) / CHUNK
    return {name: round(cost, 2) for name, cost in costs.items()}


def _ms(work: Callable[[], object], times: int = 20) -> float:
    start = time.perf_counter()
    for _ in range(times):
        work()
    return 1e3 * (time.perf_counter() - start) / times


def _summary(rows: list[list[float]]) -> dict[str, float]:
    means = np.mean(rows, axis=0)
    return {name: round(float(mean), 2) for name, mean in zip(PARTS, means, strict=True)} | {
        "cases": len(rows)
    }


if __name__ == "__main__":
    raise SystemExit(main())
