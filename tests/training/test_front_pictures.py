"""The pictures that README.md begins with: what is said while it is said, and files that pages can show."""

import json

import pytest
from gaussian_heads.core.assets import SAMPLE_SENTENCE, SPEECH_MODEL
from gaussian_heads.core.audio import load_audio
from gaussian_heads.core.speech import SpeechModel

pytest.importorskip("torch", reason="needs the training extra")
Image = pytest.importorskip("PIL.Image")

from gaussian_heads.training import front_pictures  # noqa: E402
from gaussian_heads.training.front_pictures import CAST, Performance, Role, film, phrases  # noqa: E402


def test_phrases_hold_the_whole_sentence_in_order():
    spoken = phrases()
    text = SAMPLE_SENTENCE.with_suffix(".txt").read_text("utf8").strip()
    assert " ".join(words for *_, words in spoken) == text
    times = [time for begin, end, _ in spoken for time in (begin, end)]
    assert times == sorted(times)


def test_a_phrase_lasts_as_long_as_its_phones():
    phones = json.loads(SAMPLE_SENTENCE.with_suffix(".phones.json").read_text("utf8"))
    silent_sec = sum(end - begin for name, begin, end in phones if name == "pau")
    spoken_sec = sum(end - begin for begin, end, _ in phrases())
    assert spoken_sec == pytest.approx(phones[-1][2] - silent_sec, abs=1e-6)


def test_the_caption_changes_with_the_phrase():
    heard = SpeechModel.open(SPEECH_MODEL).listen(*load_audio(SAMPLE_SENTENCE))
    head = Performance(Role("builtin:maya", "neutral", 0.0, 0.0, 0.0), heard, (48, 48))
    frames = film([head])
    captions = []
    for _ in range(26):  # "Hello," ends and "my name is Ada." begins at 0.87 s, frame 22
        frame = next(frames)
        assert frame.size == (48, 48 + front_pictures.CAPTION_PX)
        captions.append(frame.crop((0, 48, *frame.size)).tobytes())
    assert len(set(captions[5:20])) == 1
    assert captions[25] != captions[19]


def test_the_still_shows_every_head(tmp_path):
    out = tmp_path / "still.jpg"
    assert front_pictures.main(["--still", str(out), "--height", "40"]) == 0
    with Image.open(out) as picture:
        assert picture.size == (5 * 36 + 4 * front_pictures.GAP_PX, 40)
        tiles = [picture.crop((42 * n + 8, 8, 42 * n + 28, 32)) for n in range(len(CAST))]
        # A head is darker than the paper behind it, and no two are alike.
        means = [sum(tile.convert("L").tobytes()) / (20 * 24) for tile in tiles]
    assert max(means) < 220
    assert len({round(mean) for mean in means}) == len(CAST)


def test_nothing_asked_for_is_a_mistake(capsys):
    with pytest.raises(SystemExit) as stopped:
        front_pictures.main([])
    assert stopped.value.code == 2
    assert "--still" in capsys.readouterr().err
