"""Sentences as the speech network hears them, with what the motion generator is told of each."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.audio import SPEECH_RATE_HZ, load_audio
from ...core.direction.features import PER_FRAME, heard_closure, heard_weights, speech_features
from ...core.files import replace_on_success
from ...core.speech import HeardSpeech, SpeechModel
from ..speech_recordings import HELD_OUT, VALIDATION, Recording, recordings, training_recordings

LOG = logging.getLogger(__name__)
TRAIN, TEST = "train", "test"


@dataclass(frozen=True)
class Sentence:
    """One recording at 50 frames a second: ARKit weights heard `[N, 52]` and features `[N, 15]`."""

    name: str
    weights: np.ndarray
    features: np.ndarray


def hear_all(data: Path, folder: Path) -> dict[str, list[tuple[Recording, HeardSpeech]]]:
    """Every recording for training and for test, heard once and kept in `folder`."""
    everything = recordings(data)
    kept = {*HELD_OUT, *VALIDATION}
    groups = {
        TRAIN: training_recordings(everything),
        TEST: [r for r in everything if r.corpus == "multi_en" and r.name in kept],
    }
    model: list[SpeechModel] = []
    return {split: list(_heard(chosen, folder, model, split)) for split, chosen in groups.items()}


def _heard(
    chosen: Sequence[Recording], folder: Path, model: list[SpeechModel], split: str
) -> Iterable[tuple[Recording, HeardSpeech]]:
    for index, recording in enumerate(chosen):
        path = folder / f"{recording.name}.heard"
        if not path.is_file():
            if not model:
                from ...core.assets import SPEECH_MODEL

                model.append(SpeechModel.open(SPEECH_MODEL))
            waveform, rate = load_audio(recording.path, target_rate=SPEECH_RATE_HZ)
            with replace_on_success(path) as temporary:
                temporary.write_bytes(model[0].listen(waveform, rate).to_bytes())
            if index % 50 == 0:
                LOG.info("%s: heard %d of %d", split, index, len(chosen))
        yield recording, HeardSpeech.from_bytes(path.read_bytes())


def sentence_of(name: str, heard: HeardSpeech) -> Sentence:
    """What was heard at the generator's rate."""
    weights, closure = heard_weights(heard), heard_closure(heard)
    rows = len(weights) // PER_FRAME * PER_FRAME
    weights, closure = weights[:rows], closure[:rows]
    features = speech_features(weights, closure, heard.prosody, heard.rate_hz)
    return Sentence(name, weights.reshape(-1, PER_FRAME, weights.shape[1]).mean(1), features)
