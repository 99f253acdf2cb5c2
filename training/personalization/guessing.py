"""The stage between encoder and fit: frames chosen and cut out, camera and poses found, a first scan painted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...core.files import replace_on_success
from ...core.monocular.encoded import EncodedVideo
from ...core.monocular.matte import HeadMatte
from ...core.video import read_image
from ..dataset.targets import draw_target
from ..networks.prior import UniversalPrior
from ..prior_identity import IdentityModel
from .first_guess import Guess
from .following import KnownPerson
from .frames import Choice, choose_frames, frame_features, frame_quality
from .gathering import SubjectMaker, placed_apart, placed_in_video, posed_vertices
from .inputs import Input
from .pictures import PictureWindow, cut_out, window_around
from .reading import (
    ENCODED,
    calibrated_views,
    face_sharpness,
    first_reading,
    frames_like,
    picture_paths,
)
from .seeing import sightings_of_photos, sightings_of_video, sightings_of_views
from .sightings import Sightings
from .stages import Progress
from .subject import SubjectFrame, VideoSubject
from .subject_files import save_picture

# Parts of the stage: looking for sharp frames, cutting out, the rest.
SHARP_PART, CUT_PART = 0.2, 0.7
# Chosen frames nearer than this (s) follow each other like a film.
FILM_SEC = 0.12
SHOWN = 3


class GuessStage:
    """Makes the subject of one input in one folder."""

    def __init__(
        self, prior: UniversalPrior, identity: IdentityModel, matte: HeadMatte, progress: Progress
    ) -> None:
        self.maker = SubjectMaker(prior, identity)
        self.topology = prior.parts.topology
        self.matte, self.progress = matte, progress

    def of_video(self, given: Input, encoded_folder: Path, folder: Path) -> dict[str, Any]:
        """The subject of a video; returns what the report says of it."""
        path = given.paths[0]
        encoded = EncodedVideo.load(encoded_folder / ENCODED)
        seen = sightings_of_video(encoded)
        rows = np.array([int(name[1:]) for name in seen.names])
        sharpness = face_sharpness(path, encoded, self._part(0.0, SHARP_PART))[rows]
        guess = self.maker.guesser.guess(seen)
        choice = _choice(seen, guess, encoded.mouth_mm[rows], sharpness)
        chosen = np.union1d(choice.fitted, choice.held_out)
        window = window_around(
            seen.landmarks_px[chosen], (encoded.camera.width, encoded.camera.height)
        )
        KnownPerson.of(guess, seen.confidence, seen.K[0], window).save(folder)
        placed = placed_in_video(seen, guess, window)
        is_film = float(np.median(np.diff(seen.times_sec[chosen]))) <= FILM_SEC
        wanted = dict(zip(rows[chosen].tolist(), chosen.tolist(), strict=True))
        pictures = self._video_pictures(path, encoded, wanted, seen, window)
        self._write(folder, pictures, len(chosen), is_film=is_film)
        placed = placed.take(chosen)
        part, held_out = seen.take(chosen), np.isin(chosen, choice.held_out)
        subject = self.maker.make(folder, part, guess, placed, held_out)
        self._preview(folder, subject, guess)
        return _facts(guess, seen) | {
            "frames_fitted": len(choice.fitted),
            "frames_held_out": len(choice.held_out),
        }

    def of_pictures(self, given: Input, encoded_folder: Path, folder: Path) -> dict[str, Any]:
        """The subject of photos or of calibrated pictures; those that showed no face were left out."""
        kept = sorted(int(path.stem) for path in encoded_folder.glob("[0-9]*.npz"))
        readings = [first_reading(encoded_folder, number) for number in kept]
        paths = [picture_paths(given)[number] for number in kept]
        names = [f"p{number:03d}" for number in kept]
        views = calibrated_views(given) if given.kind == "calibrated" else []
        if views:
            seen = sightings_of_views([views[number] for number in kept], readings)
        else:
            seen = sightings_of_photos(names, readings)
        guess = self.maker.guesser.guess(seen)
        windows = tuple(
            window_around(seen.landmarks_px[i : i + 1], (r.camera.width, r.camera.height))
            for i, r in enumerate(readings)
        )
        if views:
            for i, number in enumerate(kept):
                save_picture(folder, seen.names[i], windows[i].cut(views[number].rgba))
        else:
            self._write(
                folder,
                (
                    (
                        names[i],
                        windows[i].cut(read_image(path)),
                        windows[i].points(seen.landmarks_px[i]),
                    )
                    for i, path in enumerate(paths)
                ),
                len(paths),
                is_film=False,
            )
        placed = placed_apart(seen, guess, windows)
        held_out = np.zeros(len(seen), bool)
        subject = self.maker.make(folder, seen, guess, placed, held_out)
        self._preview(folder, subject, guess)
        return _facts(guess, seen) | {"frames_fitted": len(seen), "frames_held_out": 0}

    def _video_pictures(
        self,
        path: Path,
        encoded: EncodedVideo,
        wanted: dict[int, int],
        seen: Sightings,
        window: PictureWindow,
    ) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Name, working pixels and landmarks in them of the wanted frames: row of the video to row of `seen`."""
        for number, pixels in enumerate(frames_like(path, encoded)):
            if number not in wanted:
                continue
            i = wanted[number]
            share = pixels.shape[1] / encoded.camera.width
            part = window.shrunk(share).cut(pixels)
            yield seen.names[i], part, window.points(seen.landmarks_px[i])

    def _write(
        self,
        folder: Path,
        pictures: Iterator[tuple[str, np.ndarray, np.ndarray]],
        count: int,
        *,
        is_film: bool,
    ) -> None:
        progress = self._part(SHARP_PART, CUT_PART)
        for i, (name, rgba) in enumerate(cut_out(pictures, self.matte, is_film=is_film)):
            save_picture(folder, name, rgba)
            progress((i + 1) / max(count, 1), None)

    def _preview(self, folder: Path, subject: VideoSubject, guess: Guess) -> None:
        """A sheet of frames, the guessed head over them, and the guess alone."""
        frames = subject.fitted_frames
        rows = [
            np.concatenate(self._shown(frame, subject, guess), axis=1)
            for frame in frames[:: max(len(frames) // SHOWN, 1)][:SHOWN]
        ]
        width = min(row.shape[1] for row in rows)
        path = folder / "guess.png"
        with replace_on_success(path) as temporary:
            Image.fromarray(np.concatenate([row[:, :width] for row in rows])).save(temporary, "PNG")
        self.progress(1.0, path)

    def _shown(
        self, frame: SubjectFrame, subject: VideoSubject, guess: Guess
    ) -> tuple[np.ndarray, ...]:
        scan, topology = subject.scan, self.topology
        offsets = self.maker.guesser.offsets(frame.code[None], guess.identity_code)[0]
        vertices = posed_vertices(
            scan.vertices + offsets, frame.head_pose, scan.neck_pivot, topology.neck_weights
        )
        drawn = draw_target(vertices, topology, scan.texture, frame.camera, {}, 1)
        gray = np.full(3, 127, np.uint8)
        seen, alone = (
            (p[..., :3] * (p[..., 3:] / 255) + gray * (1 - p[..., 3:] / 255)).astype(np.uint8)
            for p in (frame.rgba, drawn)
        )
        over = np.where(drawn[..., 3:] > 127, drawn[..., :3], frame.rgba[..., :3])
        return seen, over, alone

    def _part(self, begin: float, end: float) -> Progress:
        return lambda share, preview: self.progress(begin + (end - begin) * share, preview)


def _choice(seen: Sightings, guess: Guess, mouth_mm: np.ndarray, sharpness: np.ndarray) -> Choice:
    """Frames to fit to and to hold out."""
    state = guess.alignment
    features = frame_features(state.rotation, state.position, seen.codes, mouth_mm)
    trust = seen.confidence * state.trust.mean(axis=1)
    return choose_frames(features, frame_quality(trust, sharpness))


def _facts(guess: Guess, seen: Sightings) -> dict[str, Any]:
    """What is worth telling of a guess."""
    return {
        "focal_px": round(float(guess.alignment.focal * seen.K[0, 0, 0]), 1),
        "landmarks_px": round(guess.error_px, 3),
        "landmarks_mm": round(guess.error_mm, 3),
    }
