"""The capture on disk: what is written is read back, and what is broken is named."""

import json

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the targets need the training extra (scipy)")

from gaussian_heads.training.dataset import layout  # noqa: E402
from gaussian_heads.training.dataset.layout import CaptureError  # noqa: E402
from gaussian_heads.training.dataset.reader import CaptureDataset, resized  # noqa: E402

from .dataset_fixtures import SIDE_PX, small_texture, write_small_capture  # noqa: E402


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return write_small_capture(tmp_path_factory.mktemp("capture"))


@pytest.fixture
def own_capture(tmp_path):
    return write_small_capture(tmp_path / "capture", num_train=1, num_validate=0, num_frames=3)


def test_persons_and_splits_come_back(capture):
    dataset = CaptureDataset.open(capture)
    assert [s.name for s in dataset.subjects("train")] == ["s0000", "s0001"]
    assert [s.name for s in dataset.subjects("validate")] == ["s1000"]
    assert len(dataset.subjects()) == 3
    assert dataset.record["light"] == "dome"


def test_arrays_come_back(capture):
    subject = CaptureDataset.open(capture).subject("s0001")
    vertices = subject.topology.num_vertices
    assert subject.neutral_vertices.shape == (vertices, 3)
    assert subject.offsets.shape == (5, vertices, 3) and subject.controls.shape == (5, 52)
    assert not subject.offsets[0].any() and subject.offsets[1].any()
    np.testing.assert_allclose(
        subject.neutral_texture(), small_texture(1).astype(np.float32) / 255, atol=1e-6
    )
    np.testing.assert_array_equal(subject.frame_vertices("f000"), subject.neutral_vertices)
    moved = subject.frame_vertices("f002") - subject.neutral_vertices
    np.testing.assert_allclose(moved, subject.offsets[2], atol=1e-6)
    assert subject.texture("f001") is None and subject.texture("f002").shape == (64, 64, 3)
    assert set(subject.strands()) == {"brows"}
    assert subject.strands()["brows"].points.shape[2] == 3
    assert subject.frames[-1].split == "held_out" and subject.eye_centers.shape == (2, 3)


def test_pictures_know_frame_camera_and_splits(capture):
    subject = CaptureDataset.open(capture).subject("s0000")
    images = subject.images()
    assert {(i.frame, i.frame_split) for i in images} == {
        ("f000", "train"), ("f002", "train"), ("f004", "held_out"),
    }  # fmt: skip
    assert all(i.camera_split == i.frame_split for i in images) and len(images) == 6
    pixels, camera = subject.picture(images[0])
    assert pixels.shape == (SIDE_PX, SIDE_PX, 4) and camera.width == SIDE_PX
    assert 0.1 < (pixels[..., 3] > 0).mean() < 0.95


def test_a_camera_keeps_its_view_at_another_size(capture):
    camera = CaptureDataset.open(capture).cameras["train"]["cam00"]
    double = resized(camera, 2 * SIDE_PX, 2 * SIDE_PX)
    point = camera.viewmat @ [0.01, 0.02, 0.0, 1.0]
    before, after = camera.K @ point[:3], double.K @ point[:3]
    np.testing.assert_allclose(2 * before[:2] / before[2], after[:2] / after[2])


def test_a_capture_without_strands_controls_or_pictures_is_one(tmp_path):
    root = write_small_capture(tmp_path, 1, 0, 3, with_strands=False)
    subject = CaptureDataset.open(root).subject("s0000")
    layout.write_frames(root, "s0000", subject.offsets, None)
    for image in subject.images():
        image.path.unlink()
    subject = CaptureDataset.open(root).subject("s0000")
    assert subject.strands() == {} and subject.controls is None and subject.images() == []


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("dataset.json", "dataset.json"),
        ("topology.npz", "topology.npz"),
        ("cameras.json", "cameras.json"),
        ("subjects/s0000/subject.json", "subject.json"),
        ("subjects/s0000/frames.npz", "frames.npz"),
        ("subjects/s0000/neutral/vertices.npy", "vertices.npy"),
        ("subjects/s0000/neutral/texture.png", "texture.png"),
    ],
)
@pytest.mark.parametrize("how", ["missing", "cut short"])
def test_what_is_missing_or_broken_is_named(own_capture, path, sentence, how):
    file = own_capture / path
    if how == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])
    with pytest.raises(CaptureError, match=sentence):
        subject = CaptureDataset.open(own_capture).subject("s0000")
        subject.neutral_texture(), subject.neutral_vertices, subject.offsets


def test_other_folders_and_versions_are_refused(own_capture):
    path = own_capture / "dataset.json"
    record = json.loads(path.read_text("utf8"))
    path.write_text(json.dumps(record | {"version": 99}), "utf8")
    with pytest.raises(CaptureError, match="version 1"):
        CaptureDataset.open(own_capture)


def test_a_scan_of_another_topology_is_refused(own_capture):
    layout.write_neutral(own_capture, "s0000", np.zeros((5, 3)), {})
    with pytest.raises(CaptureError, match="vertices"):
        _ = CaptureDataset.open(own_capture).subject("s0000").neutral_vertices
    with pytest.raises(CaptureError, match="no person"):
        CaptureDataset.open(own_capture).subject("s0009")
