"""Importing LAM heads, on a small generated one of the same layout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gaussian_heads.core.avatar import Avatar, write_avatar
from gaussian_heads.core.errors import AvatarError
from gaussian_heads.core.importers.lam import UNKNOWN_LICENCE, LamStatement, import_lam
from gaussian_heads.core.spaces import arkit_vector

from .small_lam import (
    EYE_CENTRES_M,
    SmallLam,
    glb_bytes,
    glb_parts,
    pack_glb,
    ply_bytes,
    small_lam,
    small_lam_zip,
    write_lam_zip,
)

ORIGIN_M = (EYE_CENTRES_M["Left"] + EYE_CENTRES_M["Right"]) / 2


@pytest.fixture(scope="module")
def avatar(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lam")
    write_avatar(folder / "a.uhap", import_lam(small_lam_zip(folder / "head-1.zip")))
    return Avatar.open(folder / "a.uhap")


def offsets(head: SmallLam):
    return np.stack([head.columns[axis] for axis in "xyz"], axis=1)


def refusal(path):
    with pytest.raises(AvatarError) as caught:
        import_lam(path)
    message = str(caught.value)
    assert message.startswith(f"'{path.name}' cannot be imported") and len(message) < 400
    return message


def test_positions_are_vertices_plus_offsets_from_between_the_eyes(avatar):
    head = small_lam()
    got = avatar.decode(np.zeros(52, np.float32))
    want = head.positions.astype(np.float64) + offsets(head) - ORIGIN_M
    # The eyeballs of the test have no vertex on their equator's sides: half a millimetre is theirs.
    np.testing.assert_allclose(got.means, want, atol=5e-4)
    spread = got.means - want
    np.testing.assert_allclose(spread, np.tile(spread[0], (len(want), 1)), atol=1e-6)


def test_attributes_are_activated_as_lam_stores_them(avatar):
    columns = small_lam().columns
    got = avatar.decode(np.zeros(52, np.float32))
    np.testing.assert_allclose(got.colors[:, 1], columns["f_dc_1"], atol=1e-6)
    np.testing.assert_allclose(got.scales[:, 2], np.exp(columns["scale_2"]), rtol=1e-5)
    np.testing.assert_allclose(got.opacities, 1 / (1 + np.exp(-columns["opacity"])), rtol=1e-5)
    quats = np.stack([columns[f"rot_{i}"] for i in range(4)], axis=1)
    quats /= np.linalg.norm(quats, axis=1, keepdims=True)
    np.testing.assert_allclose(got.quats, quats, atol=1e-6)


def test_expressions_move_their_vertices(avatar):
    head = small_lam()
    moved = avatar.decode(arkit_vector({"jawOpen": 0.5})).means
    moved = moved - avatar.decode(np.zeros(52, np.float32)).means
    np.testing.assert_allclose(moved, 0.5 * head.morphs["jawOpen"], atol=2e-5)
    assert np.abs(moved).max() > 0.01


def test_missing_tongue_is_a_zero_row(avatar):
    neutral = avatar.decode(np.zeros(52, np.float32)).means
    np.testing.assert_array_equal(avatar.decode(arkit_vector({"tongueOut": 1.0})).means, neutral)


def test_lam_heads_have_no_landmarks(avatar):
    assert avatar.landmarks(np.zeros(52, np.float32)) is None


def test_neck_follows_step_by_step(avatar):
    joints = small_lam().skin_joints[:, 0]
    # chest, lower neck, upper neck, head, and the jaw bone below the head.
    want = np.array([0, 1 / 3, 2 / 3, 1, 1], np.float32)[joints]
    np.testing.assert_allclose(avatar.rig.neck_weights, want, atol=1e-6)
    assert set(joints) == {0, 1, 2, 3, 4}


def test_pivot_is_the_middle_of_the_neck_bones(avatar):
    np.testing.assert_allclose(avatar.neck_pivot, np.array([0, 1.55, 0]) - ORIGIN_M, atol=5e-4)


def test_head_without_skin_turns_above_its_lowest_part(tmp_path):
    head = small_lam()
    head.has_skin = False
    contents = import_lam(small_lam_zip(tmp_path / "a.zip", head))
    weights, height = contents.rig.neck_weights, head.positions[:, 1]
    assert weights[height.argmin()] == 0
    assert (weights[height > height.min() + 0.05] == 1).all()
    assert height.min() < contents.info.neck_pivot[1] + ORIGIN_M[1] < height.min() + 0.05


@pytest.mark.parametrize("is_joined", [True, False])
def test_eyes_without_eyeballs_are_found_by_gaze(tmp_path, is_joined):
    head = small_lam()
    if is_joined:
        bridge = np.array([[70, 140 + 70, 280 + 70]])
        head.triangles = np.concatenate([head.triangles, bridge])
    else:
        head.triangles = head.triangles[head.triangles.max(axis=1) < 140]
    means = import_lam(small_lam_zip(tmp_path / "a.zip", head)).decoder.neutral["means"]
    origin = (head.positions + offsets(head) - means).mean(axis=0)
    np.testing.assert_allclose(origin, ORIGIN_M, atol=0.002)


def test_proxy_is_light_and_covers_the_head(avatar):
    vertices, triangles = avatar.guide_mesh
    low, high = avatar.bounds
    assert len(vertices) <= avatar.num_gaussians and len(triangles) > 50
    np.testing.assert_allclose(vertices.min(axis=0), low, atol=0.009)
    np.testing.assert_allclose(vertices.max(axis=0), high, atol=0.009)


def test_statement_goes_into_the_manifest(tmp_path):
    path = small_lam_zip(tmp_path / "head-1.zip")
    info = import_lam(path).info
    assert (info.name, info.licence) == ("head-1", UNKNOWN_LICENCE)
    assert not info.provenance.is_synthetic and "LAM" in info.provenance.source
    info = import_lam(path, LamStatement("Ada", "me", "MIT", ("LAM",), "signed 2026-01-01")).info
    assert (info.name, info.author, info.credits) == ("Ada", "me", ("LAM",))
    assert info.provenance.consent == "signed 2026-01-01"


def test_files_that_are_no_head(tmp_path):
    path = tmp_path / "a.zip"
    assert "no such file" in refusal(path)
    path.write_text("hello")
    assert "not a complete zip" in refusal(path)
    write_lam_zip(path, {"readme.txt": b""})
    assert "has no 'skin.glb'" in refusal(path)
    write_lam_zip(path, {"skin.glb": b"", "offset.ply": b""})
    assert "'skin.glb' is not a binary glTF" in refusal(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_truncated_zip(tmp_path, share):
    data = small_lam_zip(tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(data[: int(share * len(data))])
    assert "not a complete zip" in refusal(tmp_path / "a.zip")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.7, 0.999])
@pytest.mark.parametrize("name", ["skin.glb", "offset.ply"])
def test_truncated_members(tmp_path, name, share):
    head = small_lam()
    members = {"skin.glb": glb_bytes(head), "offset.ply": ply_bytes(head.columns)}
    members[name] = members[name][: int(share * len(members[name]))]
    write_lam_zip(tmp_path / "a.zip", members)
    assert f"'{name}'" in refusal(tmp_path / "a.zip")


def test_member_twice(tmp_path):
    write_lam_zip(tmp_path / "a.zip", {"skin.glb": b"", "again/skin.glb": b"", "offset.ply": b""})
    assert "stands in it twice" in refusal(tmp_path / "a.zip")


@pytest.mark.parametrize("column", ["x", "opacity", "scale_1", "rot_3", "f_dc_0"])
def test_wrong_columns(tmp_path, column):
    head = small_lam()
    head.columns[column][5] = np.nan
    assert f"numbers in '{column}' that are not finite" in refusal(
        small_lam_zip(tmp_path / "a.zip", head)
    )
    del head.columns[column]
    assert f"no column '{column}'" in refusal(small_lam_zip(tmp_path / "a.zip", head))


def break_head(head, what):
    if what == "count":
        head.columns = {name: values[:-1] for name, values in head.columns.items()}
    elif what == "nan":
        head.positions[0, 0] = np.inf
    elif what == "morph":
        head.morphs["jawOpen"][np.argmin(head.positions[:, 1])] = np.nan
    elif what == "jaw":
        del head.morphs["jawOpen"]
    elif what == "gaze":
        head.morphs = {n: d for n, d in head.morphs.items() if not n.startswith("eyeLook")}
    elif what == "units":
        head.positions *= 100
    elif what == "mirror":
        head.positions[:, 0] *= -1
    elif what == "joint":
        head.skin_joints[3, 0] = 99
    elif what == "triangles":
        head.triangles[0, 0] = 60_000
    elif what == "quats":
        head.columns["rot_0"][:] = 0
        head.columns |= {f"rot_{i}": head.columns["rot_0"] for i in range(4)}


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("count", "419 Gaussians and 'skin.glb' 420 vertices"),
        ("nan", "numbers that are not finite"),
        ("morph", "numbers that are not finite"),
        ("jaw", "no expression 'jawOpen'"),
        ("gaze", "no gaze expression"),
        ("units", "must be in metres"),
        ("mirror", "must be in metres and look along +Z"),
        ("joint", "joints that do not exist"),
        ("triangles", "triangles beyond its vertices"),
        ("quats", "zero rotations"),
    ],
)
def test_broken_heads(tmp_path, what, message):
    head = small_lam()
    break_head(head, what)
    assert message in refusal(small_lam_zip(tmp_path / "a.zip", head))


def edit(document, what):
    accessors, views = document["accessors"], document["bufferViews"]
    names = document["meshes"][0]["extras"]["targetNames"]
    sparse = next(a["sparse"] for a in accessors if "sparse" in a)
    changes = {
        "version": lambda: document.pop("meshes"),
        "count": lambda: accessors[0].update(count=10**12),
        "negative": lambda: accessors[0].update(count=-1),
        "float count": lambda: accessors[0].update(count=1.5),
        "type": lambda: accessors[0].update(type="VEC2"),
        "component": lambda: accessors[0].update(componentType=1),
        "component list": lambda: accessors[0].update(componentType=[]),
        "view": lambda: accessors[0].update(bufferView=9999),
        "offset": lambda: views[0].update(byteOffset=10**6),
        "length": lambda: views[0].update(byteLength=12),
        "stride": lambda: views[0].update(byteStride=4),
        "buffer": lambda: views[0].update(buffer=1),
        "sparse count": lambda: sparse.update(count=10**6),
        "sparse kind": lambda: sparse["indices"].update(componentType=5126),
        "sparse rows": lambda: accessors[4].update(count=3),
        "no sparse values": lambda: sparse.pop("values"),
        "indices": lambda: document["meshes"][0]["primitives"][0].update(indices="x"),
        "targets": lambda: document["meshes"][0].update(extras=None),
        "morph rows": lambda: accessors[4].update(count=2_000_000),
        "morph twice": lambda: names.__setitem__(1, names[0]),
        "joints": lambda: document["skins"][0].update(joints=[1, 2]),
        "nodes": lambda: document["skins"][0].update(joints=[1, 2, 3, 4, 77]),
        "primitives": lambda: document["meshes"][0].update(primitives=[3]),
        "bounded": lambda: document.update(accessors=7),
    }
    changes[what]()


@pytest.mark.parametrize(
    "what",
    [
        "version", "count", "negative", "float count", "type", "component", "component list", "view", "offset",
        "length", "stride", "buffer", "sparse count", "sparse kind", "sparse rows",
        "no sparse values", "indices", "targets", "morph rows", "morph twice", "joints", "nodes", "primitives", "bounded",
    ],
)  # fmt: skip
def test_glb_with_false_indices(tmp_path, what):
    head = small_lam()
    document, binary = glb_parts(head)
    edit(document, what)
    members = {"skin.glb": pack_glb(document, binary), "offset.ply": ply_bytes(head.columns)}
    write_lam_zip(tmp_path / "a.zip", members)
    assert "'skin.glb'" in refusal(tmp_path / "a.zip")


def test_strided_views_are_read(tmp_path):
    head = small_lam()
    document, binary = glb_parts(head)
    wide = np.zeros((len(head.positions), 5), np.float32)
    wide[:, :3] = head.positions
    document["bufferViews"].append(
        {"buffer": 0, "byteOffset": len(binary), "byteLength": wide.nbytes, "byteStride": 20}
    )
    document["accessors"][0]["bufferView"] = len(document["bufferViews"]) - 1
    members = {"skin.glb": pack_glb(document, binary + wide.tobytes())}
    write_lam_zip(tmp_path / "a.zip", members | {"offset.ply": ply_bytes(head.columns)})
    got = import_lam(tmp_path / "a.zip").decoder.neutral["means"]
    want = import_lam(small_lam_zip(tmp_path / "b.zip")).decoder.neutral["means"]
    np.testing.assert_array_equal(got, want)


def test_random_damage_to_the_glb_is_refused_or_harmless(tmp_path):
    head = small_lam()
    data, rng = glb_bytes(head), np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(data)
        broken[rng.integers(len(data))] ^= 1 << rng.integers(8)
        members = {"skin.glb": bytes(broken), "offset.ply": ply_bytes(head.columns)}
        write_lam_zip(tmp_path / "a.zip", members)
        try:
            contents = import_lam(tmp_path / "a.zip")
        except AvatarError:
            continue
        assert np.isfinite(contents.decoder.neutral["means"]).all()


@pytest.fixture
def data_folder():
    data = os.environ.get("GAUSSIAN_HEADS_DATA")
    if not data or not (Path(data) / "splats/lam/p2-1.zip").is_file():
        pytest.skip("needs the LAM head: set GAUSSIAN_HEADS_DATA to the project's data folder")
    return Path(data)


def test_real_head_has_its_known_size(tmp_path, data_folder):
    write_avatar(tmp_path / "a.uhap", import_lam(data_folder / "splats/lam/p2-1.zip"))
    avatar = Avatar.open(tmp_path / "a.uhap")
    assert avatar.num_gaussians == 20018
    low, high = avatar.bounds
    assert ((high - low > 0.2) & (high - low < 0.5)).all()
    drop = avatar.decode(arkit_vector({"jawOpen": 1.0})).means[:, 1]
    drop = drop - avatar.decode(np.zeros(52, np.float32)).means[:, 1]
    assert -0.05 < drop.min() < -0.03


def test_real_head_looks_like_its_preview(data_folder):
    script = Path(__file__).resolve().parents[2] / "bench" / "lam_preview.py"
    command = [sys.executable, str(script), "--data", str(data_folder)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stdout + result.stderr
    figures = json.loads(result.stdout)["psnr_db"]
    assert set(figures) == {"neutral", "jawOpen"} and min(figures.values()) >= 25
