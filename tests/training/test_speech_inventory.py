"""Phones of all languages: what they do with the mouth, and that every voice's phones are known."""

import pytest
from gaussian_heads.training.speech_engines import EspeakEngine
from gaussian_heads.training.speech_inventory import (
    ALL_PHONES,
    ARPABET_TO_IPA,
    ENGLISH_CLASS,
    SYMBOLS,
    UnknownPhoneError,
    features,
    parts,
)
from gaussian_heads.training.speech_languages import (
    ESPEAK_VOICES,
    HELD_OUT_LANGUAGES,
    LANGUAGES,
    SPLITS,
    sentences,
)
from gaussian_heads.training.speech_phones import PHONES
from gaussian_heads.training.speech_synthesis import Espeak

needs_espeak = pytest.mark.skipif(not EspeakEngine.available(), reason="espeak-ng is not installed")


def shape(ipa, language=""):
    (part,) = parts(ipa, language)
    return part.articulation


def classes(ipa, language=""):
    return [part.phone for part in parts(ipa, language)]


def test_the_forty_classes_of_the_network_come_first_and_the_new_ones_have_an_english_neighbour():
    assert ALL_PHONES[: len(PHONES)] == PHONES
    assert len(set(ALL_PHONES)) == len(ALL_PHONES) == 44
    assert set(ENGLISH_CLASS) == set(ALL_PHONES) and set(ENGLISH_CLASS.values()) == set(PHONES)


def test_every_symbol_has_a_class_and_features_in_range():
    for symbol, (phone, articulation) in SYMBOLS.items():
        assert phone in ALL_PHONES, symbol
        assert all(0.0 <= value <= 1.0 for value in features(articulation)), symbol


def test_front_rounded_vowels_have_the_lips_of_u_and_the_jaw_of_i():
    assert shape("y").rounding == shape("u").rounding and shape("y").jaw == shape("i").jaw
    assert shape("ø").rounding == shape("o").rounding and shape("ø").jaw == shape("e").jaw
    assert shape("y").front == shape("i").front > shape("u").front


def test_only_bilabials_touch_and_bilabial_fricatives_nearly():
    touching = {s for s, (_, a) in SYMBOLS.items() if a.closure == 1.0}
    assert touching == set("pbmʙ")
    assert {s for s, (phone, _) in SYMBOLS.items() if phone in ("P", "B", "M")} == touching
    assert shape("w").closure < shape("β").closure == shape("ɸ").closure < 1.0
    assert {s for s, (_, a) in SYMBOLS.items() if a.lip_teeth} == set("fvɱʋ")


def test_affricates_close_before_they_hiss_or_bite():
    assert classes("pf") == ["P", "F"]
    stop, hiss = parts("ts")
    assert stop.articulation.tip == 1.0 and not stop.articulation.sibilant
    assert hiss.articulation.sibilant == 1.0
    assert classes("tʃ") == classes("ʈʂʰ")[:2] == ["CH", "CH"]
    english, mandarin = parts("tʃ")[1].articulation, parts("ts.h")[1].articulation
    assert english.rounding > mandarin.rounding > parts("tɕ")[1].articulation.rounding


def test_aspiration_opens_the_lips_within_the_stop():
    stop, breath = parts("pʰ")
    assert (stop.articulation.closure, breath.articulation.closure) == (1.0, 0.0)
    assert stop.share > breath.share and stop.share + breath.share == pytest.approx(1.0)
    assert parts("ph") == parts("pʰ")


def test_marks_change_what_they_say():
    assert shape("kː").hold > shape("k").hold
    assert shape("ɑ̃").nasal == 1.0 and shape("ã").nasal == 1.0
    assert shape("tʲ").front == 1.0 and shape("tʷ").rounding > 0.5
    assert shape("ɯ").rounding < shape("ɯᵝ").rounding < shape("u").rounding
    assert shape("ʔ").strength == 0.0 < shape("k").strength < shape("p").strength


def test_letters_mean_what_the_language_means():
    assert classes("a", "en") == ["AE"] and classes("a", "it") == ["AA"]
    assert shape("y", "ru").rounding == 0.0 < shape("y", "fr").rounding
    assert classes("aɪ") == ["AY", "AY"] and classes("iou")[1:] == ["OW", "OW"]


def test_unknown_letters_are_refused_and_pauses_are_silence():
    with pytest.raises(UnknownPhoneError, match="ʘ"):
        parts("ʘa")
    assert classes("_") == classes("") == ["SIL"] and parts("(en)") == ()


def test_english_labels_of_flite_and_festival_keep_their_class():
    for name in PHONES:
        assert {ENGLISH_CLASS[c] for c in classes(ARPABET_TO_IPA[name])} == {name}


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_are_many_and_unlike_each_other(language):
    texts = sentences(language)
    assert len(texts) >= 40 and len(set(texts)) == len(texts)
    assert not any(c.isdigit() for text in texts for c in text) or language == "cmn"
    assert 3 * min(map(len, texts)) < max(map(len, texts))


def test_held_out_languages_and_voices_are_heard_in_no_training():
    training, held_out = SPLITS["training"], SPLITS["held_out"]
    assert len(set(LANGUAGES) - set(HELD_OUT_LANGUAGES)) >= 8 and len(HELD_OUT_LANGUAGES) == 2
    for language in LANGUAGES:
        for voice in ("slt", "awb", "f1", "f4"):
            assert training.allows(language, voice) != held_out.allows(language, voice)
        assert not training.allows(language, "awb")
        assert training.allows(language, "slt") == (language not in HELD_OUT_LANGUAGES)


@needs_espeak
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_phoneme_that_the_voices_say_is_known(language):
    espeak = Espeak()
    said = set()
    for voice in ESPEAK_VOICES[language]:
        espeak.choose(voice)
        for text in sentences(language):
            said |= {name for name, _ in espeak.say(text, 170, 50, 50)[1]}
            said |= set(espeak.phonemes(text))
    heard = {part.phone for name in said for part in parts(name, language)}
    assert {"P", "M", "SIL"} <= heard <= set(ALL_PHONES)
    assert len(said) > 25
