"""The adapter for Ava-256's layout, on a small made-up release that the tests write."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

pytest.importorskip("scipy", reason="captures need the training extra")

from gaussian_heads.training.dataset import CaptureDataset, open_capture
from gaussian_heads.training.dataset.ava256 import Ava256Dataset
from gaussian_heads.training.dataset.layout import CaptureError

WIDTH, HEIGHT = 48, 72
# The release's head frame: y down, z away from the cameras in front.
TO_RELEASE = np.diag([1.0, -1.0, -1.0])
# A box for a head, metres, +Y up, +Z front.
HEAD_M = np.array([[x, y, z] for x in (-0.08, 0.08) for y in (-0.15, 0.1) for z in (-0.12, 0.1)])
POSE = np.hstack([np.eye(3), np.array([[12.0], [-30.0], [1180.0]])])
SEGMENTS = {
    7: "EXP_ear",
    100: "EXP_neutral_peak",
    101: "EXP_neutral_peak",
    250: "SEN_a_sentence",
    300: "EXP_free_face",
}


def ply(vertices: np.ndarray) -> bytes:
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n"
    header += "".join(f"property float {axis}\n" for axis in "xyz") + "end_header\n"
    return header.encode() + vertices.astype("<f4").tobytes()


def picture(pixels: np.ndarray, kind: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind, **({"quality": 95} if kind == "AVIF" else {}))
    return stream.getvalue()


def archive(path: Path, members: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)


def calibration(turns_deg: dict[str, float]) -> dict:
    """Cameras one metre before the posed head, turned about it; matrices column by column."""
    records = []
    for name, turn_deg in turns_deg.items():
        c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
        rotation = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
        viewmat = np.eye(4)
        viewmat[:3, :3] = rotation
        viewmat[:3, 3] = np.array([0.0, 0.0, 1000.0]) - rotation @ POSE[:, 3]
        k = np.array([[9000.0, 0.0, 1334.0], [0.0, 9000.0, 2048.0], [0.0, 0.0, 1.0]])
        records.append({"cameraId": name, "K": k.T.tolist(), "T": viewmat.T.tolist()})
    return {"KRT": records}


def vertices_mm(frame: int) -> np.ndarray:
    moved = HEAD_M + np.array([0.0, 0.0, 0.00001 * (frame - 100)])
    return 1000.0 * moved @ TO_RELEASE.T


@pytest.fixture
def release(tmp_path) -> Path:
    if not features.check("avif"):
        pytest.skip("this Pillow reads no AVIF")
    quads = [(1, 2, 4, 3), (5, 6, 8, 7)]
    lines = ["v 0 0 0"] * 8 + ["vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1"]
    lines += ["f " + " ".join(f"{v}/{i + 1}" for i, v in enumerate(quad)) for quad in quads]
    (tmp_path / "face_topology.obj").write_text("\n".join(lines), encoding="utf8")
    for person in ("m--20210223--1023--AVW368--GHS", "m--20210224--1237--RTO934--GHS"):
        write_person(tmp_path / person / "decoder")
    return tmp_path


def write_person(folder: Path) -> None:
    folder.mkdir(parents=True)
    frames = [f"{number:06d}" for number in SEGMENTS]
    listing = "".join(f"{segment},{number}\n" for number, segment in SEGMENTS.items())
    (folder / "frame_list.csv").write_text("seg_id,frame_id\n" + listing, encoding="utf8")
    cameras = {"401031": 0.0, "401045": 30.0, "401100": -30.0}
    (folder / "camera_calibration.json").write_text(json.dumps(calibration(cameras)))
    meshes = {f"{n:06d}.ply": ply(vertices_mm(n)) for n in SEGMENTS}
    archive(folder / "kinematic_tracking/registration_vertices.zip", meshes)
    pose = "\n".join(" ".join(str(x) for x in row) for row in POSE).encode()
    archive(folder / "head_pose/head_pose.zip", {f"{f}.txt": pose for f in frames})
    red = picture(np.full((20, 20, 3), (200, 40, 30), np.uint8), "AVIF")
    archive(folder / "uv_image/color.zip", {f"color/{f}.avif": red for f in frames[:-1]})
    image = picture(np.full((HEIGHT, WIDTH, 3), 120, np.uint8), "AVIF")
    parts = np.zeros((HEIGHT, WIDTH), np.uint8)
    parts[:20], parts[20:40, :24], parts[60:] = 1, 2, 3  # hair, half a body, the chair
    for camera in cameras:
        archive(folder / f"image/cam{camera}.zip", {f"cam{camera}/{f}.avif": image for f in frames})
        archive(
            folder / f"segmentation_parts/cam{camera}.zip",
            {f"cam{camera}/{f}.png": picture(parts, "PNG") for f in frames},
        )


def test_the_layout_is_recognised(release, tmp_path):
    assert isinstance(open_capture(release), Ava256Dataset)
    with pytest.raises(CaptureError, match="neither a dataset.json"):
        open_capture(tmp_path / "nothing")
    (tmp_path / "studio").mkdir()
    (tmp_path / "studio/dataset.json").write_text('{"format": "other"}')
    with pytest.raises(CaptureError, match="not a gaussian-heads-capture"):
        open_capture(tmp_path / "studio")


def test_it_answers_like_a_capture_of_the_studio(release):
    dataset = open_capture(release)
    names = {n for n in dir(CaptureDataset) if not n.startswith("_")} | {"topology", "cameras"}
    assert all(hasattr(dataset, name) for name in names)
    assert [s.split for s in dataset.subjects()] == ["train", "validate"]
    assert [s.name for s in dataset.subjects("train")] == ["m--20210223--1023--AVW368--GHS"]
    assert dataset.topology.triangles.tolist() == [[0, 1, 3], [0, 3, 2], [4, 5, 7], [4, 7, 6]]
    assert dataset.topology.uvs[1].tolist() == [[0, 0], [1, 1], [0, 1]]
    assert dataset.record["licence"] == "CC BY-NC 4.0"


def test_frames_begin_with_the_neutral_and_leave_hair_and_ears_out(release):
    subject = open_capture(release).subjects("train")[0]
    assert subject.frame_names == ["f000", "f000101", "f000250", "f000300"]
    assert [frame.split for frame in subject.frames] == ["train", "train", "train", "held_out"]
    assert subject.controls is None and subject.strands() == {}


def test_meshes_come_in_metres_with_y_up_and_the_face_in_front(release):
    subject = open_capture(release).subjects("train")[0]
    vertices = subject.neutral_vertices
    np.testing.assert_allclose(np.ptp(vertices, 0), np.ptp(HEAD_M, 0), atol=1e-6)
    shift = vertices - HEAD_M
    np.testing.assert_allclose(shift, np.broadcast_to(shift[0], shift.shape), atol=1e-6)
    np.testing.assert_allclose(subject.eye_centers.mean(0), 0.0, atol=1e-7)
    assert subject.eye_centers[0, 0] > 0.02 > subject.eye_centers[1, 0]
    assert subject.neck_pivot[1] < -0.08
    np.testing.assert_allclose(subject.offsets[2][:, 2], 0.0015, rtol=1e-2)
    np.testing.assert_allclose(
        subject.frame_vertices("f000250"), vertices + [0.0, 0.0, 0.0015], atol=2e-6
    )


def test_a_picture_shows_the_head_where_the_release_projects_it(release):
    subject = open_capture(release).subjects("train")[0]
    image = next(i for i in subject.images() if (i.frame, i.camera) == ("f000250", "401045"))
    pixels, camera = subject.picture(image)
    assert pixels.shape == (HEIGHT, WIDTH, 4) and abs(int(pixels[5, 5, 0]) - 120) < 4
    assert pixels[5, 40, 3] == 255 and pixels[30, 10, 3] == 255
    assert pixels[30, 40, 3] == 0 and pixels[65, 10, 3] == 0
    vertices = subject.frame_vertices("f000250")
    seen = vertices @ camera.viewmat[:3, :3].T + camera.viewmat[:3, 3]
    ours = seen @ camera.K.T
    record = calibration({"401045": 30.0})["KRT"][0]
    world = vertices_mm(250) @ POSE[:, :3].T + POSE[:, 3]
    extrinsics = np.array(record["T"]).T
    wanted = (world @ extrinsics[:3, :3].T + extrinsics[:3, 3]) @ np.array(record["K"])
    scale = np.array([WIDTH / 2668, HEIGHT / 4096])
    np.testing.assert_allclose(
        ours[:, :2] / ours[:, 2:], wanted[:, :2] / wanted[:, 2:] * scale, atol=0.02
    )
    np.testing.assert_allclose(seen[:, 2], wanted[:, 2] / 1000.0, atol=1e-5)
    np.testing.assert_allclose(
        camera.viewmat[:3, :3] @ camera.viewmat[:3, :3].T, np.eye(3), atol=1e-9
    )


def test_cameras_and_expressions_are_held_out(release):
    dataset = open_capture(release)
    subject = dataset.subjects("train")[0]
    assert sorted(dataset.cameras["train"]) == ["401031", "401045"]
    assert sorted(dataset.cameras["held_out"]) == ["401100"]
    assert len(subject.images()) == 4 * 3
    both = [i for i in subject.images() if i.frame_split == i.camera_split == "held_out"]
    assert [(i.frame, i.camera) for i in both] == [("f000300", "401100")]


def test_textures_where_the_release_has_them(release):
    subject = open_capture(release).subjects("train")[0]
    assert subject.neutral_texture().shape == (20, 20, 3)
    assert float(subject.texture("f000250")[10, 10, 0]) == pytest.approx(200 / 255, abs=0.02)
    assert subject.texture("f000300") is None


def test_landmarks_place_the_eyes(release):
    numbers = np.zeros(68, int)
    numbers[36:42], numbers[42:48] = 3, 7  # the box's upper front corners, right and left
    np.savetxt(release / "landmarks68.txt", numbers, fmt="%d")
    subject = open_capture(release).subjects("train")[0]
    np.testing.assert_allclose(subject.eye_centers[:, 0], [0.08, -0.08], atol=1e-6)
    np.testing.assert_allclose(subject.neutral_vertices[7], [0.08, 0.0, 0.012], atol=1e-6)


def test_few_frames_are_taken_evenly(release):
    dataset = Ava256Dataset.open(release, frames_per_subject=3)
    assert dataset.subjects()[0].frame_names == ["f000", "f000101", "f000300"]


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("face_topology.obj", "copy assets/face_topology.obj"),
        ("*AVW368*/decoder/frame_list.csv", "download the decoder part"),
        ("*AVW368*/decoder/kinematic_tracking/registration_vertices.zip", "EXP_neutral_peak"),
        ("*AVW368*/decoder/head_pose/head_pose.zip", "download this part"),
    ],
)
def test_missing_parts_are_named(release, missing, says):
    next(release.glob(missing)).unlink()
    with pytest.raises(CaptureError, match=says):
        open_capture(release).subjects("train")


def test_another_topology_is_refused(release):
    folder = next(release.glob("*AVW368*")) / "decoder"
    archive(
        folder / "kinematic_tracking/registration_vertices.zip",
        {f"{n:06d}.ply": ply(np.zeros((5, 3))) for n in SEGMENTS},
    )
    with pytest.raises(CaptureError, match="5 vertices and face_topology.obj 8"):
        open_capture(release).subjects("train")


def test_a_broken_archive_is_refused(release):
    next(release.glob("*AVW368*/decoder/head_pose/head_pose.zip")).write_bytes(b"no archive")
    with pytest.raises(CaptureError, match=r"head_pose\.zip' cannot be read"):
        open_capture(release).subjects("train")


def test_a_prior_trains_on_the_release(release, tmp_path_factory):
    pytest.importorskip("torch", reason="the prior needs the training extra")
    from gaussian_heads.training.prior import train_prior

    from .head_fixtures import small_mesh
    from .test_evaluate import tiny_settings

    mesh = small_mesh()
    corner_uvs = mesh.uvs.reshape(-1, 2)
    lines = ["v 0 0 0"] * len(mesh.vertices)
    lines += [f"vt {u} {v}" for u, v in corner_uvs]
    for number, triangle in enumerate(mesh.triangles):
        lines.append(
            "f " + " ".join(f"{v + 1}/{3 * number + c + 1}" for c, v in enumerate(triangle))
        )
    (release / "face_topology.obj").write_text("\n".join(lines), encoding="utf8")
    for folder in release.glob("m--*/decoder"):
        meshes = {}
        for number in SEGMENTS:
            posed = mesh.vertices + (number % 3) * 0.3 * mesh.controls[17]
            meshes[f"{number:06d}.ply"] = ply(1000.0 * posed @ TO_RELEASE.T)
        archive(folder / "kinematic_tracking/registration_vertices.zip", meshes)
    out = tmp_path_factory.mktemp("prior")
    prior = train_prior(release, out, tiny_settings())
    assert (out / "prior.safetensors").is_file()
    assert prior.parts.topology.num_vertices == len(mesh.vertices)
    assert len(prior.parts.anchors) > 50 and len(prior.parts.moving) > 10
