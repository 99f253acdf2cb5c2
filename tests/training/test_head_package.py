"""From a head folder to a package, and the sheet that compares it with Cycles."""

import json

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs torch (the training environment)")
pytest.importorskip("scipy", reason="needs scipy (the training environment)")
Image = pytest.importorskip("PIL.Image", reason="needs pillow")

from gaussian_heads.core.avatar import Avatar  # noqa: E402
from gaussian_heads.core.camera import intrinsics, look_at  # noqa: E402
from gaussian_heads.core.errors import AvatarError  # noqa: E402
from gaussian_heads.training.builtin_head import build_avatar  # noqa: E402
from gaussian_heads.training.builtin_head import main as build_from_command  # noqa: E402
from gaussian_heads.training.contact_sheet import foreground_psnr_db  # noqa: E402
from gaussian_heads.training.contact_sheet import main as draw_contact_sheet  # noqa: E402
from gaussian_heads.training.guide_mesh import SHELL_GRID  # noqa: E402
from gaussian_heads.training.head_assembly import assemble_head  # noqa: E402
from gaussian_heads.training.head_folder import folder_hash, load_head  # noqa: E402
from gaussian_heads.training.head_settings import HeadSettings  # noqa: E402
from gaussian_heads.training.package_parts import (  # noqa: E402
    MAX_GUIDE_TRIANGLES,
    lip_contact_offset_mm,
)

from .head_fixtures import small_head  # noqa: E402
from .test_head_network import COARSE  # noqa: E402


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    path = tmp_path_factory.mktemp("avatar") / "small.uhap"
    head = small_head()
    build_avatar(head, assemble_head(head, HeadSettings(spacing=COARSE)), "Small", path)
    return path


def save_head(head, folder):
    mesh = vars(head.mesh) | {"landmarks68": head.mesh.landmarks}
    del mesh["landmarks"]
    np.savez(folder / "head.npz", **mesh)
    (folder / "light").mkdir()
    for state in head.light:
        np.save(folder / "light" / f"{state.name}.npy", state.radiance.astype(np.float16))
    weights = {state.name: state.controls for state in head.light}
    (folder / "light" / "states.json").write_text(json.dumps(weights), "utf8")
    arrays = {
        f"{group}_{name}": values
        for group, strands in head.strands.items()
        for name, values in vars(strands).items()
    }
    np.savez(folder / "strands.npz", **arrays)


def test_package_opens_and_carries_its_credits(package):
    avatar = Avatar.open(package)
    assert avatar.name == "Small" and avatar.code_space == "arkit52"
    assert any("Lee Perry-Smith" in credit for credit in avatar.manifest.info.credits)
    assert avatar.thumbnail is not None
    vertices, triangles = avatar.guide_mesh
    assert len(triangles) <= MAX_GUIDE_TRIANGLES + 2 * np.prod(
        SHELL_GRID
    ) and triangles.max() < len(vertices)
    assert avatar.landmarks(np.zeros(52, np.float32)).shape == (68, 3)


def test_head_folder_comes_back_as_it_was_written(tmp_path):
    head = small_head()
    save_head(head, tmp_path)
    loaded = load_head(tmp_path)
    assert [state.name for state in loaded.light] == ["neutral", "blink", "jaw_open"]
    assert loaded.light[2].controls == {"jawOpen": 1.0}
    np.testing.assert_array_equal(loaded.mesh.triangles, head.mesh.triangles)
    np.testing.assert_allclose(loaded.strands["hair"].points, head.strands["hair"].points)
    before = folder_hash(tmp_path)
    (tmp_path / "light" / "states.json").write_text("{}", "utf8")
    assert folder_hash(tmp_path) != before


def test_commands_say_what_is_missing_and_fail(package, tmp_path, capsys):
    out = tmp_path / "out"
    assert build_from_command(["--head", str(tmp_path), "--out", str(out)]) == 1
    assert "make the head with the studio first" in capsys.readouterr().err
    options = ["--avatar", str(package), "--reference", str(tmp_path), "--out", str(out)]
    assert draw_contact_sheet(options) == 1
    assert "render the references" in capsys.readouterr().err
    assert not out.exists()


def test_missing_or_unlit_folders_are_refused(tmp_path):
    with pytest.raises(AvatarError, match="make the head with the studio first"):
        load_head(tmp_path)
    save_head(small_head(), tmp_path)
    (tmp_path / "light" / "neutral.npy").unlink()
    with pytest.raises(AvatarError, match="no neutral state"):
        load_head(tmp_path)


def test_lip_contact_offset_is_the_gap_at_rest_and_never_negative():
    landmarks = np.zeros((68, 3))
    landmarks[[61, 62, 63], 1] = 0.0008
    assert lip_contact_offset_mm(landmarks) == pytest.approx(0.8)
    landmarks[[61, 62, 63], 1] = -0.001
    assert lip_contact_offset_mm(landmarks) == 0.0


def test_psnr_counts_covered_pixels_only():
    reference = np.zeros((4, 4, 3))
    ours = np.full((4, 4, 3), 0.1)
    ours[0] = 1.0
    alpha = np.ones((4, 4))
    alpha[0] = 0.0
    assert foreground_psnr_db(ours, reference, alpha) == pytest.approx(20.0)


def test_contact_sheet_shows_every_pair(package, tmp_path, capsys):
    folder = tmp_path / "reference"
    folder.mkdir()
    viewmat = look_at(np.array([0, 0, 0.6]), np.zeros(3), np.array([0, 1.0, 0]))
    cameras = {
        view: {"viewmat": viewmat.tolist(), "K": intrinsics(100.0, 48, 48).tolist()}
        for view in ("front", "side")
    }
    (folder / "cameras.json").write_text(json.dumps(cameras), "utf8")
    states = {"neutral": {}, "jaw": {"jawOpen": 1.0}}
    (tmp_path / "light").mkdir()
    (tmp_path / "light" / "states.json").write_text(json.dumps(states), "utf8")
    for state in states:
        for view in cameras:
            Image.new("RGBA", (48, 48), (120, 80, 70, 255)).save(folder / f"{state}_{view}.png")
    out = tmp_path / "sheet.png"
    options = ["--avatar", package, "--reference", folder, "--out", out, "--side", "40"]
    assert draw_contact_sheet([str(option) for option in options]) == 0
    with Image.open(out) as sheet:
        assert sheet.size == (2 * 2 * 40, 2 * 40 + 18)
    printed = capsys.readouterr().out
    assert printed.count(" dB") == 4 and "jaw" in printed
