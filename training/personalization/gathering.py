"""From what was seen to a pictured subject: pictures cut out, cameras and poses, a first scan with its colours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...core.camera import Camera
from ...core.errors import VideoError
from ...core.measure import CHIN
from ...core.monocular.pose import rotation_matrices, rotation_vectors
from ..networks.prior import UniversalPrior
from ..prior_identity import IdentityModel
from ..prior_person import NeutralScan
from .first_guess import Guess, Guesser
from .frames import spread_out
from .pictures import PictureWindow
from .shoulders import with_shoulders
from .sightings import Sightings
from .subject import SubjectFrame, VideoSubject
from .subject_files import load_subject, save_subject
from .texture import GuessedTexture, PosedPicture, TextureMaker
from .trajectory import still_camera

# Pictures that colours are read off.
TEXTURE_PICTURES = 36
# Skin that moved this far (m) from rest counts half.
MOVED_M = 0.004
TURN_RAD = 0.12


@dataclass(frozen=True)
class Placed:
    """Cameras and head poses, one per picture, in the avatar frame of resting shoulders."""

    cameras: tuple[Camera, ...]
    head_poses: np.ndarray  # [T, 6]

    def take(self, index: np.ndarray) -> Placed:
        """Those of the pictures at `index`."""
        return Placed(tuple(self.cameras[i] for i in index), self.head_poses[index])


def placed_in_video(seen: Sightings, guess: Guess, window: PictureWindow) -> Placed:
    """One still camera, and the head's pose in every frame."""
    pivot = guess.scan.neck_pivot
    full = (window.left + window.width, window.top + window.height)
    still = still_camera(guess.alignment, seen.confidence, pivot, seen.K[0], full)
    camera = window.camera(still.camera.viewmat, still.camera.K)
    poses = still.head_poses(guess.alignment.rotation, guess.alignment.position, pivot)
    return Placed((camera,) * len(seen), poses[seen.moment])


def placed_apart(seen: Sightings, guess: Guess, windows: tuple[PictureWindow, ...]) -> Placed:
    """A camera of its own for every picture: the head is where it rests."""
    cameras = []
    for i, window in enumerate(windows):
        to_world = np.eye(4)
        to_world[:3, :3] = guess.alignment.rotation[seen.moment[i]]
        to_world[:3, 3] = guess.alignment.position[seen.moment[i]]
        K = seen.K[i].copy()
        K[0, 0] *= guess.alignment.focal
        K[1, 1] *= guess.alignment.focal
        cameras.append(window.camera(seen.viewmats[i] @ to_world, K))
    return Placed(tuple(cameras), np.zeros((len(seen), 6)))


class SubjectMaker:
    """Makes subjects under one prior; pictures go through a folder."""

    def __init__(self, prior: UniversalPrior, identity: IdentityModel) -> None:
        self.prior = prior
        self.guesser = Guesser(prior, identity)
        self.textures = TextureMaker(prior.parts.topology, identity)

    def make(
        self, folder: Path, seen: Sightings, guess: Guess, placed: Placed, held_out: np.ndarray
    ) -> VideoSubject:
        """The subject of the pictures that lie in `folder`; it is written there as well."""
        frames = tuple(
            SubjectFrame(
                seen.names[i],
                float(seen.times_sec[i]),
                np.zeros((1, 1, 4), np.uint8),
                placed.cameras[i],
                seen.codes[i].astype(np.float32),
                placed.head_poses[i].astype(np.float32),
                float(seen.confidence[i]),
                bool(held_out[i]),
            )
            for i in range(len(seen))
        )
        blank = np.zeros((self.textures.side_px,) * 2, np.float32)
        save_subject(folder, VideoSubject(frames, guess.scan, blank))
        subject = load_subject(folder)
        guess = replace(guess, scan=self._with_shoulders(guess.scan, subject.fitted_frames))
        painted = self.paint(subject, guess)
        scan = replace(guess.scan, texture=painted.texture, strands={})
        subject = VideoSubject(subject.frames, scan, painted.seen)
        save_subject(folder, subject)
        return subject

    def _with_shoulders(self, scan: NeutralScan, frames: tuple[SubjectFrame, ...]) -> NeutralScan:
        topology = self.prior.parts.topology
        chin = scan.vertices[topology.landmarks68[CHIN]]
        wide = with_shoulders(scan.vertices, topology.neck_weights, scan.neck_pivot, chin, frames)
        return replace(scan, vertices=wide, beyond=wide - scan.vertices)

    def paint(self, subject: VideoSubject, guess: Guess) -> GuessedTexture:
        """Colours of the neutral head, from the pictures that show it best."""
        frames = subject.fitted_frames
        if not frames:
            raise VideoError("No picture shows the face clearly: film in better light and closer.")
        codes = np.stack([frame.code for frame in frames])
        offsets = self.guesser.offsets(codes, guess.identity_code)
        face = self.prior.parts.topology.landmarks68
        moved = np.linalg.norm(offsets[:, face], axis=2).mean(axis=1)
        confidence = np.array([frame.confidence for frame in frames])
        weight = confidence / max(confidence.max(), 1e-6) / (1 + (moved / MOVED_M) ** 2)
        turns = np.stack([self._view_turn(frame) for frame in frames])
        chosen = spread_out(turns / TURN_RAD, np.maximum(weight, 1e-4), TEXTURE_PICTURES)
        pictures = [
            PosedPicture(
                frames[i].rgba,
                frames[i].camera,
                posed_vertices(
                    guess.scan.vertices + offsets[i],
                    frames[i].head_pose,
                    guess.scan.neck_pivot,
                    self.prior.parts.topology.neck_weights,
                ),
                float(weight[i]),
            )
            for i in chosen
        ]
        return self.textures.guess(pictures)

    @staticmethod
    def _view_turn(frame: SubjectFrame) -> np.ndarray:
        """How the head is turned to its camera, as a rotation vector."""
        head = rotation_matrices(frame.head_pose[None, :3].astype(np.float64))[0]
        facing = np.diag([1.0, -1.0, -1.0])
        return rotation_vectors((facing @ frame.camera.viewmat[:3, :3] @ head)[None])[0]


def posed_vertices(
    vertices: np.ndarray, head_pose: np.ndarray, pivot: np.ndarray, neck_weights: np.ndarray
) -> np.ndarray:
    """Vertices `[V, 3]` (m) in a head pose, each by its weight, as `core.avatar.pose` moves Gaussians."""
    pose = np.asarray(head_pose, np.float64)
    turns = rotation_matrices(neck_weights[:, None] * pose[:3])
    turned = np.einsum("vij,vj->vi", turns, vertices - pivot)
    return turned + pivot + neck_weights[:, None] * pose[3:]
