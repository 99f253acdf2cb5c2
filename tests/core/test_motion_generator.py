"""The motion generator that ships: plain speech stays plain, units act, and lips that must touch do."""

import json
import time
import tracemalloc
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from gaussian_heads.core.assets import DIRECTION_MODEL, SAMPLE_SENTENCE, avatar_path
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.direction import ActingDirection, MotionGenerator, generator
from gaussian_heads.core.direction.features import heard_weights
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.measure import measure_landmarks
from gaussian_heads.core.spaces import ACTION_UNITS, ARKIT_BLENDSHAPES, au_to_arkit
from gaussian_heads.core.speech import HeardSpeech

from .tiny_direction import made_up_speech

pytestmark = pytest.mark.skipif(
    not DIRECTION_MODEL.is_file(), reason="this checkout has no trained motion generator"
)
# Units that part the lips, alone and all together.
PARTING = ("AU25", "AU26", "AU10", "AU09")
CONFLICTS = [(unit,) for unit in (*PARTING, "AU12")] + [(*PARTING, "AU12"), ACTION_UNITS]
# Of the plain clip's wide openings: up to here speech shuts the lips, and up to here acting leaves them shut. Frames
# of a track that are nearly shut may be those in which the lips part.
SHUT, SHUT_IN_TRACKS, STILL_SHUT = 0.05, 0.02, 0.15
ELSEWHERE = 0.05
# Below the cheeks muscles share lips and jaw; above them each has its own place.
LOWER = np.array([name.startswith(("mouth", "jaw", "nose")) for name in ARKIT_BLENDSHAPES])


@dataclass(frozen=True)
class Lips:
    """The gap of a built-in head's lips (mm), whose landmarks are linear in ARKit weights."""

    neutral: np.ndarray
    moves: np.ndarray
    contact_mm: float

    def gap_mm(self, weights):
        points = self.neutral + np.tensordot(weights, self.moves, 1)
        return measure_landmarks(points.astype(np.float32), self.neutral, self.contact_mm)[
            "lip_gap"
        ]


@pytest.fixture(scope="module")
def lips():
    avatar = Avatar.open(avatar_path("builtin:maya"))
    neutral = avatar.landmarks(np.zeros(avatar.code_dim, np.float32))
    moved = [avatar.landmarks(row) - neutral for row in avatar.control_offsets("arkit52")]
    return Lips(neutral, np.stack(moved), avatar.lip_contact_offset_mm)


@pytest.fixture(scope="module")
def heard(speech, sentence):
    return speech.listen(*sentence)


@pytest.fixture(scope="module")
def shipped():
    return MotionGenerator.open()


@pytest.fixture(scope="module")
def wide_mm(heard, lips):
    """How far the lips part where plain speech opens them widely."""
    return np.percentile(lips.gap_mm(heard_weights(heard)), 95)


def full(*units):
    return ActingDirection.constant(**dict.fromkeys(units, 5.0))


def during(phones, times_sec, margin_sec=0.0):
    """Which of the times lie in one of the sample sentence's phones."""
    spoken = json.loads(SAMPLE_SENTENCE.with_suffix(".phones.json").read_text("utf8"))
    inside = np.zeros(len(times_sec), bool)
    for name, begin, end in spoken:
        if name in phones:
            inside |= (times_sec >= begin - margin_sec) & (times_sec < end + margin_sec)
    return inside


@pytest.fixture(scope="module")
def shut(heard, lips, wide_mm):
    """Rows of /p b m/ in which plain speech shuts the lips."""
    times_sec = (np.arange(len(heard.levels)) + 0.5) / heard.rate_hz
    found = during("pbm", times_sec) & (lips.gap_mm(heard_weights(heard)) < SHUT * wide_mm)
    assert found.sum() > 80
    return found


def test_no_units_are_plain_speech_to_the_bit(shipped, heard):
    for seed, temperature in ((0, 1.0), (7, 3.0)):
        acted = shipped.act(heard, full(), seed=seed, temperature=temperature)
        assert acted.weights.shape == (len(heard.levels), 52) and not acted.weights.any()


def test_units_act_only_while_they_are_asked_for(shipped, heard):
    intensities = np.zeros((len(heard.levels), len(ACTION_UNITS)), np.float32)
    intensities[200:300, [ACTION_UNITS.index("AU12"), ACTION_UNITS.index("AU01")]] = 4.0
    weights = shipped.act(heard, ActingDirection(intensities, Fraction(heard.rate_hz))).weights
    assert not weights[:195].any() and not weights[305:].any()
    assert weights[200:300].max() > 0.5


def test_a_seed_is_one_performance_and_another_seed_another(shipped, heard):
    direction = full("AU01", "AU12")

    def acted(seed, temperature=1.0):
        return shipped.act(heard, direction, seed=seed, temperature=temperature).weights

    assert np.array_equal(acted(3), acted(3))
    assert np.abs(acted(3) - acted(4)).max() > 0.01
    assert np.array_equal(acted(3, 0.0), acted(4, 0.0))
    apart = [np.abs(acted(3, t) - acted(3, 0.0)).mean() for t in (0.3, 1.0)]
    assert 0.0 < apart[0] < apart[1]


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_each_unit_moves_its_own_shapes_and_no_other_part_of_the_face(shipped, heard, unit):
    own = 5.0 * au_to_arkit()[ACTION_UNITS.index(unit)]
    mean = shipped.act(heard, full(unit)).weights.mean(0)
    raised = mean[own > 0] / own[own > 0]
    # Lips part less while they speak, for articulation comes first.
    assert raised.min() > 0.3 and raised.max() < 1.2, raised
    unrelated = (own == 0) & ~(LOWER & LOWER[own.argmax()])
    assert np.abs(mean[unrelated]).max() < ELSEWHERE


def test_intensities_are_graded(shipped, heard):
    smile = ARKIT_BLENDSHAPES.index("mouthSmileLeft")
    shown = [
        shipped.act(heard, ActingDirection.constant(AU12=level)).weights[:, smile].mean()
        for level in (1.0, 2.0, 3.0, 4.0, 5.0)
    ]
    assert (np.diff(shown) > 0.1).all()


@pytest.mark.parametrize("units", CONFLICTS, ids=lambda units: "+".join(units)[:24])
def test_lips_that_speech_shuts_stay_shut(shipped, heard, lips, wide_mm, shut, units):
    plain, direction = heard_weights(heard), full(*units)
    gap = lips.gap_mm(plain + shipped.act(heard, direction).weights)
    assert gap[shut].max() < STILL_SHUT * wide_mm
    if set(units) & set(PARTING):
        offsets = lips.gap_mm(plain + direction.intensities @ au_to_arkit())
        assert np.median(offsets[shut]) > 2 * STILL_SHUT * wide_mm


@pytest.mark.parametrize("unit", ["AU28", "AU23"])
def test_mouths_that_speech_opens_stay_open(shipped, heard, lips, wide_mm, unit):
    plain = heard_weights(heard)
    gap = lips.gap_mm(plain)
    is_open = gap > 0.5 * wide_mm
    kept = lips.gap_mm(plain + shipped.act(heard, full(unit)).weights)[is_open] / gap[is_open]
    assert is_open.sum() > 150 and kept.min() > 0.6


@pytest.mark.parametrize("fps", [24, 25, 30, 60, Fraction(30000, 1001)])
def test_tracks_of_every_rate_keep_the_closures(shipped, heard, lips, wide_mm, fps):
    acted = shipped.act(heard, full(*PARTING))
    track = heard.perform(fps=Fraction(fps), acted=acted)
    assert list(track.layers)[-1] == "acting" and track.layers["acting"].dtype == np.float32
    plain = heard.perform(fps=Fraction(fps))
    assert "acting" not in plain.layers
    speech = track.layers["speech"]
    assert np.array_equal(speech, plain.layers["speech"])
    near = during("pbm", track.times_sec(), margin_sec=0.5 / float(fps))
    shut = near & (lips.gap_mm(speech) < SHUT_IN_TRACKS * wide_mm)
    assert shut.sum() > 0.8 * float(fps)
    gap = lips.gap_mm(speech + track.layers["acting"])
    assert gap[shut].max() < STILL_SHUT * wide_mm
    assert np.percentile(gap, 95) > wide_mm


def test_parts_of_a_track_are_the_whole_ones(shipped, heard):
    acted = shipped.act(heard, full("AU12", "AU04"))
    whole = heard.perform(fps=Fraction(25), acted=acted).layers["acting"]
    part = heard.perform(fps=Fraction(25), start_sec=2.0, num_frames=40, acted=acted)
    assert np.array_equal(part.layers["acting"], whole[50:90])


def test_saved_tracks_keep_what_is_acted(shipped, heard, tmp_path):
    track = heard.perform(fps=Fraction(30), acted=shipped.act(heard, full("AU12")))
    track.save(tmp_path / "track.npz")
    loaded = ExpressionTrack.load(tmp_path / "track.npz")
    assert list(loaded.layers) == list(track.layers)
    assert np.array_equal(loaded.layers["acting"], track.layers["acting"])
    assert np.array_equal(loaded.codes(), track.codes())


def test_stored_speech_is_acted_as_speech_just_heard(shipped, heard):
    stored = HeardSpeech.from_bytes(heard.to_bytes())
    one, other = (shipped.act(each, full("AU12"), seed=2) for each in (heard, stored))
    assert np.array_equal(one.weights, other.weights)


def test_pieces_do_not_show(shipped, monkeypatch):
    heard, direction = made_up_speech(3000, seed=4), full("AU12", "AU26", "AU01")
    whole = shipped.act(heard, direction, seed=1).weights
    monkeypatch.setattr(generator, "CHUNK_FRAMES", 200)
    assert np.abs(shipped.act(heard, direction, seed=1).weights - whole).max() < 1e-4


def test_landmarks_are_those_of_a_face_that_speaks_and_acts(shipped, heard):
    plain, smiling = (
        shipped.act(heard, each, with_landmarks=True).landmarks for each in (full(), full("AU12"))
    )
    assert plain.shape == (len(heard.levels), 68, 3)
    lifted_mm = 1000 * (smiling - plain)[:, [48, 54], 1].mean()
    brows_mm = 1000 * np.abs(smiling - plain)[:, 17:27].mean()
    assert lifted_mm > 2.0 and brows_mm < 0.5


def test_ten_minutes_take_little_time_and_memory(shipped):
    heard = made_up_speech(60_000)
    tracemalloc.start()
    try:
        begun_sec = time.monotonic()
        acted = shipped.act(heard, full("AU12", "AU25"))
        taken_sec = time.monotonic() - begun_sec
        most_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert acted.weights.shape == (60_000, 52) and np.isfinite(acted.weights).all()
    assert most_bytes < 8 * acted.weights.nbytes and taken_sec < 60.0
