# ruff: noqa: E402 (torch may be missing)
"""The sheet of an avatar that speaks, at the midpoints of phones."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training environment is not installed")
pytest.importorskip("PIL", reason="Pillow is not installed")

from gaussian_heads.core.assets import SPEECH_MODEL
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.speech import SpeechModel
from gaussian_heads.training.prior_settings import TrainingError
from gaussian_heads.training.speech_inventory import parts
from gaussian_heads.training.speech_sheet import (
    face_camera,
    heard_track,
    kind_of,
    moments,
    pictures,
    true_track,
)
from gaussian_heads.training.speech_unheard import (
    Sentence,
    recorded_sentences,
    synthetic_sentences,
)

from ..core.small_heads import small_linear_avatar


def sentence(names, language="fr", seed=0):
    phones = [(name, 0.1 * i, 0.1 * (i + 1)) for i, name in enumerate(names)]
    sound = np.random.default_rng(seed).normal(0, 0.1, 1600 * len(names)).astype(np.float32)
    return Sentence("text", "voice", language, sound, phones)


@pytest.mark.parametrize(
    ("ipa", "kind"),
    [
        *(("p", "shut"), ("m", "shut"), ("f", "bite"), ("y", "rounded"), ("u", "rounded")),
        *(("a", "open"), ("i", "spread"), ("s", "hiss"), ("ʃ", "hush"), ("k", "other")),
    ],
)
def test_what_is_seen_of_a_phone(ipa, kind):
    assert kind_of(parts(ipa)[0].articulation) == kind


def test_every_kind_has_its_turn_and_pictures_stand_in_the_order_of_speech():
    spoken = [sentence("_aaaaaaaap_"), sentence(["k", *"aaaaaa", "u"])]
    found = moments(spoken, 6)
    assert [m.kind for m in found].count("open") == 3
    assert {"shut", "other", "rounded"} < {m.kind for m in found}
    places = [(m.sentence, m.time_sec) for m in found]
    assert places == sorted(places) and len(set(places)) == 6
    assert next(m for m in found if m.kind == "shut").time_sec == pytest.approx(0.95)
    assert len(moments(spoken, 100)) == 17


def test_pictures_show_the_face_at_the_phones(tmp_path):
    avatar = Avatar.open(small_linear_avatar(tmp_path / "small.uhap"))
    points = avatar.landmarks(np.zeros(avatar.code_dim, np.float32))
    camera = face_camera(avatar, 64)
    seen = points[17:] @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    pixels = seen @ camera.K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    assert pixels[:, 1].min() > 0 and pixels[:, 1].max() < 64
    spoken = [sentence("apaka", seed=seed) for seed in range(2)]
    shown = pictures(heard_track(SpeechModel.open(SPEECH_MODEL)), avatar, spoken, 4, 64)
    assert [p.pixels.shape for p in shown] == [(64, 64, 3)] * 4
    assert all(p.pixels.std() > 0.01 and p.gap_mm >= 0 < p.width_mm for p in shown)


def test_true_phones_shut_the_lips_where_they_are_said(tmp_path):
    avatar = Avatar.open(small_linear_avatar(tmp_path / "small.uhap"))
    spoken = [sentence("_apapa_")]
    shown = pictures(true_track, avatar, spoken, 5, 32)
    gaps = {kind: [p.gap_mm for p in shown if p.moment.kind == kind] for kind in ("shut", "open")}
    assert max(gaps["shut"]) < 0.5 * min(gaps["open"])


def test_what_training_heard_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="not kept out of training"):
        next(recorded_sentences(tmp_path, "reading_1", 5.0))
    with pytest.raises(TrainingError, match="no held-out sentence in 'fr'"):
        list(synthetic_sentences(tmp_path, "fr", 5.0))
