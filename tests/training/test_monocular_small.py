"""Face finder and matte: scenes say the truth, training learns and goes on, the files are what the run time opens."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training environment is not installed")

from gaussian_heads.core.monocular.finder import CELL_PX, FaceFinder  # noqa: E402
from gaussian_heads.core.monocular.matte import HeadMatte  # noqa: E402
from gaussian_heads.training import monocular_finder, monocular_matte, monocular_small  # noqa: E402
from gaussian_heads.training.monocular_augment import PLAIN  # noqa: E402
from gaussian_heads.training.monocular_scenes import (  # noqa: E402
    HeadPictures,
    NoPicturesError,
    SceneCamera,
    place,
)
from gaussian_heads.training.monocular_small import SmallSettings, train_small  # noqa: E402

SIZE, FACE = 192, (96.0, 80.0, 60.0)


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    """Red discs on blue shoulders, the face a square in the middle of the disc."""
    folder = tmp_path_factory.mktemp("heads")
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    rgba = np.zeros((4, SIZE, SIZE, 4), np.uint8)
    rgba[:, np.hypot(x - FACE[0], y - FACE[1]) < 45] = (220, 30, 30, 255)
    rgba[:, (y > 120) & (np.abs(x - FACE[0]) < 60)] = (30, 30, 200, 255)
    corners = np.array([[-0.5, -0.5], [0.5, 0.5]])
    points = np.tile(np.array(FACE[:2]), (4, 68, 1))
    points[:, :2] += FACE[2] * corners
    np.save(folder / "head-00000.npy", rgba)
    np.savez(folder / "head-00000.npz", landmarks=points.astype(np.float32))
    return HeadPictures(folder)


def test_heads_stand_where_they_are_put(heads):
    head = heads.draw_whole(np.random.default_rng(0))
    assert head.is_whole and head.face.side_px == pytest.approx(FACE[2])
    rgba = place(head, 160, (50.0, 70.0), 30.0)
    red = (rgba[..., 0] > 128) & (rgba[..., 3] > 128)
    rows, columns = np.nonzero(red)
    # Half as large as in its own picture; the shoulders hide the disc's lower end.
    assert columns.mean() + 0.5 == pytest.approx(50.0, abs=0.7)
    assert rows.min() == pytest.approx(70.0 - 22.5, abs=1.5)


def test_a_scenes_faces_are_where_it_says(heads):
    camera = SceneCamera(0, PLAIN)
    for _ in range(30):
        scene = monocular_finder.draw_scene(heads, camera)
        for x, y, side in scene.faces:
            if 8 < x < 152 and 8 < y < 152 and side > 8:
                red, _, blue = scene.pixels[int(y), int(x)].astype(int)
                assert red > 120 > blue
        heat, box, counts = monocular_finder.targets(scene)
        assert (heat >= 1.0).sum() <= len(scene.faces) and counts.shape == heat.shape
        for row, column in np.argwhere(heat >= 1.0):
            middle = (np.array([column, row]) + 0.5 + box[row, column, :2]) * CELL_PX
            assert np.abs(scene.faces[:, :2] - middle).sum(1).min() < 1e-3


def test_alpha_is_that_of_the_head_in_the_middle(heads):
    camera = SceneCamera(0, PLAIN)
    for _ in range(10):
        pixels, alpha = monocular_matte.draw_head(heads, camera)
        assert pixels.shape == (160, 160, 3) and alpha.shape == (80, 80)
        assert alpha[38:42, 38:42].min() > 0.9 and alpha[0].max() == 0.0


@pytest.mark.parametrize(
    ("module", "open_file"), ((monocular_finder, FaceFinder), (monocular_matte, HeadMatte))
)
def test_training_learns_goes_on_and_writes_what_opens(
    heads, tmp_path, module, open_file, monkeypatch
):
    losses = []
    learnt = module.RECIPE.loss_of

    def noted(network, batch):
        loss = learnt(network, batch)
        losses.append(float(loss.detach()))
        return loss

    recipe = monocular_small.Recipe(
        module.RECIPE.network, module.RECIPE.draw_batch, noted, module.RECIPE.export
    )
    monkeypatch.setattr(monocular_small, "SceneCamera", lambda seed: SceneCamera(seed, PLAIN))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        settings = SmallSettings(minutes=0.03, batch=6, fresh=3)
        train_small(recipe, heads, tmp_path, settings)
        first = len(losses)
        network = train_small(recipe, heads, tmp_path, SmallSettings(0.06, 6, 3))
    finally:
        torch.set_num_threads(threads)
    # A single scene may be hard: the middle of what came after the restart counts.
    assert len(losses) > first >= 3 and np.median(losses[first:]) < losses[0]
    size = module.RECIPE.export(network, tmp_path / "network.onnx")
    assert size < 250_000
    open_file.open(tmp_path / "network.onnx", num_threads=1)


def test_a_folder_without_heads_is_named(tmp_path):
    with pytest.raises(NoPicturesError, match="monocular_renders --mode head"):
        HeadPictures(tmp_path)
