"""One trained prior under test: heads from neutral scans, codes of frames, Gaussians, and the export's speed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ..core.avatar import Controls
from ..core.camera import Camera
from ..core.gaussians import Gaussians
from ..core.render import render
from ..core.sessions import runtime
from .dataset.layout import Topology
from .dataset.reader import Subject
from .evaluate_metrics import BACKGROUND
from .export import OUTPUTS, VIEW_OUTPUT, export_onnx
from .networks.prior import BakedHead
from .prior_bake import bake_head, encode_subject
from .prior_controls import CONTROLS_FILE, load_controls
from .prior_file import load_prior, read_record
from .prior_person import NeutralScan
from .prior_settings import TrainingError

GAUSSIAN_FIELDS = ("means", "quats", "scales", "opacities", "colors")
ENCODER, ARKIT = "encoder", "arkit52"
TIMED_FRAMES, WARM_UP_FRAMES, THREADS = 40, 5, 2


class TestedPrior:
    """A prior in a folder; heads are baked from the neutral scan alone."""

    __test__ = False

    def __init__(self, name: str, folder: Path, hair_pieces: int | None = None) -> None:
        self.name, self.folder, self.hair_pieces = name, folder, hair_pieces
        self.prior = load_prior(folder)
        record = read_record(folder)
        # Of the run that made it, for the curves.
        self.steps, self.persons = int(record["steps"]), len(record["persons"])

    @cached_property
    def controls(self) -> Controls | None:
        """The learned map from ARKit weights to codes, where it was learned."""
        is_learned = (self.folder / CONTROLS_FILE).is_file()
        return load_controls(self.folder) if is_learned else None

    def require_topology(self, topology: Topology) -> None:
        """Refuse a capture of another mesh."""
        own = self.prior.parts.topology
        if not np.array_equal(own.triangles, topology.triangles):
            raise TrainingError(
                f"The prior '{self.folder}' was trained on another mesh than this capture has: "
                "evaluate it on a capture of the same studio."
            )

    def head(self, subject: Subject) -> BakedHead:
        """The person's decoder."""
        return bake_head(self.prior, NeutralScan.of(subject), self.hair_pieces)

    def codes(self, subject: Subject, way: str) -> np.ndarray | None:
        """Codes [T, D] of all frames: from the tracked mesh, or from the ARKit weights; None if not known."""
        if way == ARKIT:
            if self.controls is None or subject.controls is None:
                return None
            return subject.controls.astype(np.float32) @ self.controls.arkit52
        # A held-out frame has no texture: the mesh alone says what the face does.
        return encode_subject(self.prior, subject, subject.frame_names, textures=False)


def decode(head: BakedHead, code: np.ndarray) -> Gaussians:
    """Gaussians of one code [D]."""
    with torch.no_grad():
        return gaussians_of(head(torch.from_numpy(np.asarray(code, np.float32))))


def gaussians_of(outputs: tuple[torch.Tensor, ...]) -> Gaussians:
    """What a decoder gave, as Gaussians."""
    arrays = dict(zip((*OUTPUTS, VIEW_OUTPUT), (value.numpy() for value in outputs), strict=False))
    sh = arrays.get(VIEW_OUTPUT)
    return Gaussians(*(np.ascontiguousarray(arrays[name]) for name in GAUSSIAN_FIELDS), sh)


def draw(gaussians: Gaussians, camera: Camera) -> np.ndarray:
    """Colours [H, W, 3] over the evaluation's background, by the C rasteriser."""
    return render(gaussians, camera, backend="cpu", background=BACKGROUND).colors


@dataclass(frozen=True)
class Speed:
    """What one head's exported decoder takes on this machine's CPU with two threads."""

    num_gaussians: int
    decode_ms: float
    frames_per_sec: float
    side_px: int
    # Largest difference of any Gaussian decoded alone and after others; 0 where frames stand alone.
    alone_difference: float
    # Largest difference between the ONNX file and torch: of means (mm) and of colours.
    onnx_means_mm: float
    onnx_colors: float


def measure_speed(head: BakedHead, codes: np.ndarray, camera: Camera) -> Speed:
    """Decode and draw frames of codes [T, D] through the ONNX file that avatars hold."""
    model = export_onnx(head, codes.shape[1], has_half_floats=True)
    session, fresh = _session(model), _session(model)
    for code in codes[:WARM_UP_FRAMES]:
        draw(_gaussians(session, code), camera)
    decode_sec, started = 0.0, time.perf_counter()
    for number in range(TIMED_FRAMES):
        before = time.perf_counter()
        gaussians = _gaussians(session, codes[number % len(codes)])
        decode_sec += time.perf_counter() - before
        draw(gaussians, camera)
    total_sec = time.perf_counter() - started
    last = codes[(TIMED_FRAMES - 1) % len(codes)]
    alone, torch_head = _gaussians(fresh, last), decode(head, last)
    return Speed(
        gaussians.num_gaussians,
        1e3 * decode_sec / TIMED_FRAMES,
        TIMED_FRAMES / total_sec,
        camera.width,
        max(_difference(gaussians, alone, name) for name in GAUSSIAN_FIELDS),
        1e3 * _difference(alone, torch_head, "means"),
        _difference(alone, torch_head, "colors"),
    )


def _session(model: bytes) -> object:
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _gaussians(session: object, code: np.ndarray) -> Gaussians:
    names = [output.name for output in session.get_outputs()]
    arrays = dict(zip(names, session.run(None, {"code": code.astype(np.float32)}), strict=True))
    return Gaussians(*(arrays[name] for name in GAUSSIAN_FIELDS), arrays.get(VIEW_OUTPUT))


def _difference(a: Gaussians, b: Gaussians, name: str) -> float:
    return float(np.abs(getattr(a, name) - getattr(b, name)).max())
