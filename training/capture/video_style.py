"""How one filmed person speaks: what no universal speech model knows of them.

Gains of jaw, lips, rounding and spreading, a mouth that is stronger on one side and drawn to it, and vowels of
their own. The phones' times are true, so that the mouth is this person's and nobody's guess.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float32

from ...core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX

# Another random stream than those that choose the person's looks.
STYLE_STREAM = 71
VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
ROUNDING, SPREADING = ("mouthFunnel", "mouthPucker"), ("mouthStretch", "mouthSmile")
LIPS = ("mouthLowerDown", "mouthUpperUp")
ONE_SIDED = (*SPREADING, *LIPS, "mouthDimple", "mouthFrown")


@dataclass(frozen=True)
class PersonalStyle:
    """What one person does differently; 1 and 0 are the universal mouth."""

    jaw: float = 1.0
    lips: float = 1.0
    rounding: float = 1.0
    spreading: float = 1.0
    # How much stronger the left side of the mouth moves than the right one, and how far a mouth that
    # speaks is drawn to the left; negative to the right.
    lopsided: float = 0.0
    drawn: float = 0.0
    # Standard deviation of what this person's vowels add to the universal targets, and its seed.
    vowel_spread: float = 0.0
    vowel_seed: int = 0

    @classmethod
    def of(cls, seed: int) -> PersonalStyle:
        """The style of the studio's person `seed`, always the same."""
        rng = np.random.default_rng([seed, STYLE_STREAM])
        jaw, lips, rounding, spreading = np.exp(rng.uniform(-0.35, 0.35, 4))
        sides = rng.choice([-1.0, 1.0], 2) * rng.uniform([0.15, 0.06], [0.4, 0.2])
        return cls(
            *(float(round(v, 4)) for v in (jaw, lips, rounding, spreading, *sides)),
            vowel_spread=0.06,
            vowel_seed=int(rng.integers(2**31)),
        )

    def record(self) -> dict[str, float]:
        """All fields by name."""
        return asdict(self)


def personal_motion(
    phones: list[tuple[str, float, float]], num_frames: int, style: PersonalStyle
) -> tuple[Float32[np.ndarray, "F 52"], Float32[np.ndarray, " F"]]:
    """ARKit weights and lip closure at 100 Hz of timed phones, as this person speaks them.

    Contacts stay contacts: no gain opens lips that touch.
    """
    # torch is heavy, and the studio starts without it.
    import torch

    from ..coarticulation_parameters import load_parameters
    from ..networks.speech import FRAME_RATE_HZ
    from ..speech_inventory import ALL_PHONES
    from ..speech_spoken import frame_labels
    from ..speech_visemes import MouthDecoder, tables

    parameters = load_parameters()
    targets = personal_targets(parameters["targets"].numpy(), style)
    decoder = MouthDecoder()
    own = tables({**parameters, "targets": torch.from_numpy(targets)})
    for name, table in own.items():
        getattr(decoder, name).copy_(table)
    labels = torch.from_numpy(frame_labels(phones, FRAME_RATE_HZ, num_frames).astype(np.int64))
    posteriors = torch.nn.functional.one_hot(labels, len(ALL_PHONES)).T[None].float()
    with torch.no_grad():
        arkit, closure = decoder(posteriors)
    arkit, closure = arkit[0].numpy(), closure[0].numpy()
    return one_sided(arkit, closure, style), closure


def personal_targets(targets: np.ndarray, style: PersonalStyle) -> np.ndarray:
    """The phones' targets [C, P] with the person's gains and vowels."""
    from ..coarticulation_tables import CONTROLS
    from ..speech_inventory import ALL_PHONES

    gains = {"jawOpen": style.jaw, **dict.fromkeys(LIPS, style.lips)}
    gains |= dict.fromkeys(ROUNDING, style.rounding) | dict.fromkeys(SPREADING, style.spreading)
    rows = np.array([gains.get(name, 1.0) for name in CONTROLS], np.float32)
    rng = np.random.default_rng(style.vowel_seed)
    offsets = style.vowel_spread * rng.standard_normal(targets.shape)
    chosen = np.array([[name in gains] for name in CONTROLS]) & np.isin(ALL_PHONES, VOWELS)
    own = targets * rows[:, None] + np.where(chosen, offsets, 0.0)
    return np.clip(own, 0.0, 1.0).astype(np.float32)


def one_sided(arkit: np.ndarray, closure: np.ndarray, style: PersonalStyle) -> np.ndarray:
    """Weights [F, 52] with a mouth that is stronger on one side and drawn to it while it speaks."""
    shown = arkit.copy()
    apart = 1.0 - closure
    for name in ONE_SIDED:
        for side, sign in (("Left", 0.5), ("Right", -0.5)):
            index = ARKIT_INDEX[name + side]
            shown[:, index] *= 1.0 + sign * style.lopsided * apart
    speaks = np.clip(3.0 * arkit[:, ARKIT_INDEX["jawOpen"]], 0.0, 1.0)
    drawn = ARKIT_INDEX["mouthLeft" if style.drawn > 0 else "mouthRight"]
    shown[:, drawn] += abs(style.drawn) * speaks
    assert shown.shape[1] == len(ARKIT_BLENDSHAPES)
    return np.clip(shown, 0.0, 1.0).astype(np.float32)
