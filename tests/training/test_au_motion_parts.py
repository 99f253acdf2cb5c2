# ruff: noqa: E402 (torch may be missing)
"""The motion generator's network, its lip guard, and the directions and performances that it learns from."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training environment is not installed")

from gaussian_heads.core.direction.features import FEATURES
from gaussian_heads.core.spaces import (
    ACTION_UNITS,
    ARKIT_BLENDSHAPES,
    ARKIT_INDEX,
    arkit_vector,
    au_to_arkit,
)
from gaussian_heads.training.directing import directions
from gaussian_heads.training.directing.directions import (
    BLINK,
    EMOTIONS,
    labelled_direction,
    prototype,
    sample_direction,
)
from gaussian_heads.training.directing.head import mean_head
from gaussian_heads.training.directing.performance import NONE, Performer
from gaussian_heads.training.networks.au_motion import CHANNELS, CLOSURE, LipGuard, MotionGenerator

from .directing_fixtures import TINY, made_up_sentence, shaken

ACCENT = FEATURES.index("accent")
SMILE = ARKIT_INDEX["mouthSmileLeft"]


@pytest.fixture(scope="module")
def head():
    return mean_head()


@pytest.fixture(scope="module")
def guard(head):
    return LipGuard(torch.from_numpy(head.gap_mm))


@pytest.fixture(scope="module")
def performer(guard):
    return Performer(guard)


def spoken(frames=100, batch=2):
    """Weights and features of made-up sentences."""
    sentences = [made_up_sentence(frames, seed) for seed in range(batch)]
    return (
        torch.from_numpy(np.stack([s.weights for s in sentences])),
        torch.from_numpy(np.stack([s.features for s in sentences])),
    )


def silent(frames=100, batch=1):
    return torch.zeros(batch, frames, 52), torch.zeros(batch, frames, len(FEATURES))


def units_of(frames=100, batch=1, **intensities):
    row = torch.tensor([float(intensities.get(unit, 0.0)) for unit in ACTION_UNITS])
    return row.expand(batch, frames, -1).clone()


def weights_of(**shapes):
    return torch.from_numpy(arkit_vector(shapes))[None, None]


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("stride", [3, 4, 8])
@pytest.mark.parametrize("latents", [1, 5, 13])
def test_every_stage_keeps_its_length(head, stride, latents):
    network = shaken(
        MotionGenerator(replace(TINY, stride=stride), torch.from_numpy(head.gap_mm)), 0.05
    )
    frames = stride * latents
    plain, features = spoken(frames, 3)
    units = units_of(frames, 3, AU12=3.0)
    condition = network.condition(features, units)
    assert condition.shape == (3, TINY.heard + TINY.asked, frames)
    mean, log_std = network.encode(torch.rand(3, frames, 52), condition)
    assert mean.shape == log_std.shape == (3, TINY.latent, latents)
    added = network.decode(
        network.sample(torch.randn(3, TINY.latent, latents), condition), condition
    )
    assert added.shape == (3, frames, 52)
    still = [index for index in range(52) if index not in CHANNELS]
    assert len(still) == 9 and not added[:, :, still].any() and added[:, :, CHANNELS].any()
    assert network(plain, features, units, mean, condition).shape == (3, frames, 52)


def test_the_flow_is_undone_exactly_and_keeps_the_volume(head):
    network = shaken(MotionGenerator(TINY, torch.from_numpy(head.gap_mm)))
    _, features = spoken(40)
    condition = network.slowly(network.condition(features, units_of(40, 2, AU04=2.0)))
    latent = torch.randn(2, TINY.latent, 10)
    noise = network.flow(latent, condition)
    assert (noise - latent).abs().max() > 0.1
    assert torch.allclose(network.flow.back(noise, condition), latent, atol=1e-5)

    def forward(flat):
        return network.flow(flat.reshape(1, TINY.latent, 10), condition[:1]).flatten()

    matrix = torch.autograd.functional.jacobian(forward, latent[0].flatten())
    assert torch.linalg.slogdet(matrix.double()).logabsdet.abs() < 1e-3


def test_no_unit_asks_for_nothing_whatever_the_network_says(head):
    network = shaken(MotionGenerator(TINY, torch.from_numpy(head.gap_mm)))
    plain, features = spoken(40)
    plain[:, ::3] += weights_of(mouthPressLeft=0.5, mouthPressRight=0.5, mouthRollLower=0.3)[0]
    for units in (units_of(40, 2), units_of(40, 2, AU12=0.5)):
        condition = network.condition(features, units)
        acting = network(plain, features, units, torch.randn(2, TINY.latent, 10), condition)
        assert bool(acting.any()) == bool(units.any())


def test_lips_that_touch_stay_shut_whatever_units_act(guard):
    generator = torch.Generator().manual_seed(1)
    units = 5.0 * torch.rand(4, 500, len(ACTION_UNITS), generator=generator)
    units *= torch.rand(units.shape, generator=generator) < 0.4
    acted = (units @ torch.from_numpy(au_to_arkit())).clamp(0.0, 1.0)
    assert ((acted @ guard.gap_mm) > 5.0).float().mean() > 0.3
    kept = guard(torch.zeros_like(acted), acted, torch.ones(4, 500))
    assert (kept @ guard.gap_mm).max() < 0.2
    own = [ARKIT_INDEX[n] for n in ("browInnerUp", "eyeBlinkLeft", "mouthSmileLeft")]
    assert torch.equal(kept[:, :, own], acted[:, :, own])


def test_lips_that_do_not_touch_may_part(guard):
    acted = weights_of(jawOpen=0.5).expand(1, 20, 52)
    gap = [
        float((guard(torch.zeros(1, 20, 52), acted, torch.full((1, 20), c)) @ guard.gap_mm).mean())
        for c in (1.0, 0.8, 0.6, 0.0)
    ]
    assert gap == sorted(gap) and gap[0] < 0.3 and gap[-1] > 8.0


@pytest.mark.parametrize("units", [("AU28",), ("AU17", "AU23"), ("AU17", "AU23", "AU28")])
def test_mouths_that_speech_opens_are_kept_open(guard, units):
    plain = weights_of(jawOpen=0.3, mouthLowerDownLeft=0.1).expand(1, 10, 52)
    full = units_of(10, **dict.fromkeys(units, 5.0)) @ torch.from_numpy(au_to_arkit())
    acted = (0.7 * plain + full).clamp(0.0, 1.0)
    kept = guard(plain, acted, torch.zeros(1, 10))
    assert ((acted @ guard.gap_mm) < 0.65 * (plain @ guard.gap_mm)).all()
    # Seven tenths are what it goes for; its rounds end a little before.
    assert ((kept @ guard.gap_mm) > 0.62 * (plain @ guard.gap_mm)).all()


def test_guarded_weights_are_weights_and_change_only_where_they_must(guard):
    generator = torch.Generator().manual_seed(2)
    plain = 0.6 * torch.rand(3, 300, 52, generator=generator)
    acted = (plain + torch.rand(3, 300, 52, generator=generator) - 0.3).clamp(0.0, 1.0)
    kept = guard(plain, acted, torch.rand(3, 300, generator=generator))
    assert kept.min() >= 0.0 and kept.max() <= 1.0 and not torch.equal(kept, acted)
    for closure in (torch.zeros(3, 300), torch.ones(3, 300)):
        assert torch.equal(guard(plain, plain, closure), plain)
    brows = (plain + weights_of(browInnerUp=0.3, eyeBlinkLeft=0.4)).clamp(0.0, 1.0)
    assert torch.equal(guard(plain, brows, torch.ones(3, 300)), brows)


def test_lips_that_speech_presses_are_left_alone(guard):
    pressed = weights_of(mouthPressLeft=0.6, mouthPressRight=0.6, mouthRollLower=0.5)
    assert float(pressed @ guard.gap_mm) < 0.0
    for closure in (0.0, 1.0):
        assert torch.equal(guard(pressed, pressed, torch.full((1, 1), closure)), pressed)


def test_nothing_asked_is_nothing_done(performer):
    plain, features = spoken()
    assert not performer.perform(plain, features, units_of(batch=2), rng()).any()


def test_without_variation_there_is_one_performance_and_with_it_many(performer, guard):
    plain, features = spoken()
    units, one = units_of(batch=2, AU01=2.0, AU12=3.0), Performer(guard, NONE)
    assert torch.equal(
        one.perform(plain, features, units, rng(1)), one.perform(plain, features, units, rng(2))
    )
    first, again, other = (performer.perform(plain, features, units, rng(s)) for s in (1, 1, 2))
    assert torch.equal(first, again) and (first - other).abs().max() > 0.02
    shape = ARKIT_INDEX["browInnerUp"]
    assert first[:, :, shape].std(1).min() > 0.0
    assert (first - other)[:, :, shape].abs().mean() < 0.15


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_each_unit_raises_its_own_shapes(guard, unit):
    own = torch.from_numpy(3.0 * au_to_arkit()[ACTION_UNITS.index(unit)])
    found = Performer(guard, NONE).perform(*silent(), units_of(**{unit: 3.0}), rng()).mean((0, 1))
    free = own > 0
    if unit == "AU28":
        # On shut lips the guard lets no roll press them into each other.
        assert (found[free] > 0.5 * own[free]).all()
    else:
        assert torch.allclose(found[free], own[free], atol=0.05)
    # What the guard takes from or gives to the jaw so that lips at rest neither part nor overlap.
    assert found[~free].abs().max() < 0.1


def test_both_sides_act_alike_but_for_their_variation(performer, guard):
    left = [i for i, name in enumerate(ARKIT_BLENDSHAPES) if name.endswith("Left")]
    right = [ARKIT_INDEX[ARKIT_BLENDSHAPES[i].replace("Left", "Right")] for i in left]
    given = (*silent(), units_of(AU12=4.0, AU04=2.0, AU45=5.0))
    same = Performer(guard, NONE).perform(*given, rng())
    assert torch.allclose(same[:, :, left], same[:, :, right], atol=2e-3)
    other = performer.perform(*given, rng())
    apart = (other[:, :, left] - other[:, :, right]).abs().amax((0, 1))
    assert apart.max() > 0.01
    assert apart[left.index(ARKIT_INDEX["eyeBlinkLeft"])] < 1e-6


def test_articulation_comes_first(guard):
    performer = Performer(guard, NONE)

    def smile(plain, features, **units):
        return performer.perform(plain, features, units_of(**units), rng())[0, 50]

    quiet, features = silent()
    rounded = quiet + weights_of(mouthPucker=0.7, mouthFunnel=0.2)
    alone = smile(quiet, features, AU12=4.0)[SMILE]
    assert smile(rounded, features, AU12=4.0)[SMILE] < 0.7 * alone
    touching = features.clone()
    touching[:, :, CLOSURE] = 1.0
    lower = ARKIT_INDEX["mouthLowerDownLeft"]
    parted = smile(quiet, features, AU25=4.0)[lower]
    assert parted > 0.4 and smile(quiet, touching, AU25=4.0)[lower] < 0.15 * parted
    wide = quiet + weights_of(jawOpen=0.8)
    jaw = ARKIT_INDEX["jawOpen"]
    assert smile(wide, features, AU26=3.0)[jaw] < 0.7 * smile(quiet, features, AU26=3.0)[jaw]


def test_accents_lift_what_is_acted(performer):
    plain, features = silent(batch=32)
    accented = features.clone()
    accented[:, 40:60, ACCENT] = 1.0
    units, brow = units_of(batch=32, AU01=2.0), ARKIT_INDEX["browInnerUp"]
    still, lifted = (
        performer.perform(plain, f, units, rng(3))[:, :, brow] for f in (features, accented)
    )
    assert (lifted - still)[:, 45:55].mean() > 0.03
    assert torch.equal(lifted[:, :40], still[:, :40])


def test_directions_are_intensities_and_follow_from_their_seed():
    captured = [np.full((300, 18), 2.0, np.float32)]
    for seed in range(200):
        drawn = sample_direction(rng(seed), 150, captured)
        assert drawn.shape == (150, 18) and drawn.dtype == np.float32
        assert drawn.min() >= 0.0 and drawn.max() <= 5.0
        if seed % 20 == 0:
            assert np.array_equal(drawn, sample_direction(rng(seed), 150, captured))


def test_every_kind_of_direction_is_drawn():
    marked = np.zeros((300, 18), np.float32)
    marked[:, :] = np.linspace(1.0, 1.5, 18)
    counts = dict.fromkeys(("plain", "single", "captured", "more"), 0)
    for seed in range(600):
        acting = (sample_direction(rng(seed), 100, [marked]) > 0).any(0).sum()
        counts[{0: "plain", 1: "single", 18: "captured"}.get(int(acting), "more")] += 1
    share = {kind: count / 600 for kind, count in counts.items()}
    kinds = directions.KINDS
    assert share["captured"] == pytest.approx(kinds["captured"], abs=0.06)
    assert share["plain"] == pytest.approx(kinds["plain"], abs=0.09)
    assert 0.15 < share["single"] < 0.35 and share["more"] > 0.3


def test_without_captured_faces_something_else_is_drawn():
    kinds = [sample_direction(rng(seed), 60, []).any() for seed in range(200)]
    assert np.mean(kinds) > 0.75


def test_many_blinks_are_short():
    closed = [sample_direction(rng(seed), 250, [])[:, BLINK] for seed in range(800)]
    closed = [curve for curve in closed if curve.max() > 2.5]
    short = [curve for curve in closed if (curve > 0.5).mean() < 0.5]
    assert len(closed) > 20 and len(short) > 0.4 * len(closed)
    assert all(np.abs(np.diff(curve)).max() < 3.0 for curve in short)


def test_labels_say_which_emotion_and_nothing_else():
    for seed in range(60):
        units, labels = labelled_direction(rng(seed), 80)
        assert units.shape == (80, 18) and labels.shape == (80, len(EMOTIONS))
        assert set(np.unique(labels)) <= {0.0, 5.0} and (labels > 0).any(0).sum() <= 1
        if not labels.any():
            assert units.max() < 1.0
            continue
        wanted = prototype(EMOTIONS[int(labels.any(0).argmax())])
        assert not units[:, wanted == 0].any()
