"""Synthetic speech: labels against the sound, stress, phrase ends, shards that can be gone on with."""

import functools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from gaussian_heads.training import speech_corpus, speech_festival
from gaussian_heads.training.speech_corpus import (
    Shard,
    check_settings,
    make_corpus,
    orders,
    plan,
    read_shard,
    texts_for,
)
from gaussian_heads.training.speech_engines import ENGINES, INSTALL, EspeakEngine
from gaussian_heads.training.speech_languages import HELD_OUT_VOICES, LANGUAGES, sentences
from gaussian_heads.training.speech_offsets import (
    band_energies_db,
    labels_late_sec,
    speech_to_measure,
)
from gaussian_heads.training.speech_phones import PHONES
from gaussian_heads.training.speech_spoken import (
    Order,
    Spoken,
    articulation_track,
    class_intervals,
    finish,
    matched_stress,
    part_intervals,
    without_slivers,
)

needs_espeak = pytest.mark.skipif(not EspeakEngine.available(), reason="espeak-ng is not installed")
LANGUAGES_OF = {"flite": ("en",), "festival": ("en", "it", "ru"), "espeak": LANGUAGES}
CASES = [(name, language) for name, its in LANGUAGES_OF.items() for language in its]


def spoken(engine, language, count):
    if not ENGINES[engine].available() or not ENGINES[engine]().voices(language):
        pytest.skip(f"{engine} has no voice of '{language}' here: {INSTALL[engine]}")
    return speech_to_measure(engine, language, count)


def test_slivers_join_the_phone_before_and_pauses_each_other():
    phones = [("a", 0.0, 0.004), ("b", 0.004, 0.1), ("c", 0.1, 0.105), ("_", 0.105, 0.2)]
    phones += [("_", 0.2, 0.4), ("d", 0.4, 0.5)]
    kept = [("b", 0.0, 0.105), ("_", 0.105, 0.4), ("d", 0.4, 0.5)]
    assert without_slivers(phones) == kept


def test_labels_are_shifted_cover_the_sound_and_the_peak_stays_below_one():
    waveform = np.full(16_000, 1.5, np.float32)
    one = finish(Order("x", "en", "v"), waveform, [("m", 0.2, 0.5), ("a", 0.5, 0.9)], [0.5], 0.05)
    edges = [edge for phone in one.phones for edge in phone[1:]]
    assert [name for name, _, _ in one.phones] == ["_", "m", "a", "_"]
    assert edges == pytest.approx([0, 0.15, 0.15, 0.45, 0.45, 0.85, 0.85, 1.0])
    assert one.stress == [0.45] and one.phrase_end == pytest.approx([0.85])
    assert np.abs(one.waveform).max() < 1.0


def test_stress_is_found_where_words_of_other_phones_lie_between():
    phones = [(n, i * 0.1, i * 0.1 + 0.1) for i, n in enumerate("_ m ʌ ð ɚ _ b eɪ k s".split())]
    assert matched_stress(phones, "m ˈʌ ð ə b ˈeɪ k s".split(), "en") == pytest.approx([0.2, 0.7])


def test_classes_and_features_of_parts():
    phones = [("_", 0.0, 0.1), ("pf", 0.1, 0.2), ("aɪ", 0.2, 0.4), ("y", 0.4, 0.5)]
    names = [name for name, _, _ in class_intervals(phones, "de")]
    assert names == ["SIL", "P", "F", "AY", "YY"]
    assert {n for n, _, _ in class_intervals(phones, "de", english_only=True)} <= set(PHONES)
    track = articulation_track(phones, "de", 100.0, 50)
    assert track.shape == (50, 13) and track[12, 0] == 1.0 and track[17, 1] == 1.0
    assert track[45, 2] == 1.0 and not track[5, :3].any()


def test_a_known_shift_of_the_labels_is_measured():
    rng = np.random.default_rng(0)
    time_sec = np.arange(32_000) / 16_000
    vowel = (time_sec % 0.4) < 0.2
    hiss = np.diff(rng.normal(0, 0.05, 32_001))
    waveform = np.where(vowel, 0.3 * np.sin(2 * np.pi * 600 * time_sec), hiss).astype(np.float32)
    edges = np.arange(0, 2.01, 0.2)
    for late_sec in (-0.02, 0.0, 0.013):
        phones = [
            ("ɑ" if i % 2 == 0 else "s", max(start + late_sec, 0.0), end + late_sec)
            for i, (start, end) in enumerate(zip(edges[:-1], edges[1:], strict=True))
        ]
        one = Spoken(Order("", "en", ""), waveform, phones, [], [])
        assert labels_late_sec([one]) == pytest.approx(late_sec, abs=0.0015)


@pytest.mark.parametrize("engine, language", CASES)
def test_labels_lie_on_the_sound(engine, language):
    utterances = spoken(engine, language, 6 if engine == "espeak" else 3)
    levels = {"ptk": [], "vowel": [], "sibilant": [], "pause": []}
    for one in utterances:
        assert np.isfinite(one.waveform).all() and 0.02 < np.abs(one.waveform).max() < 1.0
        assert one.phones[0][1] == 0.0
        assert one.phones[-1][2] == pytest.approx(len(one.waveform) / 16_000, abs=1e-6)
        for before, after in zip(one.phones, one.phones[1:], strict=False):
            assert before[2] == after[1] and before[2] - before[1] >= 0.0099
        hop_level_db, tilt_db = level_and_tilt_db(one.waveform)
        for phone, shape, start_sec, end_sec in part_intervals(one.phones, language):
            first = round(1000 * (0.75 * start_sec + 0.25 * end_sec))
            span = slice(first, max(first + 1, round(1000 * (0.3 * start_sec + 0.7 * end_sec))))
            if phone in ("P", "T", "K"):
                levels["ptk"].append(hop_level_db[span].min())
            elif phone == "SIL":
                levels["pause"].append(hop_level_db[span].mean())
            elif shape.vowel:
                levels["vowel"].append((hop_level_db[span].mean(), tilt_db[span].mean()))
            elif shape.sibilant:
                levels["sibilant"].append(tilt_db[span].mean())
    vowel_db, vowel_tilt_db = np.mean(levels["vowel"], 0)
    assert np.mean(levels["ptk"]) < vowel_db - 25
    assert np.mean(levels["pause"]) < vowel_db - 30
    assert np.mean(levels["sibilant"]) > vowel_tilt_db + 25
    assert abs(labels_late_sec(utterances)) < 0.012


def level_and_tilt_db(waveform):
    """Level against the loud parts, and sibilants' band against vowels' band, every millisecond."""
    bands = band_energies_db(waveform)
    power = np.convolve(waveform**2, np.ones(80) / 80, "same")[::16][: len(bands)]
    level_db = 10 * np.log10(power + 1e-9)
    return level_db - np.percentile(level_db, 95), bands[:, 0] - bands[:, 1]


@needs_espeak
def test_lips_of_a_voiceless_stop_close_where_the_sound_before_it_ends():
    (one,) = EspeakEngine().speak([Order("papa papa papa", "it", "m1")])
    level_db, _ = level_and_tilt_db(one.waveform)
    stops = [p for p in one.phones[2:] if p[0].startswith("p")]
    assert len(stops) == 5
    for _, start_sec, end_sec in stops:
        assert end_sec - start_sec > 0.05
        assert level_db[round(1000 * start_sec) + 8 : round(1000 * start_sec) + 25].max() < -30
    last = [end_sec for name, _, end_sec in one.phones if name != "_"][-1]
    assert len(one.stress) == 3 and one.phrase_end == [pytest.approx(last)]


def test_a_voice_that_stops_festival_loses_its_own_order_only(monkeypatch):
    def run(numbered, folder):
        for number, order in numbered:
            if order.text == "bad":
                return
            speech_festival.soundfile.write(folder / f"{number}.wav", np.zeros(1600), 16_000)
            (folder / f"{number}.part").write_text("pau 0.05 0\nm 0.1 1\n".replace(" ", "\t"))

    monkeypatch.setattr(speech_festival, "_run", run)
    texts = ["one", "bad", "two", "bad", "bad"]
    said = speech_festival.speak_festival([Order(t, "en", "kal_diphone") for t in texts])
    assert [(order.text, phones) for order, _, phones, _ in said] == [
        (text, [("_", 0.0, 0.05), ("m", 0.05, 0.1)]) for text in ("one", "two")
    ]


@needs_espeak
def test_more_hours_add_shards_and_held_out_ones_are_apart():
    few, many = (plan("training", LANGUAGES, hours, 0) for hours in (1.0, 3.0))
    assert many[: len(few)] == few and len(few) == 30 and len(set(many)) == 90
    languages = {shard.language for shard in many}
    assert len(languages) == 11 and not languages & {"pl", "tr"}
    kept = plan("held_out", LANGUAGES, 3.0, 0)
    assert {"pl", "tr", "en"} <= {shard.language for shard in kept}
    for shard in (many[0], next(s for s in kept if s.language == "de")):
        texts = texts_for(shard, [])
        voices = {order.voice for order, _ in zip(orders(shard, texts), range(200), strict=False)}
        assert voices and all((v in HELD_OUT_VOICES) == (shard.split == "held_out") for v in voices)
    german = [Shard(split, "de", "espeak", 0, 0) for split in ("training", "held_out")]
    said = [set(texts_for(shard, [])) for shard in german]
    assert not said[0] & said[1] and said[0] | said[1] == set(sentences("de"))


@needs_espeak
def test_a_shard_is_the_same_again_and_reads_as_it_was_said(tmp_path):
    shards = [Shard("training", "fr", "espeak", number, 7) for number in (3, 4)]
    minutes = make_corpus(shards, tmp_path / "a", [], 1, 0.2)
    make_corpus(shards[1:], tmp_path / "b", [], 1, 0.2)
    for suffix in (".flac", ".json"):
        first, again, other = (
            (tmp_path / folder / f"{shard.name}{suffix}").read_bytes()
            for folder, shard in (("a", shards[1]), ("b", shards[1]), ("a", shards[0]))
        )
        assert first == again != other
    assert 0.4 <= minutes < 0.7 and make_corpus(shards, tmp_path / "a", [], 1, 0.2) == 0.0
    read = [one for shard in shards for one in read_shard(tmp_path / "a" / f"{shard.name}.json")]
    (again,) = EspeakEngine().speak([read[0].order])
    assert again.order == read[0].order
    assert [n for n, _, _ in again.phones] == [n for n, _, _ in read[0].phones]
    assert len(again.waveform) == pytest.approx(len(read[0].waveform), abs=400)
    assert sum(len(one.waveform) for one in read) / 16_000 / 60 == pytest.approx(minutes)
    for one in read:
        assert one.phones[-1][2] == pytest.approx(len(one.waveform) / 16_000, abs=1e-4)
    assert all(one.phrase_end for one in read) and any(one.stress for one in read)


def test_a_folder_of_another_seed_is_refused(tmp_path):
    check_settings(tmp_path, 0, [])
    check_settings(tmp_path, 0, [])
    for seed, transcripts in ((1, []), (0, ["other"])):
        with pytest.raises(SystemExit, match="another seed"):
            check_settings(tmp_path, seed, transcripts)


def test_a_shard_that_fails_is_named_and_nothing_of_it_stays(tmp_path):
    shard = speech_corpus.Shard("training", "es", "nobody", 0, 0)
    with pytest.raises(SystemExit, match="'training-es-nobody.*could not be made"):
        speech_corpus.make_corpus([shard], tmp_path, [], jobs=1, minutes=0.1)
    assert not list(tmp_path.iterdir())


@needs_espeak
@pytest.mark.skipif(os.name == "nt", reason="sends the signal of Ctrl-C")
def test_ctrl_c_stops_and_the_same_command_goes_on(tmp_path):
    command = [sys.executable, "-m", speech_corpus.__name__, "--languages", "es", "--jobs", "1"]
    command += ["--out", str(tmp_path), "--hours"]
    environment = {k: v for k, v in os.environ.items() if k != "GAUSSIAN_HEADS_DATA"}
    # Where the tests run in a shell's background, interrupts would be ignored.
    heard = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        [*command, "50"],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        preexec_fn=heard,
    ) as process:
        until = time.monotonic() + 300
        while not list(tmp_path.glob("*.json"))[1:] and time.monotonic() < until:
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        assert "goes on" in process.communicate(timeout=300)[1]
    assert process.returncode == 1
    assert not list(tmp_path.glob(".*"))
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("training-*.json")}
    assert 1 <= len(made) < 1500
    hours = str(speech_corpus.SHARD_MINUTES / 60 * (len(made) + 1))
    subprocess.run(
        [*command, hours], env=environment, check=True, capture_output=True, cwd=tmp_path
    )
    after = {path: path.stat().st_mtime_ns for path in tmp_path.glob("training-*.json")}
    assert len(after) == len(made) + 1 and made.items() <= after.items()
    assert json.loads(next(iter(after)).read_text("utf8"))["language"] == "es"
