"""What the speech network hears of recordings, for the portrait network that has no landmarks of the mouth.

    python -m gaussian_heads.training.portrait.sounds --clips build/portrait/clips --out build/portrait/sounds

The posteriors of its 44 phone classes, 100 times a second: one `<recording>.npy` `[T, 44]` float16 each.
"""

from __future__ import annotations

import argparse
import io
import logging
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from ...core.assets import SPEECH_MODEL
from ...core.audio import SPEECH_RATE_HZ, load_audio
from ...core.files import replace_on_success
from ...core.sessions import runtime
from ..commands import run_command
from ..prior_settings import TrainingError
from ..speech_recordings import data_folder, recordings

logger = logging.getLogger(__name__)
RATE_HZ, CLASSES = 100, 44
# Posteriors that the network sees about a frame: from so much before to so much after it, in these steps.
BEFORE_SEC, AFTER_SEC, STEP_SEC = 0.16, 0.2, 0.02
OFFSETS_SEC = np.arange(-BEFORE_SEC, AFTER_SEC + 1e-6, STEP_SEC)
SOUND_DIM = CLASSES * len(OFFSETS_SEC)
PAD_SAMPLES = 320


class PhoneListener:
    """The speech network, asked for what it believes instead of what the mouth does."""

    def __init__(self, path: Path = SPEECH_MODEL) -> None:
        model = onnx.load(path)
        settled = [node.output[0] for node in model.graph.node if node.op_type == "Softmax"][-1]
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info(settled, TensorProto.FLOAT, None))
        stream = io.BytesIO()
        onnx.save(model, stream)
        self._style = np.ones(
            model.graph.input[1].type.tensor_type.shape.dim[0].dim_value, np.float32
        )
        self._session = runtime().InferenceSession(
            stream.getvalue(), providers=["CPUExecutionProvider"]
        )

    def posteriors(self, waveform: np.ndarray) -> np.ndarray:
        """Of a waveform `[S]` at 16 kHz, `[T, 44]` at 100 Hz."""
        missing = -len(waveform) % PAD_SAMPLES
        padded = np.pad(waveform, (0, missing)).astype(np.float32)
        (found,) = self._session.run(None, {"waveform": padded, "style": self._style})
        found = found.reshape(-1, *found.shape[-2:])[0]
        return (found if found.shape[-1] == CLASSES else found.T).astype(np.float16)


def sound_features(posteriors: np.ndarray, times_sec: np.ndarray) -> np.ndarray:
    """What is heard about moments `[N]` of a recording `[T, 44]`, `[N, SOUND_DIM]` float32."""
    rows = np.rint((times_sec[:, None] + OFFSETS_SEC[None]) * RATE_HZ).astype(int)
    rows = np.clip(rows, 0, len(posteriors) - 1)
    return posteriors[rows].reshape(len(times_sec), SOUND_DIM).astype(np.float32)


def hear_clips(clips: Path, out: Path, data: Path) -> None:
    """Listen to every recording that the clips are of."""
    out.mkdir(parents=True, exist_ok=True)
    names = {str(np.load(path)["recording"]) for path in clips.glob("clip-*.npz")}
    if not names:
        raise TrainingError(
            f"There are no clips in '{clips}': run training.capture.portrait_clips first."
        )
    listener = PhoneListener()
    for recording in recordings(data):
        path = out / f"{recording.name}.npy"
        if recording.name in names and not path.is_file():
            waveform, _ = load_audio(recording.path, target_rate=SPEECH_RATE_HZ)
            with replace_on_success(path) as temporary:
                np.save(temporary, listener.posteriors(waveform))


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="data folder, else GAUSSIAN_HEADS_DATA")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command(lambda: hear_clips(options.clips, options.out, data_folder(options.data)))


if __name__ == "__main__":
    raise SystemExit(main())
