"""What tests of the motion generator's training share: a tiny network, sentences and data that nobody recorded."""

import json

import numpy as np
import torch
from gaussian_heads.core.direction.features import FEATURES
from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES, arkit_vector
from gaussian_heads.training.directing.hearing import Sentence
from gaussian_heads.training.networks.au_motion import CLOSURE, MotionGenerator, MotionShape

TINY = MotionShape(
    hidden=24,
    latent=4,
    stride=4,
    heard=6,
    asked=5,
    kernel=3,
    dilations=(1, 2),
    encoder_layers=1,
    flows=2,
    flow_hidden=4,
    flow_layers=1,
)


def made_up_sentence(num_frames: int, seed: int = 0) -> Sentence:
    """A mouth that opens, is rounded and touches on and off, with accents."""
    random = np.random.default_rng(seed)
    times = np.arange(num_frames) / 50.0
    opened, rounded = (
        np.clip(np.sin(2 * np.pi * (rate * times + random.uniform())), 0.0, 1.0)
        for rate in (2.0, 0.7)
    )
    weights = opened[:, None] * arkit_vector({"jawOpen": 0.4, "mouthLowerDownLeft": 0.3})
    weights = weights + rounded[:, None] * arkit_vector({"mouthPucker": 0.6, "mouthFunnel": 0.2})
    features = random.uniform(0, 1, (num_frames, len(FEATURES)))
    features[:, CLOSURE] = np.clip(1.0 - 4.0 * opened, 0.0, 1.0)
    return Sentence(f"s{seed}", weights.astype(np.float32), features.astype(np.float32))


def write_captured(data) -> None:
    """The captured face that directions are taken from, in a data folder."""
    folder = data / "speech" / "lam_expression"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    frames = [{"weights": random.uniform(0, 0.5, 52).round(4).tolist()} for _ in range(60)]
    recorded = {"names": list(ARKIT_BLENDSHAPES), "frames": frames}
    (folder / "test_expression_1s.json").write_text(json.dumps(recorded), "utf8")


def shaken(network: MotionGenerator, amount: float = 0.2) -> MotionGenerator:
    """The network with noise on all of its parameters: layers that begin as zeros say something too."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(amount * torch.randn(parameter.shape, generator=generator))
    return network.eval()
