# ruff: noqa: E402 (torch may be missing)
"""The mouth decoder: contacts, rounding, tongue, gains and how far it looks."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training environment is not installed")

from gaussian_heads.core.spaces import ARKIT_INDEX
from gaussian_heads.training.coarticulation_tables import CONTROLS, TARGETS
from gaussian_heads.training.speech_inventory import ALL_PHONES
from gaussian_heads.training.speech_visemes import MouthDecoder

JAW, CLOSE, PUCKER, TONGUE, ROLL, LOWER = (
    ARKIT_INDEX[name]
    for name in (
        "jawOpen",
        "mouthClose",
        "mouthPucker",
        "tongueOut",
        "mouthRollLower",
        "mouthLowerDownLeft",
    )
)
BILABIALS = ("P", "B", "M")
OPEN = ("AA", "AE", "AO", "AW", "AY", "EH")


def spoken(*phones):
    """Certain posteriors `[1, 44, F]` of (phone, frames) one after the other."""
    labels = np.repeat([ALL_PHONES.index(name) for name, _ in phones], [n for _, n in phones])
    return torch.nn.functional.one_hot(torch.tensor(labels), len(ALL_PHONES)).T[None].float()


def decode(*phones, effort=None, style=None):
    posteriors = spoken(*phones)
    if effort is not None:
        effort = torch.full((1, posteriors.shape[2]), effort)
    style = None if style is None else torch.tensor(style)
    arkit, closure = MouthDecoder()(posteriors, effort, style)
    return arkit[0].numpy(), closure[0].numpy()


def gap(arkit):
    """What parts the lips, in the jaw's units; `mouthClose` takes a fifth more than an equal jaw."""
    return arkit[:, JAW] - 1.18 * arkit[:, CLOSE] + 0.3 * arkit[:, LOWER]


def test_every_class_has_a_target_and_only_known_controls():
    assert set(TARGETS) == set(ALL_PHONES)
    assert all(set(target) <= set(CONTROLS) for target in TARGETS.values())


def test_silence_is_the_neutral_face():
    arkit, closure = decode(("SIL", 40))
    assert not arkit.any() and not closure.any()


@pytest.mark.parametrize("frames", [3, 4, 8])
@pytest.mark.parametrize("phone", BILABIALS)
def test_lips_close_between_open_vowels_in_fast_speech_too(phone, frames):
    arkit, closure = decode(("AA", 7), (phone, frames), ("AE", 7), (phone, frames), ("AA", 7))
    for start in (7, 14 + frames):
        assert closure[start : start + frames].max() > 0.9
        assert gap(arkit)[start : start + frames].min() < 0.05
    vowel = slice(7 + frames, 14 + frames)
    assert closure[vowel].min() < 0.4 and gap(arkit)[vowel].max() > 0.15


@pytest.mark.parametrize("phone", [p for p in ALL_PHONES if p not in (*BILABIALS, "BH")])
def test_lips_stay_apart_for_other_phones(phone):
    arkit, closure = decode(("AA", 12), (phone, 6), ("AA", 12))
    assert closure.max() == 0 and (phone in ("F", "V") or arkit[:, CLOSE].max() == 0)


def test_bilabial_fricatives_nearly_close():
    arkit, closure = decode(("AA", 12), ("BH", 7), ("AA", 12))
    assert 0.2 < closure.max() < 0.8 and gap(arkit).min() > 0.02


@pytest.mark.parametrize("frames", [3, 6])
@pytest.mark.parametrize("phone", ["F", "V"])
def test_the_lip_meets_the_teeth_in_fast_speech_too(phone, frames):
    arkit, closure = decode(("AA", 8), (phone, frames), ("AA", 8))
    middle = 8 + frames // 2
    assert closure.max() == 0
    assert arkit[middle, ROLL] > 0.4 and arkit[middle, LOWER] < 0.02
    parted = arkit[:, JAW] - arkit[:, CLOSE]
    assert parted[middle] < 0.2 * parted[1] and arkit[1, ROLL] < 0.01


def test_lips_round_before_the_rounded_sound_and_the_jaw_does_not():
    for phone in ("UW", "YY"):
        arkit, _ = decode(("S", 30), (phone, 15))
        assert arkit[25, PUCKER] > 0.15
        assert arkit[22, PUCKER] > 0.01
        assert arkit[22, JAW] == pytest.approx(arkit[5, JAW], abs=0.005)


def test_gains_scale_their_part_and_leave_closures_closed():
    phones = (("AA", 12), ("M", 4), ("UW", 12))
    usual, usual_closure = decode(*phones)
    slope = float(MouthDecoder().effort_slopes[CONTROLS.index("jawOpen")])
    for style in ([1.0, 2.0, 2.0, 2.0], [1.0, 0.2, 0.2, 0.2], [0.0, 1.5, 0.0, 2.0]):
        arkit, closure = decode(*phones, effort=1.4, style=style)
        assert np.array_equal(closure, usual_closure)
        assert gap(arkit)[13] < 0.06
        expected = np.clip(usual[4, JAW] * style[1] * (1.0 + 0.4 * slope * style[0]), 0.0, 1.0)
        assert arkit[4, JAW] == pytest.approx(expected, rel=1e-4)
    narrow, _ = decode(*phones, style=[1.0, 1.0, 1.0, 0.5])
    assert narrow[24, PUCKER] == pytest.approx(0.5 * usual[24, PUCKER], rel=1e-4)
    assert narrow[4, JAW] == pytest.approx(usual[4, JAW], rel=1e-4)


def test_a_louder_voice_opens_the_jaw_wider():
    jaws = [decode(("AA", 20), effort=effort)[0][10, JAW] for effort in (0.7, 1.0, 1.3)]
    assert jaws[0] < 0.8 * jaws[1] < 0.7 * jaws[2]


def test_a_frame_depends_on_nothing_outside_the_stated_frames():
    torch.manual_seed(0)
    decoder, middle = MouthDecoder(), 40
    assert decoder.future_frames <= 9
    posteriors = torch.softmax(3 * torch.randn(1, len(ALL_PHONES), 80), 1).requires_grad_()
    arkit, closure = decoder(posteriors)
    (arkit[0, middle].sum() + closure[0, middle]).backward()
    used = np.flatnonzero(posteriors.grad.abs().sum((0, 1)).numpy())
    assert used.min() >= middle - decoder.past_frames
    assert middle < used.max() <= middle + decoder.future_frames


def test_what_comes_is_read_from_what_is_known_of_it():
    torch.manual_seed(0)
    decoder, middle = MouthDecoder(), 40
    shape = (1, len(ALL_PHONES), 80)
    now, coming = (torch.softmax(3 * torch.randn(shape), 1).requires_grad_() for _ in range(2))
    arkit, closure = decoder(now, coming=coming)
    (arkit[0, middle].sum() + closure[0, middle]).backward()
    settled, early = (np.flatnonzero(x.grad.abs().sum((0, 1)).numpy()) for x in (now, coming))
    assert settled.max() == middle + decoder.settled_frames < middle + decoder.future_frames
    assert (
        early.max() == middle + decoder.future_frames
        and early.min() > middle - decoder.settled_frames
    )
    same = MouthDecoder()(now)[0]
    assert torch.allclose(same, decoder(now, coming=now)[0]) and not torch.allclose(same, arkit)


def test_gradients_tell_a_network_to_close_the_lips():
    logits = 2.0 * spoken(("AA", 10), ("N", 5), ("AA", 10))
    logits.requires_grad_()
    _, closure = MouthDecoder()(torch.softmax(logits, 1))
    (1.0 - closure[0, 12]).backward()
    change = -logits.grad[0, :, 12]
    assert set(np.argsort(change.numpy())[-3:]) == {ALL_PHONES.index(p) for p in BILABIALS}
    assert change.max() > 1e-4


def test_the_tongue_shows_between_the_teeth_and_fills_the_mouth_behind_them():
    shown = {p: decode(("AH", 10), (p, 8), ("AH", 10))[0][13, TONGUE] for p in ALL_PHONES}
    assert shown["TH"] > 0.25 and shown["DH"] > 0.18
    behind = ("T", "D", "N", "L", "RR")
    assert all(0.03 < shown[p] < 0.15 for p in behind)
    assert max(shown[p] for p in ALL_PHONES if p not in ("TH", "DH", *behind)) == 0


@pytest.mark.filterwarnings("default")
def test_it_can_be_exported_with_any_number_of_frames(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript", reason="the training environment is not installed")
    torch.manual_seed(0)
    inputs = torch.rand(1, len(ALL_PHONES), 60), torch.rand(1, 60) + 0.5, torch.ones(4)
    frames = torch.export.Dim("frames", min=2, max=100_000)
    path = tmp_path / "decoder.onnx"
    torch.onnx.export(
        MouthDecoder().eval(),
        inputs,
        path,
        dynamic_shapes=({2: frames}, {1: frames}, None),
        input_names=["posteriors", "effort", "style"],
        opset_version=18,
        dynamo=True,
        verbose=False,
    )
    session = onnxruntime.InferenceSession(path)
    posteriors, effort = torch.rand(1, len(ALL_PHONES), 33), torch.rand(1, 33) + 0.5
    style = torch.tensor([0.5, 1.2, 0.8, 1.1])
    values = {"posteriors": posteriors, "effort": effort, "style": style}
    found = session.run(None, {name: value.numpy() for name, value in values.items()})
    expected = MouthDecoder()(posteriors, effort, style)
    for one, other in zip(found, expected, strict=True):
        assert np.abs(one - other.numpy()).max() < 1e-5
