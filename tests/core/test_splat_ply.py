"""Standard splat files: written, read back, refused."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
from gaussian_heads.core.avatar import describe
from gaussian_heads.core.camera import Camera, intrinsics, look_at
from gaussian_heads.core.errors import AvatarError
from gaussian_heads.core.exporters.splat_ply import write_splats
from gaussian_heads.core.gaussians import quat_to_matrix
from gaussian_heads.core.importers.splat_ply import open_avatar, read_splats
from gaussian_heads.core.render import render
from gaussian_heads.core.spherical_harmonics import SH_C0
from gaussian_heads.core.up_axis import FILE_TO_AVATAR

from .test_gaussians import make_gaussians

NAMES = [
    *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
]


def splats(count=50, num_coefficients=0, seed=1):
    g = make_gaussians(count, seed)
    if num_coefficients == 0:
        return g
    sh = np.random.default_rng(seed).normal(size=(count, num_coefficients, 3)) * 0.2
    return dataclasses.replace(g, sh=sh.astype(np.float32))


def ply(path: Path, rows: np.ndarray, names=NAMES, header=None) -> Path:
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(rows)}"]
    lines += [f"property float {name}" for name in names]
    text = header or "\n".join(lines)
    path.write_bytes(f"{text}\nend_header\n".encode() + rows.astype("<f4").tobytes())
    return path


def row(**values):
    base = dict.fromkeys(NAMES, 0.0) | {"rot_0": 1.0, "scale_0": -3.0}
    return np.array([[(base | values)[name] for name in NAMES]], np.float32)


@pytest.mark.parametrize("num_coefficients", [0, 3, 8, 15])
def test_what_was_written_comes_back(tmp_path, num_coefficients):
    g = splats(num_coefficients=num_coefficients)
    write_splats(tmp_path / "a.ply", g)
    back = read_splats(tmp_path / "a.ply")
    np.testing.assert_array_equal(back.means, g.means)
    np.testing.assert_allclose(quat_to_matrix(back.quats), quat_to_matrix(g.quats), atol=1e-6)
    for name in ("scales", "opacities", "colors"):
        np.testing.assert_allclose(getattr(back, name), getattr(g, name), rtol=2e-6, atol=1e-7)
    if num_coefficients:
        np.testing.assert_array_equal(back.sh, g.sh)
    else:
        assert back.sh is None
    write_splats(tmp_path / "b.ply", back)
    again = read_splats(tmp_path / "b.ply")
    for field in dataclasses.fields(again):
        if getattr(again, field.name) is not None:
            first, second = getattr(back, field.name), getattr(again, field.name)
            np.testing.assert_allclose(second, first, rtol=1e-6, atol=1e-7)


def test_columns_stand_in_the_order_and_form_of_the_original(tmp_path):
    g = splats(2, 3)
    write_splats(tmp_path / "a.ply", g)
    header, body = (tmp_path / "a.ply").read_bytes().split(b"end_header\n", 1)
    names = [line.split()[-1].decode() for line in header.splitlines() if b"property" in line]
    rest = [f"f_rest_{i}" for i in range(9)]
    assert names == [*NAMES[:9], *rest, *NAMES[9:]]
    rows = np.frombuffer(body, "<f4").reshape(2, -1)
    values = dict(zip(names, rows[1], strict=True))
    assert values["f_dc_1"] == pytest.approx((g.colors[1, 1] - 0.5) / SH_C0, rel=1e-6)
    # Channel-major: all of red, then all of green.
    np.testing.assert_array_equal([values[name] for name in rest], g.sh[1].T.ravel())
    assert values["scale_2"] == pytest.approx(np.log(g.scales[1, 2]), rel=1e-6)
    o = float(g.opacities[1])
    assert values["opacity"] == pytest.approx(np.log(o / (1 - o)), rel=1e-5)


def test_values_that_no_logarithm_has_are_bounded(tmp_path):
    g = splats(3)
    g.scales[0, 0], g.opacities[:2] = 0.0, (0.0, 1.0)
    write_splats(tmp_path / "a.ply", g)
    back = read_splats(tmp_path / "a.ply")
    assert 0 < back.scales[0, 0] < 1e-7
    np.testing.assert_allclose(back.opacities[:2], (0.0, 1.0), atol=1e-6)
    g.means[1, 1] = np.inf
    with pytest.raises(AvatarError, match="not finite"):
        write_splats(tmp_path / "b.ply", g)
    assert not (tmp_path / "b.ply").exists()


def test_broken_rows_are_left_out_and_counted(tmp_path, caplog):
    rows = np.concatenate([row(x=1), row(y=np.nan), row(opacity=np.inf), row(x=2, rot_0=0)])
    with caplog.at_level("WARNING"):
        g = read_splats(ply(tmp_path / "a.ply", rows))
    np.testing.assert_array_equal(g.means[:, 0], [1, 2])
    np.testing.assert_array_equal(g.quats[1], [1, 0, 0, 0])
    assert "2 broken Gaussians" in caplog.text
    with pytest.raises(AvatarError, match="no Gaussian"):
        read_splats(ply(tmp_path / "b.ply", row(z=np.nan)))


def test_extreme_numbers_stay_finite(tmp_path):
    rows = np.concatenate([row(scale_0=1e5, opacity=1e5), row(scale_1=-1e5, opacity=-1e5)])
    g = read_splats(ply(tmp_path / "a.ply", rows))
    for field in ("scales", "opacities"):
        assert np.isfinite(getattr(g, field)).all()
    assert (g.scales > 0).all()


REST_8 = [*NAMES, *(f"f_rest_{i}" for i in range(8))]
HEAD = "ply\nformat binary_little_endian 1.0\n"


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ("plyx", "not a PLY"),
        ("ply\nformat ascii 1.0\nelement vertex 1", "little-endian"),
        (HEAD + "element vertex 99999999999999999999\nproperty float x", "at most"),
        (HEAD + "element vertex -3\nproperty float x", "at most"),
        (HEAD + "element chunk 3\nproperty float min_x\nelement vertex 3", "uncompressed"),
        (HEAD + "element vertex 1\nproperty list uchar int x", "column"),
        (HEAD + "element vertex 1\nproperty float x\nproperty float x", "column"),
        (HEAD + "element vertex 1\nproperty float x\nproperty float y", "'z'"),
        (HEAD + "element vertex 1", "without columns"),
    ],
)
def test_hostile_headers_get_one_sentence(tmp_path, header, match):
    with pytest.raises(AvatarError, match=match) as caught:
        read_splats(ply(tmp_path / "a.ply", np.zeros((1, 40)), header=header))
    assert str(caught.value).count(". ") == 0


def test_cut_off_missing_and_odd_degrees_are_refused(tmp_path):
    path = ply(tmp_path / "a.ply", np.concatenate([row(), row()]))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(AvatarError, match="cut off"):
        read_splats(path)
    with pytest.raises(AvatarError, match="no file"):
        read_splats(tmp_path / "none.ply")
    rows = np.concatenate([row(), np.zeros((1, 8), np.float32)], axis=1)
    with pytest.raises(AvatarError, match="8 columns"):
        read_splats(ply(tmp_path / "b.ply", rows, REST_8))


def test_damaged_files_are_read_or_refused_but_nothing_else(tmp_path):
    """Bytes flipped, cut out and repeated, most of them in the header."""
    write_splats(tmp_path / "a.ply", splats(20, 3))
    whole = (tmp_path / "a.ply").read_bytes()
    head = whole.index(b"end_header")
    rng = np.random.default_rng(0)
    num_refused = 0
    for _ in range(1500):
        data = bytearray(whole)
        limit = head + 20 if rng.random() < 0.8 else len(data)
        at = int(rng.integers(limit))
        kind = rng.integers(4)
        if kind == 0:
            data[at] = int(rng.integers(256))
        elif kind == 1:
            del data[at : at + int(rng.integers(1, 40))]
        elif kind == 2:
            data[at:at] = data[max(0, at - 30) : at]
        else:
            data[at:at] = str(int(rng.integers(1, 10**12))).encode()
        (tmp_path / "b.ply").write_bytes(bytes(data))
        try:
            g = read_splats(tmp_path / "b.ply")
        except AvatarError:
            num_refused += 1
            continue
        assert all(np.isfinite(a).all() for a in vars(g).values() if a is not None)
    assert 500 < num_refused < 1500


def test_a_file_opens_as_an_avatar_that_stands_still(tmp_path):
    g = splats(200, 8)
    write_splats(tmp_path / "statue.ply", g)
    avatar = open_avatar(tmp_path / "statue.ply")
    assert "200 Gaussians" in describe(avatar) and "static" in describe(avatar)
    assert (avatar.name, avatar.code_dim, avatar.num_gaussians) == ("statue", 0, 200)
    assert avatar.landmarks(np.zeros(0)) is None
    still = avatar.decode(np.zeros(0))
    np.testing.assert_array_equal(still.means, g.means)
    turned = avatar.decode(np.zeros(0), np.array([0, np.pi, 0, 0, 0, 0.0]))
    pivot = avatar.neck_pivot
    np.testing.assert_allclose(turned.means - pivot, (g.means - pivot) * (-1, 1, -1), atol=1e-5)
    vertices, triangles = avatar.guide_mesh
    inside = ((g.means >= vertices.min(axis=0)) & (g.means <= vertices.max(axis=0))).all(axis=1)
    assert 0.9 < inside.mean() < 1.0
    # The box is closed and faces outwards.
    corners = (vertices - vertices.mean(axis=0))[triangles].astype(np.float64)
    size = vertices.max(axis=0) - vertices.min(axis=0)
    assert np.linalg.det(corners).sum() / 6 == pytest.approx(np.prod(size), rel=1e-4)


def test_up_axes_are_turns_that_put_up_on_y():
    for name, up in (("Y", (0, 1, 0)), ("-Y", (0, -1, 0)), ("Z", (0, 0, 1))):
        matrix = FILE_TO_AVATAR[name]
        assert np.linalg.det(matrix) == pytest.approx(1.0)
        np.testing.assert_allclose(matrix[:3, :3] @ up, (0, 1, 0))


def test_a_real_head_looks_the_same_after_a_round_trip(tmp_path):
    data = os.environ.get("GAUSSIAN_HEADS_DATA")
    source = Path(data or ".") / "splats" / "lam" / "lam_p2-1_neutral_standard3dgs.ply"
    if not source.is_file():
        pytest.skip("set GAUSSIAN_HEADS_DATA to the data folder with splats/lam")
    first = read_splats(source)
    assert first.num_gaussians == 20018
    write_splats(tmp_path / "again.ply", first)
    center = np.median(first.means, axis=0).astype(np.float64)
    viewmat = look_at(center + (0.0, 0.0, 0.8), center, np.array([0.0, 1.0, 0.0]))
    camera = Camera(viewmat, intrinsics(300.0, 128, 128), 128, 128)
    pictures = [render(g, camera).colors for g in (first, read_splats(tmp_path / "again.ply"))]
    assert pictures[0].max() > 0.3
    np.testing.assert_allclose(pictures[1], pictures[0], atol=5e-3)
