"""What pictures and videos say about themselves, read back from the files."""

import numpy as np
import pytest
from gaussian_heads.core.avatar import AvatarInfo, Provenance
from gaussian_heads.core.errors import VideoError
from gaussian_heads.core.synthetic import mark_video, synthetic_note, video_note
from gaussian_heads.core.video import VideoFile, read_sound

from .moving_pictures import counted_frames, write_video


def info(name, *provenance):
    return AvatarInfo(name, "CC0-1.0", Provenance(*provenance), "arkit52", ("a",), (0.0, 0.0, 0.0))


def test_the_note_names_heads_and_where_they_come_from():
    assert synthetic_note([]) == ""
    note = synthetic_note(
        [info("Ada", True), info("Ben", False, "Ben agreed\n2026-11-21"), info("Cy", False)]
    )
    assert note.startswith("Synthetic") and "\n" not in note
    assert "'Ada', a made-up person" in note
    assert "'Ben', the likeness of a real person, consent: Ben agreed 2026-11-21" in note
    assert "'Cy', of a real or unknown person without" in note
    # The same head twice in a scene is one head; a novel for a statement is cut.
    assert synthetic_note([info("Ada", True)] * 3).count("Ada") == 1
    assert len(synthetic_note([info("Eve", False, "x" * 5000)])) < 400


@pytest.mark.parametrize("name", ("a.mp4", "a.mov", "a.mkv", "a.avi"))
def test_a_marked_video_says_so_and_is_the_same_otherwise(tmp_path, name):
    sound = {} if name in ("a.mp4", "a.mov") else {"sound_from_sec": 0.0}
    path = write_video(tmp_path / name, counted_frames(12), **sound)
    before = [f.pixels for f in VideoFile.open(path).frames()]
    assert video_note(path) == ""
    mark_video(path, "Synthetic: 'Zoë'.")
    assert video_note(path) == "Synthetic: 'Zoë'."
    video = VideoFile.open(path)
    after = list(video.frames())
    assert video.info.fps == 25 and len(after) == 12
    assert all(np.array_equal(a, f.pixels) for a, f in zip(before, after, strict=True))
    if sound:
        assert np.abs(read_sound(path)[0]).max() > 0.1
    mark_video(path, "Again.")
    assert video_note(path) == "Again."


def test_what_cannot_be_marked_stays_and_is_said(tmp_path):
    path = write_video(tmp_path / "a.mkv", counted_frames(3)).rename(tmp_path / "a.y4m")
    before = path.read_bytes()
    with pytest.raises(VideoError, match="takes no note"):
        mark_video(path, "x")
    assert path.read_bytes() == before and len(list(tmp_path.iterdir())) == 1
