# ruff: noqa: E402 (torch may be missing)
"""The lip-sync benchmark on several languages, on synthetic speech and of several networks."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="the training environment is not installed")

from .known_curves import GAPS_MM, clips_of, curves_of, one, spoken, values  # isort: skip (finds the benchmark)

import soundfile
from gaussian_heads.core.assets import SPEECH_MODEL
from gaussian_heads.training.speech_corpus import Shard
from lipsync.clips import listed_clips, synthetic_clips
from lipsync.command import main
from lipsync.curves import BenchmarkError
from lipsync.figures import less, phone_rows
from lipsync.phone_scores import score_phones
from lipsync.sources import MEASURED, TIMING

from ..core.small_heads import small_linear_avatar

RATE_HZ = 16000
IPA = ["_", "m", "y", "ɾ", "a", "p", "u", "t", "i", "_"]


def small_corpus(folder, languages=("en", "pl", "tr"), sentences=3):
    """Held-out shards of noises that are labelled as speech."""
    edges_sec = np.arange(len(IPA) + 1) / 10
    order = {"text": "", "voice": "v", "tempo": 1.0, "pitch": 0.5, "pitch_range": 0.5, "accent": 0}
    samples = round(edges_sec[-1] * RATE_HZ)
    row = {"samples": samples, "phones": IPA, "edges_sec": edges_sec.tolist()}
    row |= {"stress_sec": [], "phrase_end_sec": []}
    folder.mkdir()
    for language in languages:
        name = Shard("held_out", language, "espeak", 0, 0).name
        rows = [order | row | {"language": language} for _ in range(sentences)]
        (folder / f"{name}.json").write_text(json.dumps({"utterances": rows}), "utf8")
        sound = np.random.default_rng(len(language)).normal(0, 0.1, sentences * samples)
        soundfile.write(folder / f"{name}.flac", sound, RATE_HZ)
    return folder


def test_synthetic_speech_gives_as_many_clips_of_each_language(tmp_path):
    clips = synthetic_clips(small_corpus(tmp_path / "a", sentences=5), 3)
    assert [c.name for c in clips][:4] == ["en-0000", "en-0002", "en-0004", "pl-0000"]
    assert [c.language for c in clips] == ["en"] * 3 + ["pl"] * 3 + ["tr"] * 3
    assert [name for name, _, _ in clips[0].phones[1:4]] == ["M", "YY", "RR"]
    assert len(clips[0].waveform()) == len(IPA) * RATE_HZ / 10
    assert not np.array_equal(clips[0].waveform(), clips[1].waveform())
    with pytest.raises(BenchmarkError, match="no held-out speech in 'tr'"):
        synthetic_clips(small_corpus(tmp_path / "b", ("en", "pl")), 3)


def test_phones_that_english_lacks_count_as_what_the_lips_do():
    phones = spoken(["YY", "OE", "RR", "BH", "AA", "S"])
    scores = score_phones(curves_of(phones), phones)
    assert (scores.rounded.size, scores.spread.size) == (2, 1)
    assert scores.others_closed.size == 2  # RR and S, never BH


def test_languages_are_compared_with_english():
    def closed_in(language):
        clips = clips_of(3, language=language)
        good = [curves_of(c.phones) for c in clips]
        return clips, good

    (english, good), (turkish, bad) = closed_in("en"), closed_in("tr")
    bad = [replace(c, gap=np.maximum(c.gap, GAPS_MM["EH"])) for c in bad]
    found = values(phone_rows({MEASURED: one(good + bad, english + turkish)}, english + turkish, 0))
    assert found["closure_j_language_en"] == 1.0 and found["closure_j_language_tr"] == 0.0
    assert found["closure_j_language_tr_less_english"] == -1.0
    assert "closure_j_language_en_less_english" not in found
    assert found["others_closed_language_en"] == 0.0


def test_clips_are_written_for_other_programs(tmp_path, capsys):
    words = ["--synthetic", str(small_corpus(tmp_path / "corpus")), "--per-language", "2"]
    assert main([*words, "--write-clips", str(tmp_path / "clips")]) == 0
    path = tmp_path / "clips/clips.csv"
    assert capsys.readouterr().out.strip() == str(path)
    wanted, found = synthetic_clips(tmp_path / "corpus", 2), listed_clips(path)
    assert [(c.name, c.language, c.phones) for c in found] == [
        (c.name, c.language, c.phones) for c in wanted
    ]
    assert np.abs(found[1].waveform() - wanted[1].waveform()).max() < 1e-4


def test_networks_stand_side_by_side_with_their_differences(tmp_path, capsys):
    head = small_linear_avatar(tmp_path / "small.uhap")
    words = ["--synthetic", str(small_corpus(tmp_path / "corpus", sentences=2)), "--avatar", head]
    words += ["--model", f"a={SPEECH_MODEL}", "--model", f"b={SPEECH_MODEL}"]
    assert main([*map(str, words), "--json", "--write-curves", str(tmp_path / "curves")]) == 0
    row = json.loads(capsys.readouterr().out)["figures"]["closure_j"]
    assert row["a"] == row["b"] and row[less("b", "a")] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert len(list((tmp_path / "curves/b").glob("*.csv"))) == 6
    read = [*words[:4], "--curves", tmp_path / "curves/a", "--model", f"b={SPEECH_MODEL}"]
    assert main([*map(str, read)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Lip sync of ") and f"Less {MEASURED}, of the same clips:" in printed
    header = printed.splitlines()[2].split()
    assert header[:2] == [MEASURED, "b"] and TIMING.split()[0] in header
    assert main([*map(str, words), "--model", f"a={SPEECH_MODEL}"]) == 1
    assert "Two networks have one name" in capsys.readouterr().err
