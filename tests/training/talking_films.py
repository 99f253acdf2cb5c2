"""Films of heads that ship, talking: drawn by the C rasteriser, written by PyAV as cameras and phones do."""

import functools
import subprocess
import sys
from fractions import Fraction

import numpy as np
from gaussian_heads.core.assets import SAMPLE_SENTENCE, SPEECH_MODEL, avatar_path
from gaussian_heads.core.audio import load_audio
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.render import render
from gaussian_heads.core.spaces.conversion import convert_track
from gaussian_heads.core.speech import SpeechModel

from ..core.moving_pictures import write_video

COMMAND = (sys.executable, "-m", "gaussian_heads.training.personalize")
SIDE_PX = 256
WALL = np.array([92, 115, 133], np.uint8)
DISTANCE_M, SEEN_M = 1.2, 0.4
FOCAL_PX = SIDE_PX * DISTANCE_M / SEEN_M
# The head turns to and fro by so much, once in so many seconds.
TURN_RAD, TURN_SEC = 0.3, 1.9


def turn_rad(times_sec):
    """How far the filmed head is turned to its left."""
    return TURN_RAD * np.sin(2 * np.pi * np.asarray(times_sec) / TURN_SEC)


@functools.cache
def sentence():
    """The sample sentence [S] and its rate."""
    return load_audio(SAMPLE_SENTENCE)


@functools.cache
def spoken_codes(name):
    """The head, and its codes [T, D] for the sentence at 100 frames a second."""
    avatar = Avatar.open(avatar_path(f"builtin:{name}"), threads=1)
    heard = SpeechModel.open(SPEECH_MODEL, num_threads=1).listen(*sentence())
    return avatar, convert_track(heard.perform(fps=Fraction(100)), avatar).codes()


def camera_at(turn_rad=0.0, side_px=SIDE_PX):
    """A camera that sees the head from so far to its left."""
    middle = np.array([0.0, -0.03, 0.0])
    eye = middle + DISTANCE_M * np.array([np.sin(turn_rad), 0.0, np.cos(turn_rad)])
    view = look_at(eye, middle, np.array([0.0, 1.0, 0.0]))
    K = intrinsics(FOCAL_PX * side_px / SIDE_PX, side_px, side_px)
    return Camera(view, K, side_px, side_px)


def pictured(gaussians, camera):
    """RGBA [H, W, 4] uint8, straight alpha."""
    seen = render(gaussians, camera, backend="cpu")
    alphas = seen.alphas[..., None]
    colors = seen.colors / np.maximum(alphas, 1e-6)
    return (np.clip(np.concatenate([colors, alphas], 2), 0, 1) * 255).round().astype(np.uint8)


def before_wall(rgba):
    """The picture [H, W, 3] uint8 before a plain wall."""
    alpha = rgba[..., 3:] / 255
    return (rgba[..., :3] * alpha + WALL * (1 - alpha)).round().astype(np.uint8)


def talking_frames(times_sec, name="maya"):
    """Pictures of a head that says the sample sentence and turns from side to side."""
    avatar, codes = spoken_codes(name)
    frames = []
    for time_sec, turn in zip(times_sec, turn_rad(times_sec), strict=True):
        pose = np.array([0.0, turn, 0.0, 0.0, 0.0, 0.0], np.float32)
        code = codes[min(round(100 * time_sec), len(codes) - 1)]
        frames.append(before_wall(pictured(avatar.decode(code, pose), camera_at())))
    return frames


def wall(count, height=SIDE_PX, width=SIDE_PX):
    """A wall with nobody before it."""
    grain = np.random.default_rng(0).integers(-6, 7, (height, width, 1))
    return [np.clip(WALL + grain, 0, 255).astype(np.uint8)] * count


def film(path, frames, *, has_sound=False, **options):
    """Write frames, at 25 a second where `ticks_ms` says nothing else."""
    if has_sound:
        samples, rate = sentence()
        last_sec = options["ticks_ms"][-1] / 1000 if "ticks_ms" in options else len(frames) / 25
        options["speech"] = (samples[: round(last_sec * rate)], rate)
    if "size" not in options:
        options["size"] = frames[0].shape[1::-1]
    return write_video(path, frames, **options)


def personalized(*words):
    """The command in a process of its own, to its end."""
    words = [str(word) for word in (*COMMAND, *words)]
    return subprocess.run(words, capture_output=True, text=True, check=False)
