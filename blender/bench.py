"""What this machine can do: decoding, drawing with every backend that works, and listening to speech."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..core.assets import SAMPLE_SENTENCE, SPEECH_MODEL
from ..core.audio import SPEECH_RATE_HZ, load_audio
from ..core.avatar import Avatar
from ..core.camera import Camera, intrinsics, look_at
from ..core.errors import RenderError
from ..core.render import BACKENDS, render
from ..core.spaces.conversion import convert_track
from ..core.speech import SpeechModel

SIZE_PX = 512
FPS = Fraction(25)
# From crown to chin the head takes this part of the picture, seen from so far.
HEAD_PART, DISTANCE_M = 0.64, 1.2
# A head without landmarks has its chin about here.
CHIN_LANDMARK, CHIN_BELOW_EYES_M = 8, 0.115
# A backend is measured on that many frames, or on fewer when they take too long.
MAX_FRAMES, MAX_SEC = 60, 4.0

Progress = Callable[[float], bool | None]


@dataclass(frozen=True)
class BackendFigures:
    """Milliseconds to draw one frame, and frames a second with decoding; medians of a speaking head."""

    draw_ms: float
    live_fps: float


@dataclass(frozen=True)
class MachineFigures:
    """All figures of one avatar; `refusals` says why a backend does not work here."""

    avatar: str
    num_gaussians: int
    decode_ms: float
    speech_x_realtime: float
    backends: dict[str, BackendFigures]
    refusals: dict[str, str]

    def as_json(self) -> dict[str, object]:
        """Flat keys, one set per backend that works."""
        report: dict[str, object] = {
            "avatar": self.avatar,
            "num_gaussians": self.num_gaussians,
            "decode_ms": round(self.decode_ms, 2),
            "speech_x_realtime": round(self.speech_x_realtime, 1),
        }
        for name, figures in self.backends.items():
            report[f"draw_ms_{SIZE_PX}_{name}"] = round(figures.draw_ms, 2)
            report[f"live_fps_{SIZE_PX}_{name}"] = round(figures.live_fps, 1)
        return report | {"unavailable": self.refusals}

    def as_text(self) -> str:
        """For people."""
        lines = [
            f"{self.avatar}: {self.num_gaussians:,} Gaussians at {SIZE_PX} x {SIZE_PX} pixels",
            f"decode     {self.decode_ms:8.1f} ms",
            f"speech     {self.speech_x_realtime:8.1f} times as fast as it is spoken",
        ]
        lines += [
            f"{name:10} {figures.draw_ms:8.1f} ms a picture, {figures.live_fps:.1f} frames a second live"
            for name, figures in self.backends.items()
        ]
        return "\n".join(lines + [f"{name:10} {why}" for name, why in self.refusals.items()])


def measure_machine(avatar: Avatar, progress: Progress, only: Sequence[str] = ()) -> MachineFigures:
    """Draw the head while it speaks the sample sentence, with every backend or the ones named."""
    names = [name for name in BACKENDS if name != "auto" and (not only or name in only)]
    speed, codes = _listen(avatar)
    camera = portrait_camera(avatar)
    # The first picture of all loads libraries.
    avatar.decode(codes[0])
    working, refusals = {}, {}
    decode_ms: list[float] = []
    for done, name in enumerate(names):
        progress((done + 1) / (len(names) + 1))
        try:
            working[name], decoded_ms = _measure_backend(avatar, codes, camera, name)
            decode_ms += decoded_ms
        except RenderError as error:
            refusals[name] = str(error)
    if not working:
        raise RenderError(f"None of the backends {', '.join(names)} works here: {refusals}")
    progress(1.0)
    return MachineFigures(
        avatar.name, avatar.num_gaussians, statistics.median(decode_ms), speed, working, refusals
    )


def portrait_camera(avatar: Avatar) -> Camera:
    """The head from the front, `SIZE_PX` pixels wide and high."""
    landmarks = avatar.landmarks(np.zeros(avatar.code_dim, np.float32))
    chin = -CHIN_BELOW_EYES_M if landmarks is None else float(landmarks[CHIN_LANDMARK, 1])
    crown = float(avatar.bounds[1][1])
    target = np.array([0.0, (crown + chin) / 2, 0.0])
    view = look_at(target + [0.0, 0.0, DISTANCE_M], target, np.array([0.0, 1.0, 0.0]))
    focal_px = SIZE_PX * HEAD_PART / (crown - chin) * DISTANCE_M
    return Camera(view, intrinsics(focal_px, SIZE_PX, SIZE_PX), SIZE_PX, SIZE_PX)


def _listen(avatar: Avatar) -> tuple[float, np.ndarray]:
    """Seconds of speech analysed in a second, and codes `[T, D]` of the sample sentence."""
    waveform, sample_rate = load_audio(SAMPLE_SENTENCE, target_rate=SPEECH_RATE_HZ)
    model = SpeechModel.open(SPEECH_MODEL)
    duration_sec = len(waveform) / sample_rate
    times_sec = []
    for _ in range(3):
        started = time.perf_counter()
        track = model.track(waveform, sample_rate, fps=FPS)
        times_sec.append(time.perf_counter() - started)
    return duration_sec / min(times_sec), convert_track(track, avatar).codes()


def _measure_backend(
    avatar: Avatar, codes: np.ndarray, camera: Camera, name: str
) -> tuple[BackendFigures, list[float]]:
    """Figures of one backend, and how long each decoding took (ms)."""
    decode_ms, draw_ms, live_ms = [], [], []
    started = time.perf_counter()
    for code in codes[:MAX_FRAMES]:
        before = time.perf_counter()
        gaussians = avatar.decode(code)
        between = time.perf_counter()
        render(gaussians, camera, backend=name)
        after = time.perf_counter()
        decode_ms.append((between - before) * 1e3)
        draw_ms.append((after - between) * 1e3)
        live_ms.append((after - before) * 1e3)
        if after - started > MAX_SEC:
            break
    # The first picture makes buffers and shaders ready; it counts where there is no other.
    draw, live = (statistics.median(times[1:] or times) for times in (draw_ms, live_ms))
    return BackendFigures(draw, 1e3 / live), decode_ms
