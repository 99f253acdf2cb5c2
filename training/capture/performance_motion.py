"""Real motion for the studio's persons: captured tracks, and speech by the phones of real recordings.

Nothing but ARKit weights is taken from the recordings; whole clips are kept out of training, so that their
frames are expressions that it never saw.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ...core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX
from .performance_mixes import UPPER_FACES, arkit_vector, look, uneven
from .sources import Sources

CORPORA = ("reading_en", "multi_en")
# Every so many clips one is held out; of the captured ones, which are few, those named.
HELD_OUT_CLIP_EVERY = 6
HELD_OUT_CAPTURE = "1114_3_15"
# The one track of the other source: its end is held out.
HELD_OUT_TAIL = 0.2
# Tracks that leave the upper face still get one of their own this often.
UPPER_FACE_SHARE = 0.6


class MotionPool:
    """Frames of captured motion and of phone-driven speech, as far as the data folder has them."""

    def __init__(self, sources: Sources) -> None:
        speech = sources.root / "speech"
        self._tracks = speech / "facegood_zh" / "arkit_30fps.npz"
        self._statistics = speech / "lam_expression" / "test_expression_1s.json"
        self._clips = sorted(
            path for corpus in CORPORA for path in (speech / corpus / "phones").glob("*.json")
        )
        self._captured: dict[bool, list[np.ndarray]] = {}
        self.available = {
            "captured": self._tracks.is_file() or self._statistics.is_file(),
            "speech": len(self._clips) > 1,
        }

    def captured(self, rng: np.random.Generator, is_held_out: bool) -> np.ndarray:
        """A frame of a real performance [52], rather a lively than a still one."""
        if not self._captured:
            self._captured = {held_out: self._read(held_out) for held_out in (False, True)}
        tracks = self._captured[is_held_out]
        track = tracks[rng.integers(len(tracks))]
        return _with_upper_face(_lively_frame(track, rng), rng)

    def speech(self, rng: np.random.Generator, is_held_out: bool) -> np.ndarray:
        """A moment of a spoken sentence [52] by the phones' targets and their coarticulation."""
        clips = [
            clip
            for index, clip in enumerate(self._clips)
            if (index % HELD_OUT_CLIP_EVERY == 1) == is_held_out
        ]
        curves = speech_curves(clips[rng.integers(len(clips))])
        frame = _lively_frame(curves, rng) * np.float32(rng.uniform(0.75, 1.3))
        return _with_upper_face(uneven(frame, rng, 0.1), rng)

    def _read(self, is_held_out: bool) -> list[np.ndarray]:
        tracks = []
        if self._tracks.is_file():
            with np.load(self._tracks, allow_pickle=False) as stored:
                clips = [k for k in stored.files if k.endswith("_arkit_plus_oh_oo")]
                tracks += [
                    stored[clip]
                    for clip in clips
                    if clip.startswith(HELD_OUT_CAPTURE) == is_held_out
                ]
        if self._statistics.is_file():
            record = json.loads(self._statistics.read_text("utf8"))
            order = [record["names"].index(name) for name in ARKIT_BLENDSHAPES]
            track = np.array([frame["weights"] for frame in record["frames"]], np.float32)[:, order]
            cut = round(len(track) * (1.0 - HELD_OUT_TAIL))
            tracks.append(track[cut:] if is_held_out else track[:cut])
        return tracks


def speech_curves(phones: Path) -> np.ndarray:
    """ARKit weights [F, 52] at 100 Hz of one recording, from its aligned phones alone."""
    # torch is heavy, and only this needs it: the studio starts without it.
    from ..networks.speech import FRAME_RATE_HZ
    from ..speech_recordings import read_phones
    from ..speech_visemes import true_motion

    spoken = read_phones(phones)
    return true_motion(spoken, round(spoken[-1][2] * FRAME_RATE_HZ))[0]


def _lively_frame(track: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One frame [52] of a track [F, 52]; the more it moves, the likelier it is chosen."""
    strength = np.linalg.norm(track, axis=1) + 1e-3
    return track[rng.choice(len(track), p=strength / strength.sum())].astype(np.float32)


def _with_upper_face(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    upper = [ARKIT_INDEX[n] for n in ARKIT_BLENDSHAPES if n.startswith(("eye", "brow"))]
    if frame[upper].max() > 0.05 or rng.random() > UPPER_FACE_SHARE:
        return frame
    pose = UPPER_FACES[rng.integers(len(UPPER_FACES))]
    added = uneven(arkit_vector(pose) * np.float32(rng.uniform(0.3, 0.8)), rng)
    return np.maximum(frame, np.maximum(added, look(rng) * np.float32(rng.uniform(0.0, 0.7))))
