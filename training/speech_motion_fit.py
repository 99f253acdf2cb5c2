"""Fits the mouth decoder's jaw and rounding to captured motion, and says what that gains.

Run: python -m gaussian_heads.training.speech_motion_fit --data DATA --model assets/speech/speech.onnx

A speech network hears an actor (FACEGOOD) whose jaw and lips were captured; targets, dominances, windows
and the slope of effort move from the hand-set ones to where the decoder's curves correlate best with the
captured ones, held back by a prior. The actor's own gain and offset of every control do not matter to a
correlation. The prior's strength is chosen on the last training clip; one more clip is kept out of all,
and the fit is written only where it gains there. Check afterwards that no phones are lost:
python bench/lipsync --set validation --only phones.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional

from ..core.assets import SPEECH_MODEL
from ..core.sessions import runtime
from ..core.spaces import ARKIT_INDEX
from ..core.speech.mouth import CLOSE_PER_JAW, CLOSURE
from .coarticulation_parameters import FITTED, save_parameters, start_parameters
from .coarticulation_tables import ARTICULATORS
from .networks.speech import FrontEnd, SpeechNetworkConfig
from .speech_captured import CAPTURED_HELD_OUT, captured_motion
from .speech_export import SAMPLES_STEP, effort
from .speech_phones import SILENCE
from .speech_recordings import data_folder
from .speech_visemes import FUTURE_FRAMES, STYLES, MouthDecoder, tables

LOG = logging.getLogger(__name__)
# What is fitted, and how many times stronger the prior holds it: a less held rounding serves this actor's
# Mandarin better and tells rounded from spread vowels less in English recordings.
FITTED_ARTICULATORS: Mapping[str, float] = {"jaw": 1.0, "rounding": 10.0}
COMPARED = ("jawOpen", "mouthFunnel", "mouthPucker")
# Silence is half of the recordings, and at rest everybody is right.
SILENCE_WEIGHT = 0.2
# How far a parameter may be off the hand-set one at the cost of one unit of the prior. Targets change by
# a factor: what does not round in one actor's Mandarin, misheard, should not learn to.
SPREADS: Mapping[str, float] = {
    "targets": 0.35,
    "log_dominances": 0.35,
    "windows_sec": 0.01,
    "effort": 0.3,
}
PRIORS = (1e-3, 3e-3)
STEPS, RATE = 100, 0.15
JITTER_WEIGHT = 0.2
STRIDE = 3  # frames of 10 ms, about one of the capture
MIN_WIDTH_SEC, MAX_BEHIND_SEC, MAX_LEAD_SEC = 0.04, 0.17, 0.06


@dataclass(frozen=True)
class Heard:
    """A clip as a network hears it: posteriors `[44, F]`, those at short notice, effort `[F]`; curves `[F, 3]`."""

    name: str
    posteriors: Tensor
    coming: Tensor
    effort: Tensor
    motion: Tensor


class Listener:
    """A speech network as an ONNX file, asked for what its mouth decoder is given."""

    def __init__(self, path: Path) -> None:
        model = onnx.load(path)
        # The decoder mixes what is settled, then what is coming.
        self.wanted = [n.input[0] for n in model.graph.node if "decoder.mixing" in n.input]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in self.wanted)
        providers = ["CPUExecutionProvider"]
        self.session = runtime().InferenceSession(model.SerializeToString(), providers=providers)
        self.front_end = FrontEnd(SpeechNetworkConfig().num_mels)

    def hear(self, name: str, waveform: np.ndarray, motion: np.ndarray) -> Heard:
        """What the decoder is given for a waveform `[S]` at 16 kHz, beside its motion `[F, 4]`."""
        waveform = waveform[: len(waveform) // SAMPLES_STEP * SAMPLES_STEP].astype(np.float32)
        given = {"waveform": waveform, "style": np.ones(len(STYLES), np.float32)}
        settled, coming = (torch.from_numpy(p[0]) for p in self.session.run(self.wanted, given))
        with torch.no_grad():
            loudness = effort(self.front_end(torch.from_numpy(waveform)[None]))[0]
        captured = torch.from_numpy(motion[: settled.shape[1], : len(COMPARED)].copy())
        return Heard(name, settled, coming, loudness, captured)


def agreement(parameters: Mapping[str, Tensor], clips: Sequence[Heard]) -> tuple[Tensor, Tensor]:
    """Over all clips, of each compared control `[3]`: weighted r, and jitter against the captured one.

    Jitter is the root mean square of the second difference over 30 ms, in standard deviations.
    """
    decoder, found, wanted, weights = MouthDecoder(), [], [], []
    close = ARKIT_INDEX["mouthClose"]
    for clip in clips:
        inputs = (clip.posteriors[None], clip.effort[None], None, clip.coming[None])
        arkit, _ = functional_call(decoder, tables(parameters), inputs)
        curves = arkit[0][:, [ARKIT_INDEX[name] for name in COMPARED]]
        # The actor's rig shuts the lips with the jaw alone.
        shut = torch.stack([arkit[0, :, close] / CLOSE_PER_JAW[CLOSURE]] + [curves[:, 0] * 0] * 2)
        found.append(curves - shut.T)
        wanted.append(clip.motion)
        weights.append(1.0 - (1.0 - SILENCE_WEIGHT) * clip.posteriors[SILENCE])
    weight = torch.cat(weights)[:, None]
    weight = weight / weight.sum()
    first, second = (v - (weight * v).sum(0) for v in (torch.cat(found), torch.cat(wanted)))
    spread, captured_spread = ((weight * v**2).sum(0).sqrt() for v in (first, second))
    r = (weight * first * second).sum(0) / (spread * captured_spread + 1e-9)
    return r, _acceleration(first) / spread / (_acceleration(second) / captured_spread)


def _acceleration(curves: Tensor) -> Tensor:
    second = curves[2 * STRIDE :] - 2.0 * curves[STRIDE:-STRIDE] + curves[: -2 * STRIDE]
    return (second**2).mean(0).sqrt()


def fit(clips: Sequence[Heard], prior: float) -> dict[str, Tensor]:
    """Parameters of the decoder that fit the clips, near the hand-set ones by `prior`."""
    start, holds = start_parameters(), _holds()
    moves = {name: torch.zeros_like(value, requires_grad=True) for name, value in start.items()}
    optimizer = torch.optim.Adam(moves.values(), lr=RATE)

    def moved() -> dict[str, Tensor]:
        free = {name: (holds[name] > 0) * move for name, move in moves.items()}
        values = {name: start[name] + SPREADS[name] * move for name, move in free.items()}
        factors = torch.exp(SPREADS["targets"] * free["targets"])
        return _limited(values | {"targets": start["targets"] * factors})

    for _ in range(STEPS):
        optimizer.zero_grad()
        cost = sum((holds[name] * move**2).sum() for name, move in moves.items())
        r, jitter = agreement(moved(), clips)
        too_much = functional.relu(jitter - 1.0)
        (prior * cost + JITTER_WEIGHT * too_much.sum() - r.sum()).backward()
        optimizer.step()
    return {name: value.detach() for name, value in moved().items()}


def _holds() -> dict[str, Tensor]:
    """How strongly the prior holds every parameter; 0 where it is not fitted at all."""
    held = torch.tensor([FITTED_ARTICULATORS.get(a.name, 0.0) for a in ARTICULATORS])
    owners = [index for index, a in enumerate(ARTICULATORS) for _ in a.controls]
    rows = held[:, None]
    return {"targets": rows[owners], "log_dominances": rows, "windows_sec": rows, "effort": held}


def _limited(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights from 0 to 1, windows within the frames that the decoder may see."""
    ahead, behind, lead = parameters["windows_sec"].T
    lead = torch.clamp(lead, 0.0, MAX_LEAD_SEC)
    furthest_sec = (FUTURE_FRAMES + 1) / 100 - lead
    ahead = torch.minimum(torch.clamp(ahead, min=MIN_WIDTH_SEC), furthest_sec)
    behind = torch.clamp(behind, MIN_WIDTH_SEC, MAX_BEHIND_SEC)
    windows_sec = torch.stack([ahead, behind, lead], 1)
    targets = torch.clamp(parameters["targets"], 0.0, 1.0)
    return parameters | {"windows_sec": windows_sec, "targets": targets}


def chosen_prior(clips: Sequence[Heard]) -> float:
    """The prior that serves the last clip best when the others are fitted."""
    scores = {}
    for prior in PRIORS:
        r, jitter = agreement(fit(clips[:-1], prior), clips[-1:])
        scores[prior] = float(r.mean())
        LOG.info("prior %g: r %s, jitter %s on %s", prior, _row(r), _row(jitter), clips[-1].name)
    return max(scores, key=lambda prior: scores[prior])


def main(words: Sequence[str] | None = None) -> int:
    """Command line: fit, say what the kept-out clip gains, write; 1 where it gains nothing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with speech/facegood_zh")
    parser.add_argument("--model", type=Path, default=SPEECH_MODEL, help="speech network, ONNX")
    parser.add_argument("--out", type=Path, default=FITTED)
    options = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    listener = Listener(options.model)
    clips = [listener.hear(*clip) for clip in captured_motion(data_folder(options.data))]
    if not clips:
        raise SystemExit("There is no captured motion in the data: complete speech/facegood_zh.")
    kept_out = [clip for clip in clips if clip.name == CAPTURED_HELD_OUT]
    heard = [clip for clip in clips if clip.name != CAPTURED_HELD_OUT]
    parameters = fit(heard, chosen_prior(heard))
    with torch.no_grad():
        for title, some in (("training clips", heard), ("kept-out clip", kept_out)):
            (before, jitter_before), (after, jitter_after) = (
                agreement(p, some) for p in (start_parameters(), parameters)
            )
            sys.stdout.write(
                f"{title}: r of {', '.join(COMPARED)} {_row(before)} → {_row(after)}, jitter "
                f"{_row(jitter_before)} → {_row(jitter_after)} of the captured one\n"
            )
    if after.mean() <= before.mean():
        sys.stdout.write("The kept-out clip gains nothing: nothing was written.\n")
        return 1
    save_parameters(parameters, tuple(FITTED_ARTICULATORS), options.out)
    sys.stdout.write(f"wrote {options.out}\n")
    return 0


def _row(values: Tensor) -> str:
    return " ".join(f"{value:.3f}" for value in values)


if __name__ == "__main__":
    sys.exit(main())
