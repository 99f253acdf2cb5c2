"""What nobody can be made from ends in one sentence, with no package and nothing half written."""

import shutil
import signal
import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="personalization needs the training extra")
pytest.importorskip("scipy", reason="needs scipy")
pytest.importorskip("av", reason="needs PyAV")
Image = pytest.importorskip("PIL.Image", reason="needs Pillow")

from gaussian_heads.blender import cli  # noqa: E402
from gaussian_heads.core.locks import held  # noqa: E402
from gaussian_heads.training import personalize  # noqa: E402

from .talking_films import film, talking_frames, wall  # noqa: E402

SECONDS = 1.6
CONSENT = ("--consent", "I am Maya and want this avatar of myself")


@pytest.fixture(scope="session")
def frames():
    """Somebody who talks and turns her head, 25 pictures a second."""
    return talking_frames(np.arange(round(25 * SECONDS)) / 25)


@pytest.fixture(scope="session")
def good(frames, tmp_path_factory):
    """A film that an avatar could be made from; it has no sound."""
    return film(tmp_path_factory.mktemp("good") / "good.mp4", frames)


@pytest.fixture
def refused(tmp_path, capfd):
    """The sentence that a command ends in, which leaves nothing behind but the work that is done."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    out = tmp_path / "made" / "me.uhap"

    def run(*words, **options):
        words = [str(word) for word in words]
        if "--out" not in words:
            words += ["--out", str(options.get("out", out))]
        capfd.readouterr()
        assert personalize.main([*words, "--steps", "0", "--json-progress"]) == 1
        said = capfd.readouterr().err
        assert "Traceback" not in said and said.count("\n") == 1
        left = {path.name for path in out.parent.glob("*")} if out.parent.is_dir() else set()
        assert left <= {"me.work"}
        assert not [p.name for p in tmp_path.rglob(".*")], "something is half written"
        return said.strip()

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def require_sentence(said, *words):
    """What is wrong, and what to do about it."""
    assert all(word in said for word in words), said
    assert said.endswith(".") and ": " in said


def beside(one, other):
    return [np.concatenate(pair, axis=1) for pair in zip(one, other, strict=True)]


def small_in(frames, height=720, width=960, side=48):
    """The frames as a small part of a large wall."""
    places = wall(1, height, width)[0]
    for pixels in frames:
        picture = places.copy()
        picture[:side, :side] = np.asarray(Image.fromarray(pixels).resize((side, side)))
        yield picture


BAD_FILMS = {
    "no_face": (lambda frames: wall(50), ("No face was found", "film the person")),
    "two_faces": (
        lambda frames: beside(frames, [f[:, ::-1] for f in frames]),
        ("2 faces", "largest, left or right"),
    ),
    "half_a_second": (lambda frames: frames[:12], ("lasts only 0.5 seconds", "10 to 60")),
    "black": (lambda frames: [0 * frames[0]] * 50, ("is black", "choose another")),
    "tiny_face": (
        lambda frames: list(small_in(frames)),
        ("too small", "come nearer"),
    ),
    "face_for_a_moment": (
        lambda frames: [*wall(18), *frames[:6], *wall(18)],
        ("frames show the face, at least 20", "film some seconds"),
    ),
}


@pytest.mark.parametrize("name", BAD_FILMS)
def test_films_of_nobody_or_of_too_little(name, frames, tmp_path, refused):
    make, words = BAD_FILMS[name]
    path = film(tmp_path / f"{name}.mp4", make(frames))
    require_sentence(refused(path, "--synthetic"), *words)


BROKEN = {
    "truncated.mp4": (lambda data: data[: len(data) // 2], ("truncated.mp4", "export it")),
    "headless.mp4": (lambda data: data[len(data) // 2 :], ("headless.mp4", "export it")),
    "random.mp4": (lambda data: np.random.default_rng(0).bytes(40_000), ("random.mp4", "export")),
    "empty.mp4": (lambda data: b"", ("0 bytes", "choose another")),
    "words.mp4": (lambda data: b"this is no film but words\n" * 9, ("text file", "choose")),
    "phone.heic": (lambda data: b"\0\0\0\x18ftypheic" + bytes(99), ("HEIC", "save it as JPEG")),
    "cut.png": (lambda data: b"\x89PNG\r\n\x1a\n" + bytes(99), ("cut.png", "again")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files(name, good, tmp_path, refused):
    make, words = BROKEN[name]
    path = tmp_path / name
    path.write_bytes(make(good.read_bytes()))
    require_sentence(refused(path, "--synthetic"), *words)


def test_a_download_that_broke_off(frames, tmp_path, refused):
    path = film(tmp_path / "half.mp4", frames, is_fast_start=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    require_sentence(refused(path, "--synthetic"), "breaks off after", "download the whole file")


def test_sound_alone(tmp_path, refused):
    import soundfile

    soundfile.write(tmp_path / "voice.wav", np.zeros(32_000, np.float32), 16_000)
    require_sentence(refused(tmp_path / "voice.wav", "--synthetic"), "sound and no pictures")


WRONG_WORDS = {
    "no consent": ((), ("--consent", "agreement")),
    "too little of it": (("--consent", " y "), ("--consent", "agreement")),
    "no package": ((*CONSENT, "--out", "me.zip"), (".uhap", "change --out")),
    "few": ((*CONSENT, "--budget", "10"), ("--budget is 10", "5,000 to 400,000")),
    "millimetres": ((*CONSENT, "--focal-px", "26"), ("26 pixels", "leave it out")),
    "no number": ((*CONSENT, "--focal-px", "nan"), ("nan pixels", "leave it out")),
    "no tracker": ((*CONSENT, "--tracker", "none.task"), ("none.task", "leave the tracker out")),
    "no prior": ((*CONSENT, "--prior", "/nowhere/prior"), ("/nowhere/prior", "prior")),
    "no sound": ((*CONSENT, "--motion", "personal"), ("with sound", "leave out --motion personal")),
}


@pytest.mark.parametrize("name", WRONG_WORDS)
def test_wrong_words(name, good, refused):
    words, expected = WRONG_WORDS[name]
    require_sentence(refused(good, *words), *expected)


@pytest.mark.parametrize("minutes", ("0", "-1", "nan"))
def test_times_that_are_none(minutes, good, tmp_path, capsys):
    words = [str(good), "--out", str(tmp_path / "me.uhap"), *CONSENT, "--minutes", minutes]
    assert personalize.main(words) == 1 and "--minutes must be above 0" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_places_that_cannot_be_written(good, tmp_path, refused):
    (tmp_path / "file").write_text("in the way")
    said = refused(good, *CONSENT, out=tmp_path / "file" / "below" / "me.uhap")
    require_sentence(said, "Nothing can be written in", "--out")
    (tmp_path / "folder.uhap").mkdir()
    require_sentence(refused(good, *CONSENT, out=tmp_path / "folder.uhap"), "is a folder", "--out")
    said = refused(good, *CONSENT, "--work", tmp_path / "file")
    require_sentence(said, "Nothing can be written in", "--work")


def test_folders_of_others_are_not_touched(good, tmp_path, refused):
    mine = tmp_path / "home" / "read" / "diary.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    said = refused(good, *CONSENT, "--work", tmp_path / "home")
    require_sentence(said, "is not of this command's making", "--work")
    assert mine.read_text() == "mine" and not (tmp_path / "home" / "read" / "stage.json").exists()


def test_two_at_once_are_refused(good, tmp_path, refused, monkeypatch):
    monkeypatch.setattr("gaussian_heads.training.personalization.stages.LOCK_WAIT_SEC", 0.1)
    (tmp_path / "made" / "me.work").mkdir(parents=True)
    with held(tmp_path / "made" / "me.work" / "lock"):
        require_sentence(refused(good, *CONSENT), "Another process", "wait until it ends")


def test_a_full_disk_is_said(good, tmp_path, refused):
    resource = pytest.importorskip("resource", reason="only POSIX bounds the size of files")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, before[1]))
    try:
        require_sentence(refused(good, *CONSENT), "File too large", "disk")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert sorted(path.name for path in (tmp_path / "made/me.work").iterdir()) == [
        "find.partial", "lock", "log.txt", "read",
    ]  # fmt: skip


def folder_of(path, **files):
    path.mkdir()
    for name, data in files.items():
        (path / name.replace("_dot_", ".")).write_bytes(data)
    return path


def test_folders_that_hold_nothing_of_use(tmp_path, refused, frames):
    empty = folder_of(tmp_path / "empty", notes_dot_txt=b"nothing")
    require_sentence(refused(empty, *CONSENT), "holds no photos", "name a folder")
    for text in (b"{", b"[]", b'{"views": {"front": {"K": 3}}}', b'{"views": {"a": 7}}'):
        cameras = folder_of(tmp_path / "views", cameras_dot_json=text)
        require_sentence(refused(cameras, *CONSENT), "cameras.json", "docs/TRAINING.md")
        shutil.rmtree(cameras)
    np.save(tmp_path / "few.npy", np.zeros((10, 3)))
    scan = folder_of(tmp_path / "scan", vertices_dot_npy=(tmp_path / "few.npy").read_bytes())
    require_sentence(refused(scan, *CONSENT), "(10, 3)", "the prior's topology")
    Image.fromarray(frames[0]).save(tmp_path / "me.jpg")
    film(tmp_path / "me.mp4", frames[:3])
    said = refused(tmp_path / "me.jpg", tmp_path / "me.mp4", *CONSENT)
    require_sentence(said, "cannot be mixed", "one video")


def test_photos_of_nobody(tmp_path, refused):
    Image.fromarray(wall(1)[0]).save(tmp_path / "wall.png")
    require_sentence(refused(tmp_path / "wall.png", *CONSENT), "No face was found")


def test_the_command_line_passes_the_sentence_on(frames, tmp_path, capfd):
    path, work = film(tmp_path / "short.mp4", frames[:12]), tmp_path / "work"
    words = ["personalize", path, "--out", tmp_path / "me.uhap", *CONSENT, "--work", work]
    assert cli.main([*map(str, words), "--python", sys.prefix]) == 1
    last = capfd.readouterr().err.strip().splitlines()[-1]
    require_sentence(last, "gaussian-heads: ", "lasts only 0.5 seconds")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["short.mp4", "work"]


ENCODE = {
    "no_face.mp4": (lambda good, frames: film(good, wall(20)), "No face was found"),
    "two_faces.mp4": (lambda good, frames: film(good, beside(frames, frames)), "2 faces"),
    "black.mp4": (lambda good, frames: film(good, [0 * frames[0]] * 20), "is black"),
    "short.mp4": (lambda good, frames: film(good, frames[:3]), "only 3 frames"),
    "random.mp4": (lambda good, frames: good.write_bytes(b"\x8a\x01\xfe" * 9000), "export it"),
}


@pytest.mark.parametrize("name", ENCODE)
def test_the_command_encode_refuses_them_too(name, frames, tmp_path, capsys):
    make, words = ENCODE[name]
    make(tmp_path / name, frames)
    out = tmp_path / "track.npz"
    assert cli.main(["encode", str(tmp_path / name), "--out", str(out), "--face", "only"]) == 1
    last = capsys.readouterr().err.strip().splitlines()[-1]
    require_sentence(last, words)
    assert [path.name for path in tmp_path.iterdir()] == [name]
