"""Makes hours of synthetic speech with exact phone times: three engines, thirteen languages, many voices.

Run: python -m gaussian_heads.training.speech_corpus --hours 10 --jobs 2
Stop it with Ctrl-C whenever you like: the same command goes on, and more hours add to what is there.

Two minutes of one engine and language are one shard, `<split>-<language>-<engine>-<number>.flac` (16 kHz)
with a `.json` of the same name: texts, voices, phones in IPA, stressed vowels, phrase ends. What is in a
shard depends on the seed and its name alone.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile

from ..core.audio import SPEECH_RATE_HZ
from ..core.files import replace_on_success
from . import DATA_VARIABLE
from .speech_engines import ENGINES, INSTALL, Engine
from .speech_languages import HELD_OUT_LANGUAGES, LANGUAGES, SPLITS, endless_texts, sentences
from .speech_spoken import Order, Spoken

LOG = logging.getLogger(__name__)
FORMAT = 1
SHARD_MINUTES = 2.0
ENGLISH_SHARE = 0.25  # the other languages share the rest equally
# How much of a language each engine says; the rest is espeak-ng's.
ENGINE_SHARES = {("en", "flite"): 0.35, ("en", "festival"): 0.25, ("it", "festival"): 0.4,
                 ("ru", "festival"): 0.25}  # fmt: skip
# Of languages that training hears, every sixth sentence is said only by held-out voices.
HELD_OUT_SENTENCE_STEP = 6
BATCH = 12  # orders given to an engine at once
SETTINGS = "corpus.json"


@dataclass(frozen=True)
class Shard:
    """One file of speech to be made."""

    split: str
    language: str
    engine: str
    number: int
    seed: int

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"{self.split}-{self.language}-{self.engine}-{self.number:04d}"


@cache
def _engine(name: str) -> Engine:
    return ENGINES[name]()


def sources(split: str, languages: tuple[str, ...]) -> dict[tuple[str, str], float]:
    """(language, engine) of all that this machine can make for a split, and the share of each."""
    others = [language for language in languages if language != "en"]
    shares: dict[tuple[str, str], float] = {}
    for language in languages:
        share = ENGLISH_SHARE if language == "en" and others else 1.0
        share = (
            (1.0 - ENGLISH_SHARE * ("en" in languages)) / len(others)
            if language in others
            else share
        )
        left = 1.0
        for engine in ("flite", "festival", "espeak"):
            part = left if engine == "espeak" else ENGINE_SHARES.get((language, engine), 0.0)
            if part and ENGINES[engine].available() and allowed_voices(split, language, engine):
                shares[language, engine] = share * part
                left -= part
    return shares


def allowed_voices(split: str, language: str, engine: str) -> list[str]:
    """The engine's voices that may be heard in this split."""
    voices = _engine(engine).voices(language)
    return [voice for voice in voices if SPLITS[split].allows(language, voice)]


def plan(split: str, languages: tuple[str, ...], hours: float, seed: int) -> list[Shard]:
    """Shards of so many hours; those of fewer hours come first, in the same order."""
    shares, made = sources(split, languages), Counter()
    total = sum(shares.values())
    shards = []
    for done in range(round(np.ceil(60.0 * hours / SHARD_MINUTES)) if shares else 0):
        behind = {key: share / total * (done + 1) - made[key] for key, share in shares.items()}
        language, engine = max(behind, key=lambda key: behind[key])
        shards.append(Shard(split, language, engine, made[language, engine], seed))
        made[language, engine] += 1
    return shards


def texts_for(shard: Shard, transcripts: list[str]) -> list[str]:
    """What a shard may say: English training speech reads transcripts where they are given."""
    if shard.language in HELD_OUT_LANGUAGES:
        return sentences(shard.language)
    if shard.language == "en" and shard.split == "training" and transcripts:
        return transcripts
    kept = [index % HELD_OUT_SENTENCE_STEP == 0 for index in range(10_000)]
    keep = shard.split == "held_out"
    return [t for t, k in zip(sentences(shard.language), kept, strict=False) if k == keep]


def orders(shard: Shard, texts: list[str]) -> Iterator[Order]:
    """Endless orders of a shard, always the same ones."""
    rng = np.random.default_rng([shard.seed, zlib.crc32(shard.name.encode())])
    voices = allowed_voices(shard.split, shard.language, shard.engine)
    for text in endless_texts(texts, rng):
        tempo = float(np.exp(rng.uniform(np.log(0.75), np.log(1.35))))
        pitch, pitch_range = (float(value) for value in rng.uniform(0.15, 0.85, 2))
        voice, accent = voices[rng.integers(len(voices))], int(rng.integers(60))
        yield Order(text, shard.language, voice, tempo, pitch, pitch_range, accent)


def make_shard(shard: Shard, folder: Path, transcripts: list[str], minutes: float) -> None:
    """Say and write a shard of so many minutes."""
    spoken: list[Spoken] = []
    num_samples, wanted = 0, minutes * 60.0 * SPEECH_RATE_HZ
    source = orders(shard, texts_for(shard, transcripts))
    while num_samples < wanted:
        for one in _engine(shard.engine).speak(islice(source, BATCH)):
            if num_samples < wanted:
                spoken.append(one)
                num_samples += len(one.waveform)
    sound = np.concatenate([one.waveform for one in spoken])
    with replace_on_success(folder / f"{shard.name}.flac") as temporary:
        soundfile.write(temporary, sound, SPEECH_RATE_HZ, format="FLAC", subtype="PCM_16")
    # The labels come last: a shard without them does not count as made.
    labels = {"format": FORMAT, **asdict(shard), "utterances": [_utterance(one) for one in spoken]}
    with replace_on_success(folder / f"{shard.name}.json") as temporary:
        temporary.write_text(json.dumps(labels, ensure_ascii=False) + "\n", encoding="utf8")


def _utterance(one: Spoken) -> dict[str, object]:
    edges = [one.phones[0][1], *(end for _, _, end in one.phones)]
    return {
        **asdict(one.order),
        "samples": len(one.waveform),
        "phones": [name for name, _, _ in one.phones],
        "edges_sec": [round(edge, 4) for edge in edges],
        "stress_sec": [round(sec, 4) for sec in one.stress],
        "phrase_end_sec": [round(sec, 4) for sec in one.phrase_end],
    }


def read_shard(labels: Path) -> Iterator[Spoken]:
    """The utterances of a shard, from its `.json` and the `.flac` beside it."""
    sound, _ = soundfile.read(labels.with_suffix(".flac"), dtype="float32")
    start = 0
    for row in json.loads(labels.read_text("utf8"))["utterances"]:
        waveform = sound[start : start + row["samples"]]
        start += row["samples"]
        edges = row["edges_sec"]
        phones = list(zip(row["phones"], edges[:-1], edges[1:], strict=True))
        order = Order(**{name: row[name] for name in Order.__dataclass_fields__})
        yield Spoken(order, waveform, phones, row["stress_sec"], row["phrase_end_sec"])


def _make_apart(shard: Shard, *rest: object) -> float:
    """Make a shard in a process of its own; returns the minutes made."""
    process = get_context("spawn").Process(target=_make_undisturbed, args=(shard, *rest))
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(
            f"'{shard.name}' could not be made (its messages stand above): mend that, the same "
            "command goes on where this one was."
        )
    folder = rest[0]
    labels = json.loads((folder / f"{shard.name}.json").read_text("utf8"))
    return sum(row["samples"] for row in labels["utterances"]) / SPEECH_RATE_HZ / 60.0


def _make_undisturbed(*arguments: object) -> None:
    # Ctrl-C stops the command after the shards that were begun.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    make_shard(*arguments)


def make_corpus(
    shards: list[Shard], folder: Path, transcripts: list[str], jobs: int, minutes: float
) -> float:
    """Make the shards that are missing; returns the minutes made. Ctrl-C stops after those begun."""
    missing = [shard for shard in shards if not (folder / f"{shard.name}.json").exists()]
    LOG.info("%d shards, %d there already", len(shards), len(shards) - len(missing))
    started, made = time.monotonic(), 0.0
    # A fresh process for every shard: espeak-ng's sound depends on all that it has said before.
    with ThreadPoolExecutor(jobs) as pool:
        futures = [
            pool.submit(_make_apart, shard, folder, transcripts, minutes) for shard in missing
        ]
        try:
            for done, future in enumerate(as_completed(futures), 1):
                made += future.result()
                pace = made / (time.monotonic() - started)
                left_min = (len(futures) - done) * minutes / pace / 60.0
                message = "%d/%d shards, %.0f min of speech, %.0f x real time, %.0f min left"
                LOG.info(message, done, len(futures), made, 60.0 * pace, left_min)
        except KeyboardInterrupt:
            raise SystemExit("Stopped; the same command goes on where this one was.") from None
        finally:
            pool.shutdown(cancel_futures=True)
    return made


def check_settings(folder: Path, seed: int, transcripts: list[str]) -> None:
    """Refuse to add to a folder that was begun with another seed or other English texts."""
    texts = zlib.crc32("\n".join(transcripts).encode())
    wanted = {"format": FORMAT, "seed": seed, "english_transcripts": texts}
    path = folder / SETTINGS
    if not path.exists():
        with replace_on_success(path) as temporary:
            temporary.write_text(json.dumps(wanted) + "\n", encoding="utf8")
    elif json.loads(path.read_text("utf8")) != wanted:
        raise SystemExit(
            f"'{folder}' holds speech of another seed or other English transcripts: give another "
            "--out or delete it."
        )


def english_transcripts(data: Path | None) -> list[str]:
    """Texts of the real recordings that may be trained on, or none without the data folder."""
    if data is None and DATA_VARIABLE not in os.environ:
        LOG.info("no --data and no %s: English says only the sentences of its own", DATA_VARIABLE)
        return []
    # Imported here: who only speaks needs no torch.
    from .speech_recordings import data_folder, recordings, training_recordings

    return [clip.text for clip in training_recordings(recordings(data_folder(data)))]


def main() -> None:
    """Command line: plan, make what is missing, say what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--languages", nargs="*", choices=LANGUAGES, help="default: the split's")
    parser.add_argument("--split", choices=list(SPLITS), default="training")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("build/speech/synthetic"))
    parser.add_argument("--data", type=Path, help="folder with speech/, for English texts")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for name, engine in ENGINES.items():
        if not engine.available():
            LOG.info("%s is missing (%s): going on without it", name, INSTALL[name])
    languages = tuple(options.languages or LANGUAGES)
    shards = plan(options.split, languages, options.hours, options.seed)
    if not shards:
        raise SystemExit(
            f"No installed engine has voices of the {options.split} split for {', '.join(languages)}: "
            f"{INSTALL['espeak']}, or choose other --languages."
        )
    transcripts = english_transcripts(options.data)
    check_settings(options.out, options.seed, transcripts)
    make_corpus(shards, options.out, transcripts, options.jobs, SHARD_MINUTES)
    made = Counter(f"{shard.language} {shard.engine}" for shard in shards)
    LOG.info("%s: %s", options.out, ", ".join(f"{key} {count}" for key, count in made.items()))


if __name__ == "__main__":
    main()
