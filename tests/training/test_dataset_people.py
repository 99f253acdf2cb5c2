"""The command that photographs many persons: who, when, from where; its processes; and one tiny capture."""

import importlib.util
import logging
import os
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the studio needs the training extra (scipy)")

from gaussian_heads.core.errors import GaussianHeadsError  # noqa: E402
from gaussian_heads.training.capture import people  # noqa: E402
from gaussian_heads.training.capture.lighting import DOME_RIG  # noqa: E402
from gaussian_heads.training.capture.people_plan import (  # noqa: E402
    QUALITIES,
    Amounts,
    Person,
    make_cameras,
    make_persons,
    missing_work,
    plan_person,
)
from gaussian_heads.training.capture.people_workers import make_persons as work  # noqa: E402
from gaussian_heads.training.capture.sources import StudioError  # noqa: E402
from gaussian_heads.training.dataset import layout  # noqa: E402
from gaussian_heads.training.dataset.reader import CaptureDataset  # noqa: E402

DATA = os.environ.get("GAUSSIAN_HEADS_DATA", "")
QUALITY = QUALITIES["final"]
KINDS = ("range", "combination", "speech", "captured", "emotion", "gaze")


def made_up_frames(count=40):
    frames = [layout.Frame("f000", "neutral", "train")]
    return tuple(frames) + tuple(
        layout.Frame(f"f{i:03d}", KINDS[i % 6], "held_out" if i % 7 == 5 else "train")
        for i in range(1, count)
    )


def plans(num=40):
    frames = made_up_frames()
    persons = [p for p in make_persons(num, 0, 0)]
    return [plan_person(person, frames, Amounts(), QUALITY) for person in persons], frames


def test_cameras_stand_around_the_front_and_the_held_out_ones_apart():
    cameras = make_cameras(QUALITY)
    assert len(cameras["train"]) >= 16 and len(cameras["held_out"]) == 4

    def directions(group):
        places = np.array([np.linalg.inv(c.viewmat)[:3, 3] for c in group.values()])
        away = places - np.array([0.0, -0.045, -0.055])
        return away / np.linalg.norm(away, axis=1, keepdims=True)

    cosines = directions(cameras["held_out"]) @ directions(cameras["train"]).T
    assert np.degrees(np.arccos(cosines.max())) > 5.0
    assert (directions(cameras["train"])[:, 2] > 0).all()
    for camera in cameras["held_out"].values():
        seen = camera.K @ (camera.viewmat @ [0.0, -0.04, 0.0, 1.0])[:3]
        assert (np.abs(seen[:2] / seen[2] - camera.width / 2) < 0.15 * camera.width).all()


def test_together_persons_meet_all_cameras_and_kinds():
    made, frames = plans()
    kinds = {frame.name: frame.kind for frame in frames}
    shots = [shot for plan in made for shot in plan.shots if shot.camera_split == "train"]
    assert {shot.camera for shot in shots} == set(make_cameras(QUALITY)["train"])
    neutral = {shot.camera for shot in shots if shot.frame == "f000"}
    assert len(neutral) == 20
    assert {kinds[name] for plan in made for name in plan.baked} == set(KINDS)
    assert len({plan.baked for plan in made}) > 20


def test_nothing_held_out_is_trained_on():
    made, frames = plans()
    held_out = {frame.name for frame in frames if frame.split == "held_out"}
    for plan in made:
        assert len(plan.baked) == 6 and not held_out & set(plan.baked)
        for shot in plan.shots:
            assert (shot.frame in held_out) == (shot.camera_split == "held_out")
    assert [any(s.camera_split == "held_out" for s in plan.shots) for plan in made[:5]] == (
        [True] * 4 + [False]
    )
    validate = plan_person(Person(1000, "validate", 0), frames, Amounts(), QUALITY)
    assert not validate.baked and {s.camera_split for s in validate.shots} == {"held_out"}


def test_greater_numbers_keep_what_was_made():
    frames = made_up_frames()
    person = Person(7, "train", 7)
    small, large = (plan_person(person, frames, Amounts(baked=n), QUALITY).baked for n in (3, 9))
    assert large[:3] == small


def test_validation_is_spread_among_the_others_and_seeds_are_kept():
    persons = make_persons(6, 2, 0)
    assert [p.split for p in persons].index("validate") < 4
    assert {p.name for p in persons} == {f"s{n:04d}" for n in (0, 1, 2, 3, 4, 5, 1000, 1001)}
    for wrong in (["--train", "1001"], ["--validate", "8001"], ["--train", "0", "--validate", "0"]):
        with pytest.raises(StudioError):
            people.check(people.parse(["--out", "nowhere", *wrong]))


def test_the_dome_is_even():
    sky = DOME_RIG.sky(np.linspace(-1, 1, 5))
    assert not DOME_RIG.lamps and (np.diff(sky[:, 0]) >= 0).all() and sky.min() > 0.5 * sky.max()


def make_or_fail(person, report):
    report("piece", 0.1)
    if person.seed == 1:
        raise GaussianHeadsError("a bad person")
    if person.seed == 2:
        os._exit(9)


def prepare_fake():
    return make_or_fail


def prepare_slow(path):
    def make(person, report):
        try:
            report("begun", 0.0)
            time.sleep(60)
        finally:
            Path(path).write_text("cleared up")

    return make


def test_a_bad_person_or_a_crash_does_not_stop_the_others(tmp_path):
    persons = [Person(seed, "train", seed) for seed in range(5)]
    messages = list(work(persons, 2, prepare_fake, tmp_path))
    failed = {m.person.seed: m.failure for m in messages if m.failure}
    assert set(failed) == {1, 2} and failed[1] == "a bad person" and "9" in failed[2]
    assert {m.person.seed for m in messages if m.is_end and not m.failure} == {0, 3, 4}
    assert sum(m.piece == "piece" for m in messages) == 5


def test_stopping_lets_workers_clear_up(tmp_path):
    path = tmp_path / "done.txt"
    persons = [Person(0, "train", 0)]
    messages = work(persons, 1, partial(prepare_slow, str(path)), tmp_path / "logs")
    assert next(messages).piece == "begun"
    messages.close()
    assert path.read_text() == "cleared up"


@pytest.mark.skipif(
    not DATA or not (Path(DATA) / "head/ict_facekit/ict_facekit_light.npz").is_file(),
    reason="GAUSSIAN_HEADS_DATA does not hold ICT-FaceKit",
)
def test_one_person_from_seed_to_disk(tmp_path, caplog):
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("Cycles comes with Blender's Python module")
    caplog.set_level(logging.INFO)
    command = ["--out", str(tmp_path / "capture"), "--train", "1", "--validate", "0", "--jobs", "1"]
    command += ["--quality", "draft", "--frames", "4", "--baked", "1", "--pictures", "1"]
    command += ["--evaluation", "0", "--threads", "0"]
    assert people.main(command) == 0
    subject = CaptureDataset.open(tmp_path / "capture").subject("s0000")
    assert subject.offsets.shape == (4, 29093, 3) and subject.controls.shape == (4, 52)
    texture = subject.neutral_texture()
    assert texture.shape == (1024, 1024, 3) and 0.1 < texture[300:500, 300:400].mean() < 0.9
    (image,) = subject.images()
    pixels, camera = subject.picture(image)
    assert image.frame == "f000" and 0.1 < (pixels[..., 3] > 128).mean() < 0.9
    assert set(subject.strands()) >= {"brows", "lashes"}
    # The same command finds everything there; a piece that is gone comes again, and only that.
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "capture/subjects").rglob("*.*")}
    image.path.unlink()
    assert (
        missing_work(tmp_path / "capture", Person(0, "train", 0), Amounts(4, 1, 1, 0, 0), QUALITY)
        == 1
    )
    assert people.main(command) == 0
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "capture/subjects").rglob("*.*")}
    assert {p for p in after if after[p] != before[p]} == {image.path}
