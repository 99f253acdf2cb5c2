"""Personal motion: what is learned of a talking person beyond the universal code, and how it is exported."""

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from gaussian_heads.core.avatar import Avatar, AvatarContents, arkit_controls, write_avatar  # noqa: E402
from gaussian_heads.core.avatar.motion import track_motion  # noqa: E402
from gaussian_heads.core.camera import Camera, intrinsics, look_at  # noqa: E402
from gaussian_heads.core.measure import signed_lip_gap  # noqa: E402
from gaussian_heads.core.spaces import ARKIT_INDEX  # noqa: E402
from gaussian_heads.core.speech import HeardSpeech  # noqa: E402
from gaussian_heads.core.speech.prosody import Prosody  # noqa: E402
from gaussian_heads.training.export import export_onnx  # noqa: E402
from gaussian_heads.training.networks.personal_motion import (  # noqa: E402
    GATES,
    Fusion,
    Listener,
    MotionShape,
    PersonalMotion,
    TriPlanes,
)
from gaussian_heads.training.personalization import motion as motion_module  # noqa: E402
from gaussian_heads.training.personalization.motion import MotionSettings, fit_motion  # noqa: E402
from gaussian_heads.training.personalization.motion_fit import (  # noqa: E402
    MotionFit,
    split_in_time,
)
from gaussian_heads.training.personalization.motion_places import mouth_places  # noqa: E402
from gaussian_heads.training.personalization.motion_sound import (  # noqa: E402
    OFFSETS_SEC,
    Spoken,
    chosen,
    heard_channels,
    spoken,
)
from gaussian_heads.training.personalization.motion_targets import (  # noqa: E402
    Crop,
    distil,
    lip_gaps_mm,
)
from gaussian_heads.training.personalization.subject import SubjectFrame, VideoSubject  # noqa: E402
from gaussian_heads.training.prior_person import NeutralScan  # noqa: E402
from gaussian_heads.training.prior_settings import TrainingError  # noqa: E402

from ..core.small_heads import NECK_PIVOT, small_head, small_info  # noqa: E402

SHAPE = MotionShape(dim=4, hidden=8, listening=12, levels=(4, 8))
QUICK = MotionSettings(
    shape=SHAPE, steps=60, picture_steps=4, batch_frames=8, batch_places=60, check_steps=10,
    checkpoint_steps=20, rate=1e-2,
)  # fmt: skip
HEAD = small_head(400)
JAW, PUCKER = ARKIT_INDEX["jawOpen"], ARKIT_INDEX["mouthPucker"]
RATE_HZ, SECONDS = 100, 4


class SmallHead(torch.nn.Module):
    """The egg of the tests as a decoder in torch."""

    has_sh = False

    def __init__(self) -> None:
        super().__init__()
        self.neck_weights = HEAD.rig.neck_weights
        for name in ("means", "colors", "quats"):
            self.register_buffer(name, torch.from_numpy(HEAD.neutral[name]))
        self.register_buffer("scales", torch.exp(torch.from_numpy(HEAD.neutral["log_scales"])))
        self.register_buffer("points", torch.from_numpy(HEAD.landmarks))
        for name in ("means_basis", "colors_basis", "landmark_basis"):
            basis = getattr(HEAD, name)
            self.register_buffer(name, torch.from_numpy(basis.reshape(len(basis), -1)))

    def forward(self, code):
        still = 0.0 * code[0]
        return (
            self.means + (code @ self.means_basis).reshape(-1, 3),
            self.quats + still,
            self.scales + still,
            torch.full((len(self.means),), 0.95) + still,
            (self.colors + (code @ self.colors_basis).reshape(-1, 3)).clamp(0, 1),
            self.points + (code @ self.landmark_basis).reshape(-1, 3),
        )


def heard_speech():
    """Syllables that open the jaw, some of them rounded, with a silent end."""
    times = (np.arange(SECONDS * RATE_HZ) + 0.5) / RATE_HZ
    arkit = np.zeros((len(times), 52), np.float32)
    awake = (times < SECONDS - 1.0).astype(np.float32)
    arkit[:, JAW] = awake * (0.3 + 0.3 * np.sin(9.0 * times))
    arkit[:, PUCKER] = awake * np.clip(np.sin(4.0 * times + 1.0), 0, 1) * 0.5
    closure = np.zeros(len(times), np.float32)
    empty = np.zeros(0)
    prosody = Prosody(float(SECONDS), np.array([[0.0, 3.0]]), empty, empty, empty)
    return HeardSpeech.of(arkit, closure, RATE_HZ, prosody, duration_sec=Fraction(SECONDS))


def own_weights(layer):
    """How this person speaks: the jaw opens half as far again, a rounded mouth smiles to the left."""
    weights = layer.copy()
    weights[:, JAW] *= 1.5
    weights[:, ARKIT_INDEX["mouthSmileLeft"]] += layer[:, PUCKER]
    return weights


@pytest.fixture(scope="module")
def head():
    return SmallHead()


@pytest.fixture(scope="module")
def subject(head):
    layer = heard_speech().perform(fps=Fraction(25)).layers["speech"]
    camera = Camera(
        look_at(np.array([0.0, -0.04, 0.5]), np.array([0.0, -0.04, 0.0]), np.array([0.0, 1.0, 0.0])),
        intrinsics(120.0, 64, 64), 64, 64,
    )  # fmt: skip
    rgba = np.full((64, 64, 4), 255, np.uint8)
    frames = [
        SubjectFrame(f"v{i:04d}", i / 25, rgba, camera, code, np.zeros(6, np.float32), 1.0, i >= 90)
        for i, code in enumerate(own_weights(layer))
    ]
    empty = np.zeros((0, 3))
    scan = NeutralScan(empty, np.zeros((2, 2, 3)), {}, np.zeros((2, 3)), np.array(NECK_PIVOT))
    return VideoSubject(tuple(frames), scan, np.ones((2, 2), np.float32))


@pytest.fixture
def no_listening(monkeypatch):
    monkeypatch.setattr(motion_module, "listen", lambda waveform, rate: heard_speech())


SOUND = (np.zeros(16, np.float32), 16000)


def test_planes_sample_bilinearly():
    planes = TriPlanes((4,))
    with torch.no_grad():
        grid = torch.arange(25.0).reshape(5, 5)
        planes.table.copy_(grid.flatten().repeat(3))
    points = np.array([[0.0, 0.0, 0.0], [0.5, 0.25, 1.0], [1.0, 1.0, 1.0]])
    found = planes(*planes.taps(points)).detach().numpy()
    # Feature = column + 5 * row of the plane's two axes, in cells.
    x, y, z = (4 * points).T
    np.testing.assert_allclose(found, np.stack([x + 5 * y, y + 5 * z, x + 5 * z], 1), atol=1e-5)


@pytest.mark.parametrize("gate", GATES)
def test_no_sound_no_deformation(gate):
    torch.manual_seed(1)
    network = PersonalMotion(replace(SHAPE, gate=gate), 20, 3)
    places, reach = torch.randn(50, 8), torch.ones(50)
    with torch.no_grad():
        network.fusion.narrowed.weight.normal_()
        still = network(places, reach, torch.zeros(2, 4))
        moved = network(places, reach, torch.randn(2, 4))
        silent = network.listener(torch.zeros(3, 20))
    # Batches of other sizes are rounded differently.
    assert max(float(part.abs().max()) for part in still) < 1e-7
    assert not silent.any()
    assert all(part.abs().max() > 0 for part in moved)
    assert [tuple(part.shape) for part in moved] == [(2, 50, 3), (2, 50, 3), (2, 50, 1)]


def test_only_sound_alone_moves_every_place_alike():
    torch.manual_seed(1)
    places, vectors = torch.randn(50, 8), torch.randn(1, 4)
    for gate in GATES:
        with torch.no_grad():
            change = Fusion(replace(SHAPE, gate=gate))(places, vectors)[0]
        assert (change.std(dim=0).max() < 1e-6) == (gate == "sound")


def test_gates_lie_between_and_depend_on_both():
    torch.manual_seed(2)
    fusion = Fusion(SHAPE)
    places = torch.randn(9, 8)
    with torch.no_grad():
        one, two = (fusion.gates(places, fusion.sound(torch.randn(1, 4))[:, None]) for _ in "ab")
    assert 0 < one.min() and one.max() < 1
    assert (one - two).abs().max() > 1e-3 and one.std(dim=1).max() > 1e-3


def test_the_whole_network_is_small():
    planes, rest = PersonalMotion(MotionShape(), 8 * 26, 8).num_parameters()
    assert rest < 20_000 and planes < 60_000


def test_the_universal_code_is_the_sound_s_mouth_and_the_frame_s_eyes(subject):
    frames = list(subject.frames)
    blinking = frames[5].code.copy()
    blinking[ARKIT_INDEX["eyeBlinkLeft"]] = 0.7
    frames[5] = replace(frames[5], code=blinking)
    made = spoken(frames, heard_speech(), arkit_controls())
    layer = heard_speech().perform(fps=Fraction(25)).layers["speech"]
    np.testing.assert_allclose(made.universal[20], layer[20], atol=1e-3)
    assert made.universal[5, ARKIT_INDEX["eyeBlinkLeft"]] == pytest.approx(0.7)
    assert made.talks[20] == 1.0 and made.talks[-1] == 0.0
    assert list(heard_channels(made.windows)) == [JAW, PUCKER]
    window = chosen(made.windows, np.array([JAW])).reshape(-1, len(OFFSETS_SEC))
    np.testing.assert_allclose(window[20], layer[16:24, JAW], atol=1e-3)


def test_places_are_what_the_mouth_moves(head):
    mouth = mouth_places(head, arkit_controls(), np.full(52, 0.5))
    lower = HEAD.neutral["means"][mouth.rows]
    assert 20 < len(mouth.rows) < 300
    assert (lower[:, 2] > -0.1).all() and (lower[:, 1] < -0.03).all()
    reach = mouth.places.reach[len(mouth.rows) :]
    assert reach[66] == 1.0 and not reach[36:48].any()
    assert mouth.places.points.min() >= -2 and mouth.places.manner.shape[1] == 8


def test_targets_are_the_difference_of_both_codes(head, subject):
    made = spoken(subject.fitted_frames[:30], heard_speech(), arkit_controls())
    mouth = mouth_places(head, arkit_controls(), np.full(52, 0.5))
    targets = distil(head, made, mouth)
    i = 20
    own, plain = (head(torch.from_numpy(c)) for c in (made.frames[i].code, made.universal[i]))
    moved = 1e-2 * targets.moves[i].float()
    np.testing.assert_allclose(moved[: len(mouth.rows)], (own[0] - plain[0])[mouth.rows], atol=2e-5)
    np.testing.assert_allclose(moved[len(mouth.rows) :], own[5] - plain[5], atol=2e-5)
    assert float(targets.gaps_mm[i]) == pytest.approx(
        1e3 * float(signed_lip_gap(own[5].numpy()[None])[0]), abs=1e-3
    )
    landmarks = torch.stack([own[5], plain[5]])
    wanted = 1e3 * signed_lip_gap(landmarks.numpy())
    np.testing.assert_allclose(lip_gaps_mm(landmarks), wanted, atol=1e-3)


def test_crops_show_the_mouth_through_the_same_lens(subject):
    frame = subject.frames[0]
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[...] = np.arange(64, dtype=np.uint8)[:, None, None]
    crop = Crop.about(pixels, frame.camera, HEAD.landmarks.astype(np.float64))
    shift = frame.camera.K[:2, 2] - crop.camera.K[:2, 2]
    assert crop.rgba[0, 0, 0] == shift[1] and crop.camera.width == crop.rgba.shape[1]
    assert float(crop.weights.mean()) == pytest.approx(1.0, abs=1e-5)
    far = HEAD.landmarks + np.float32([0.3, 0, 0])
    assert Crop.about(pixels, frame.camera, far.astype(np.float64)) is None


@pytest.fixture(scope="module")
def fitted(head, subject, tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setattr(motion_module, "listen", lambda waveform, rate: heard_speech())
    shares = []
    settings = replace(QUICK, steps=250, picture_steps=0)
    made = fit_motion(
        head, subject, SOUND, arkit_controls(), settings,
        work=tmp_path_factory.mktemp("fit"), progress=lambda share, preview=None: shares.append(share),
    )  # fmt: skip
    patch.undo()
    assert shares == sorted(shares) and shares[-1] == 1.0
    return made


def test_fitting_learns_the_person_s_way(fitted):
    scores = fitted.scores
    assert scores["personal_mm"] < 0.5 * scores["universal_mm"]
    assert scores["personal_gap_mm"] < 0.6 * scores["universal_gap_mm"]


def test_another_sound_does_not_fit(fitted, head, subject):
    made = spoken(subject.fitted_frames[:70], heard_speech(), arkit_controls())
    targets = distil(head, made, fitted.mouth)
    decoder = fitted.decoder(head)
    vectors = fitted.vectors(made.windows)
    lips = slice(len(fitted.mouth.rows) + 48, len(fitted.mouth.rows) + 68)
    wanted = 1e-2 * targets.moves[:, lips].float()
    errors = []
    for shift in (0, 9):
        moved = [
            decoder(torch.from_numpy(np.concatenate([code, vector])))[5][48:]
            - head(torch.from_numpy(code))[5][48:]
            for code, vector in zip(made.universal, np.roll(vectors, shift, 0), strict=True)
        ]
        errors.append(float((torch.stack(moved) - wanted).norm(dim=2).mean()))
    assert errors[0] < 0.7 * errors[1]


def test_the_package_decodes_what_was_learned(fitted, head, tmp_path):
    layer = heard_speech().perform(fps=Fraction(25))
    data = export_onnx(fitted.decoder(head), 52 + fitted.dim, has_half_floats=True)
    info = small_info(motion_dim=fitted.dim)
    write_avatar(tmp_path / "p.uhap", AvatarContents(info, data, HEAD.rig, motion=fitted.listener))
    avatar = Avatar.open(tmp_path / "p.uhap")
    vectors = track_motion(layer, avatar.motion)
    made = spoken(
        [SubjectFrame("", t, None, None, np.zeros(52, np.float32), None, 1.0) for t in (0.4, 1.2)],
        heard_speech(),
        arkit_controls(),
    )
    np.testing.assert_allclose(vectors[[10, 30]], fitted.vectors(made.windows), atol=2e-3)
    loud = int(layer.layers["speech"][:, JAW].argmax())
    code = layer.layers["speech"][loud]
    whole = torch.from_numpy(np.concatenate([code, vectors[loud]]))
    wanted = fitted.decoder(head)(whole)
    found = avatar.decode(whole.numpy())
    np.testing.assert_allclose(found.means, wanted[0], atol=1e-4)
    np.testing.assert_allclose(found.colors, wanted[4], atol=0.01)
    np.testing.assert_allclose(avatar.landmarks(whole.numpy()), wanted[5], atol=1e-4)
    plain = head(torch.from_numpy(code))
    assert np.abs(found.means - plain[0].numpy()).max() > 1e-3
    np.testing.assert_allclose(avatar.decode(code).means, plain[0], atol=1e-4)


def test_a_stopped_fit_goes_on_as_if_nothing_had_happened(
    head, subject, no_listening, tmp_path, monkeypatch
):
    def run(folder):
        return fit_motion(head, subject, SOUND, arkit_controls(), QUICK, work=folder)

    whole = run(tmp_path / "whole")
    follow = MotionFit.follow

    def interrupted(fit, item):
        if fit.step == 43:
            raise KeyboardInterrupt
        follow(fit, item)

    monkeypatch.setattr(MotionFit, "follow", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped")
    monkeypatch.setattr(MotionFit, "follow", follow)
    again = run(tmp_path / "stopped")
    assert again.scores == whole.scores
    for one, two in zip(again.network.parameters(), whole.network.parameters(), strict=True):
        torch.testing.assert_close(one, two)


def test_a_checkpoint_of_another_head_is_not_gone_on_from(head, subject, no_listening, tmp_path):
    brief = replace(QUICK, steps=4, picture_steps=0)
    fit_motion(head, subject, SOUND, arkit_controls(), brief, work=tmp_path)
    other = SmallHead()
    other.means_basis.mul_(2.0)
    shares = []
    fit_motion(
        other, subject, SOUND, arkit_controls(), brief,
        work=tmp_path, progress=lambda share, preview=None: shares.append(round(share, 3)),
    )  # fmt: skip
    assert shares[-4:] == [0.4, 0.6, 0.8, 1.0]


def test_what_is_checked_on_is_speech_and_not_the_silence_after_it():
    times_sec = np.arange(40) / 25
    frames = tuple(SimpleNamespace(time_sec=t) for t in times_sec[::-1])
    talks = np.where((times_sec > 0.3) & (times_sec < 1.1), 1.0, 0.1).astype(np.float32)[::-1]
    spoken = Spoken(frames, np.zeros((40, 1)), np.zeros((40, 1)), talks)
    training, held = split_in_time(spoken, 0.25)
    held_sec = np.array([frames[row].time_sec for row in held])
    # Of the 20 frames that speak the last five; what comes after them is learned from no more than they are.
    np.testing.assert_allclose(held_sec, times_sec[23:28])
    assert max(frames[row].time_sec for row in training) < held_sec.min() and len(training) == 23
    silent = Spoken(frames, spoken.windows, spoken.universal, 0.1 * talks)
    training, held = split_in_time(silent, 0.25)
    assert len(training) == 30 and len(held) == 10


def test_a_silent_film_is_refused(head, subject, monkeypatch, tmp_path):
    silent = HeardSpeech.of(
        np.zeros((400, 52), np.float32), np.zeros(400, np.float32), RATE_HZ,
        heard_speech().prosody, duration_sec=Fraction(SECONDS),
    )  # fmt: skip
    monkeypatch.setattr(motion_module, "listen", lambda waveform, rate: silent)
    with pytest.raises(TrainingError, match="Only 0 frames"):
        fit_motion(head, subject, SOUND, arkit_controls(), QUICK, work=tmp_path)


def test_the_listener_is_the_package_s(fitted):
    random = np.random.default_rng(3)
    layer = np.clip(random.normal(0.3, 0.3, (30, 52)), 0, 1).astype(np.float32)
    listener = Listener(fitted.listener.weights_in.shape[1], SHAPE.listening, SHAPE.dim)
    assert {k: v.shape for k, v in listener.state_dict().items()} == {
        k: v.shape for k, v in fitted.network.listener.state_dict().items()
    }
    stacked = np.concatenate(
        [layer[np.clip(np.arange(30) + step, 0, 29)] for step in range(-4, 4)], axis=1
    )
    np.testing.assert_allclose(
        fitted.listener.vectors(layer, Fraction(25)), fitted.vectors(stacked), atol=1e-5
    )
