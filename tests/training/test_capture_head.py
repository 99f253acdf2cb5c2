"""The studio's head of one identity, made from ICT-FaceKit; skipped where its data is missing."""

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the studio needs the training extra (scipy)")

from gaussian_heads.core.spaces import ARKIT_BLENDSHAPES
from gaussian_heads.training.atlas_texels import iterate_texels
from gaussian_heads.training.capture import ict
from gaussian_heads.training.capture.controls import ict_names
from gaussian_heads.training.capture.identity import ADA
from gaussian_heads.training.capture.lids import margin
from gaussian_heads.training.capture.mesh import PART_NAMES, build_mesh, save_mesh
from gaussian_heads.training.capture.sources import StudioError, find_sources

DATA = os.environ.get("GAUSSIAN_HEADS_DATA", "")
needs_data = pytest.mark.skipif(
    not (Path(DATA) / "head/ict_facekit/ict_facekit_light.npz").is_file() or not DATA,
    reason="GAUSSIAN_HEADS_DATA does not hold ICT-FaceKit",
)


@pytest.fixture(scope="module")
def model():
    return ict.load_model(find_sources(DATA))


@pytest.fixture(scope="module")
def mesh(model):
    return build_mesh(model, ADA)


def control(mesh, name):
    return mesh.controls[ARKIT_BLENDSHAPES.index(name)]


def vertices_of(mesh, *parts):
    return np.unique(mesh.triangles[mesh.faces_of(*parts)])


def test_sides_are_renamed_and_directions_are_not():
    assert ict_names("mouthSmileLeft") == ("mouthSmile_L",)
    assert ict_names("eyeBlinkRight") == ("eyeBlink_R",)
    assert ict_names("jawLeft") == ("jawLeft",) and ict_names("mouthRight") == ("mouthRight",)
    assert ict_names("browInnerUp") == ("browInnerUp_L", "browInnerUp_R")


def test_a_missing_folder_is_explained(tmp_path, monkeypatch):
    monkeypatch.delenv("GAUSSIAN_HEADS_DATA", raising=False)
    with pytest.raises(StudioError, match="GAUSSIAN_HEADS_DATA"):
        find_sources(None)
    with pytest.raises(StudioError, match="ICT-FaceKit"):
        find_sources(tmp_path)


@needs_data
def test_shapes_and_frame(mesh):
    count = len(mesh.vertices)
    assert mesh.controls.shape == (52, count, 3) and mesh.neck_weights.shape == (count,)
    assert mesh.part.max() == len(PART_NAMES) - 1 and mesh.triangles.max() == count - 1
    np.testing.assert_allclose(mesh.eye_centers.mean(0), 0.0, atol=1e-6)
    assert mesh.eye_centers[0, 0] > 0.025 and mesh.eye_centers[1, 0] < -0.025
    nose = mesh.vertices[mesh.landmarks68[30]]
    assert nose[2] > 0.03 and nose[1] < -0.01


@needs_data
@pytest.mark.parametrize("name", [n for n in ARKIT_BLENDSHAPES if n != "tongueOut"])
def test_left_controls_move_the_left(mesh, name):
    length = np.linalg.norm(control(mesh, name), axis=1)
    assert 0.001 < length.max() < 0.06
    middle = (mesh.vertices[:, 0] * length).sum() / length.sum()
    if name in ("jawLeft", "mouthLeft"):
        assert (control(mesh, name)[:, 0] * length).sum() > 0.0
    elif name in ("jawRight", "mouthRight"):
        assert (control(mesh, name)[:, 0] * length).sum() < 0.0
    elif name.endswith("Left"):
        assert middle > 0.008
    elif name.endswith("Right"):
        assert middle < -0.008
    else:
        assert abs(middle) < 0.004


@needs_data
def test_atlas_is_in_range_and_nothing_overlaps(mesh):
    assert mesh.uvs.min() >= 0.0 and mesh.uvs.max() <= 1.0
    coverage = np.zeros((512, 512), int)
    for rows, columns, _, _ in iterate_texels(mesh.uvs, 512):
        np.add.at(coverage, (rows, columns), 1)
    # A texel centre on a shared edge belongs to both neighbours.
    assert (coverage > 1).sum() < 40
    assert (coverage > 0).mean() > 0.7


@needs_data
def test_tongue_comes_out_between_parted_lips_and_the_rest_stays(mesh):
    offsets = control(mesh, "tongueOut")
    length = np.linalg.norm(offsets, axis=1)
    assert length[mesh.vertices[:, 1] > -0.02].max() < 0.002
    tongue = vertices_of(mesh, "tongue")
    posed = mesh.vertices + offsets
    tip = posed[tongue][np.argmax(posed[tongue, 2])]
    upper, lower = posed[mesh.landmarks68[62]], posed[mesh.landmarks68[66]]
    assert tip[2] > max(upper[2], lower[2]) + 0.008
    assert upper[1] - lower[1] > 0.004
    teeth = vertices_of(mesh, "teeth")
    assert length[teeth].max() < 0.6 * length[tongue].max()


@needs_data
def test_a_full_blink_closes_the_lids(model, mesh):
    shape = ict.shape_identity(model, ADA)
    origin = ict.eye_centers(model, shape).mean(0)
    for side, is_left in (("Left", True), ("Right", False)):
        posed = mesh.vertices + control(mesh, f"eyeBlink{side}")

        def edge(is_upper, is_left=is_left, posed=posed):
            rest = (shape[margin(model, is_left=is_left, is_upper=is_upper)] - origin) * 0.01
            squared = ((mesh.vertices[None] - rest[:, None]) ** 2).sum(2)
            return posed[squared.argmin(1)]

        upper, lower = edge(True)[3:-3], edge(False)
        order = np.argsort(lower[:, 0])
        floor = np.interp(upper[:, 0], lower[order, 0], lower[order, 1])
        assert (upper[:, 1] - floor).max() < 0.0006


@needs_data
def test_neck_weights_hold_the_shirt_and_free_the_face(mesh):
    assert mesh.neck_weights[vertices_of(mesh, "garment")].max() == 0.0
    assert mesh.neck_weights[mesh.landmarks68].min() > 0.99
    assert mesh.neck_weights[vertices_of(mesh, "teeth", "tongue", "iris_left")].min() == 1.0


@needs_data
def test_saved_mesh_reads_back(mesh, tmp_path):
    path = tmp_path / "head.npz"
    save_mesh(path, mesh)
    with np.load(path) as stored:
        np.testing.assert_array_equal(stored["triangles"], mesh.triangles)
        assert list(stored["part_names"]) == list(PART_NAMES)
        assert stored["controls"].dtype == np.float32
