"""A clip as its personalization knew it: poses before the still camera, kinds of frames, and regions of a moment."""

from __future__ import annotations

import json
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")

from gaussian_heads.core.camera import Camera  # noqa: E402
from gaussian_heads.core.errors import AvatarError  # noqa: E402
from gaussian_heads.core.monocular.encoded import EncodedVideo  # noqa: E402
from gaussian_heads.core.monocular.pose import FACING, VideoCamera, rotation_matrices  # noqa: E402
from gaussian_heads.training.comparison.clip import open_clip  # noqa: E402
from gaussian_heads.training.personalization.following import KnownPerson  # noqa: E402
from gaussian_heads.training.personalization.inputs import classify  # noqa: E402
from gaussian_heads.training.personalization.landmark_model import neutral_scan  # noqa: E402
from gaussian_heads.training.personalization.motion_scores import pixels_of  # noqa: E402
from gaussian_heads.training.personalization.stages import key_of  # noqa: E402
from gaussian_heads.training.personalization.subject import (  # noqa: E402
    SubjectFrame,
    VideoSubject,
)
from gaussian_heads.training.personalization.subject_files import (  # noqa: E402
    save_picture,
    save_subject,
)
from gaussian_heads.training.personalize import PRIOR  # noqa: E402
from gaussian_heads.training.prior_file import load_prior  # noqa: E402
from gaussian_heads.training.prior_identity import load_identity  # noqa: E402

SIDE, COUNT, FAR_M, FREE = 160, 24, 0.8, 3
PLACE = np.array([0.0, 0.0, FAR_M])
YAW_RAD = np.linspace(-0.12, 0.12, COUNT)
FITTED_ROW, HELD_ROW = 2, 20


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A work folder of the mean person turning slowly before a camera, its video, avatar and scan."""
    folder = tmp_path_factory.mktemp("person")
    video, prior = folder / "me.mp4", load_prior(PRIOR)
    video.write_bytes(b"\0film of me" * 40)
    identity = load_identity(PRIOR, prior.parts)
    scan = neutral_scan(identity, np.zeros(identity.num_modes))
    marks = scan.vertices[prior.parts.topology.landmarks68]
    camera = VideoCamera.of(SIDE, SIDE, 2.4 * SIDE)
    write_encoded(folder / "encode/encoded.npz", marks, camera, prior.settings)
    known = KnownPerson(
        np.zeros(identity.num_modes), 0.0, np.zeros(prior.settings.network.identity_dim, np.float32),
        camera.camera().K, np.array([0, 0, SIDE, SIDE, SIDE, SIDE]), FACING,
        FACING @ scan.neck_pivot + PLACE, scan.neck_pivot,
    )  # fmt: skip
    known.save(folder / "guess")
    frames = tuple(subject_frame(row, known, prior.settings) for row in (FITTED_ROW, HELD_ROW))
    for frame in frames:
        save_picture(folder / "guess", frame.name, frame.rgba)
    save_subject(folder / "guess", VideoSubject(frames, scan, np.zeros((8, 8), np.float32)))
    files = classify([video]).digest()
    stage(folder / "guess", {"made_from": {"files": files}})
    stage(folder / "fit", {"result": {"free_gaussians": FREE}})
    return folder, video, marks


def write_encoded(path, marks, camera, settings):
    turns = np.zeros((COUNT, 3))
    turns[:, 1] = YAW_RAD
    seen = np.einsum("tij,mj->tmi", FACING @ rotation_matrices(turns), marks) + PLACE
    pixels = seen[..., :2] / seen[..., 2:] * camera.focal_px + SIDE / 2
    path.parent.mkdir()
    EncodedVideo(
        Fraction(25), np.arange(COUNT) / 25, np.zeros((COUNT, settings.network.code_dim), np.float32),
        "space", np.full(COUNT, 0.9, np.float32), np.ones(COUNT, bool), np.zeros(COUNT, np.int32),
        pixels.astype(np.float32), camera, turns.astype(np.float32),
        np.tile(PLACE, (COUNT, 1)).astype(np.float32), np.zeros((COUNT, 2, 2), np.float32),
        np.zeros((COUNT, 4), np.float32),
    ).save(path)  # fmt: skip


def subject_frame(row, known, settings):
    rgba = np.full((SIDE, SIDE, 4), 255, np.uint8)
    code = np.zeros(settings.network.code_dim, np.float32)
    return SubjectFrame(
        f"f{row:05d}", row / 25, rgba, known.camera().camera, code, np.zeros(6, np.float32), 0.9,
        row == HELD_ROW,
    )  # fmt: skip


def stage(folder, record):
    folder.mkdir(exist_ok=True)
    (folder / "stage.json").write_text(json.dumps(record))


def avatar(video, code_space="space"):
    source = f"A video of the person, SHA-256 {key_of(classify([video]).digest())}"
    info = SimpleNamespace(provenance=SimpleNamespace(source=source))
    return SimpleNamespace(name="Me", code_space=code_space, manifest=SimpleNamespace(info=info))


@pytest.fixture(scope="module")
def clip(work):
    folder, video, _ = work
    return open_clip(video, avatar(video), folder, PRIOR)


def test_frames_know_what_they_were_used_for_and_how_the_head_was_held(clip):
    kinds = {moment.row: moment.kind for moment in clip.moments if moment.kind != "unused"}
    assert kinds == {FITTED_ROW: "fitted", HELD_ROW: "held_out"} and len(clip.moments) == COUNT
    assert all((moment.rgba is None) == (moment.kind == "unused") for moment in clip.moments)
    turns = np.stack([moment.head_pose[:3] for moment in clip.moments])
    np.testing.assert_allclose(turns[:, 1], YAW_RAD, atol=0.02)
    np.testing.assert_allclose(turns[:, [0, 2]], 0.0, atol=0.02)


def test_the_camera_sees_the_person_where_the_film_shows_them(clip, work):
    marks = work[2]
    middle = min(clip.moments, key=lambda moment: abs(YAW_RAD[moment.row]))
    found = pixels_of(marks, clip.camera)
    assert np.abs(found - clip.encoded.landmarks_px[middle.row]).max() < 2.5


def test_regions_lie_where_the_mesh_and_the_free_gaussians_are(clip, work):
    marks, moment = work[2], clip.moments[HELD_ROW]
    above = np.array([[0.0, 0.05, 0.13], [0.005, 0.05, 0.13], [0.01, 0.05, 0.13]])
    means = np.concatenate([marks, above]).astype(np.float32)
    gaussians = SimpleNamespace(means=means, opacities=np.ones(len(means), np.float32))
    masks = clip.regions(moment, gaussians)
    rows, columns = np.nonzero(masks["mouth"])
    lips = clip.encoded.landmarks_px[HELD_ROW, 48:68].mean(axis=0)
    assert np.hypot(columns.mean() - lips[0], rows.mean() - lips[1]) < 4
    column, row = np.floor(pixels_of(above, clip.camera)[1]).astype(int)
    assert masks["hair"][row, column] and not masks["skin"][row, column]
    # Landmarks are Gaussians of the surface: they are no hair.
    brow = np.floor(clip.encoded.landmarks_px[HELD_ROW, 27]).astype(int)
    assert masks["skin"][brow[1], brow[0]]


def test_an_avatar_of_another_code_space_is_refused(work):
    folder, video, _ = work
    with pytest.raises(AvatarError, match="speaks 'older'"):
        open_clip(video, avatar(video, "older"), folder, PRIOR)


def test_a_camera_of_the_window_is_the_one_of_the_pictures(clip):
    assert isinstance(clip.camera, Camera) and (clip.camera.width, clip.camera.height) == (
        SIDE,
        SIDE,
    )
