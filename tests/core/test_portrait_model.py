"""The sampler by hand-made networks, and the ones that ship by their contract."""

import numpy as np
import pytest
from gaussian_heads.core.errors import ModelError
from gaussian_heads.core.portrait.drawing import NUM_MAPS, landmark_maps, noise_spread
from gaussian_heads.core.portrait.model import (
    PORTRAIT_FOLDER,
    PortraitModel,
    PortraitReference,
    PortraitStopped,
    network_files,
    noise,
    require_networks,
)

from .portrait_photos import PICTURE, POINTS, needs_networks, opened

SCALE = 0.25


class Denoiser:
    """Sees a grey change of `value` wherever landmarks are drawn, and none without; keeps what it was asked."""

    def __init__(self, value):
        self.value, self.asked = value, []

    def run(self, outputs, inputs):
        assert list(outputs) == ["clean", "warped"]
        self.asked.append(inputs)
        value = self.value if inputs["maps"].any() else 0.0
        count = len(inputs["change"])
        shape = (count, 3, 256, 256)
        return [np.full(shape, SCALE * value, np.float32), np.full(shape, 0.5, np.float32)]


def model_of(denoiser, tmp_path):
    return PortraitModel(tmp_path, {"denoiser": denoiser}, SCALE)


@pytest.fixture
def reference():
    pixels = np.zeros((1, 3, 256, 256), np.float32)
    features = {
        "fine": np.zeros((1, 4, 32, 32), np.float32),
        "coarse": np.zeros((1, 4, 16, 16), np.float32),
    }
    return PortraitReference(pixels, POINTS, features)


def begun(points):
    """What pictures with these points begin from."""
    spread = noise_spread(landmark_maps(np.stack(points)))
    return noise() * np.kron(spread, np.ones((4, 4), np.float32))


def byte_of(value):
    return int((np.clip(value, -1, 1) + 1) * 127.5 + 0.5)


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_steps_lead_from_noise_to_what_the_network_sees(tmp_path, reference, steps):
    denoiser = Denoiser(value=0.8)
    drawn = model_of(denoiser, tmp_path).draw(reference, np.stack([POINTS] * 3), steps=steps)
    assert drawn.shape == (3, 256, 256, 3) and drawn.dtype == np.uint8
    assert np.abs(drawn.astype(int) - byte_of(0.5 + SCALE * 0.8)).max() <= 1
    times = [float(asked["time"][0]) for asked in denoiser.asked]
    np.testing.assert_allclose(times, np.arange(steps) / steps, atol=1e-7)
    np.testing.assert_array_equal(denoiser.asked[0]["change"], begun([POINTS] * 3))
    assert denoiser.asked[0]["maps"].shape == (3, NUM_MAPS, 64, 64)
    assert denoiser.asked[0]["field"].shape == (3, 2, 33, 33)


def test_each_step_goes_its_part_of_the_way(tmp_path, reference):
    denoiser = Denoiser(value=0.8)
    model_of(denoiser, tmp_path).draw(reference, POINTS[None], steps=4)
    for step, asked in enumerate(denoiser.asked):
        expected = (1 - step / 4) * begun([POINTS]) + step / 4 * 0.8
        np.testing.assert_allclose(asked["change"], expected, atol=1e-5)


def test_guidance_goes_beyond_what_is_said_without_landmarks(tmp_path, reference):
    denoiser = Denoiser(value=0.4)
    drawn = model_of(denoiser, tmp_path).draw(reference, POINTS[None], steps=2, guidance=1.5)
    assert len(denoiser.asked) == 4
    assert np.abs(drawn.astype(int) - byte_of(0.5 + SCALE * 0.6)).max() <= 1


def test_all_begins_from_one_noise():
    np.testing.assert_array_equal(noise(), noise())
    assert noise().std() == pytest.approx(1.0, abs=0.01)


def test_a_stop_comes_between_steps(tmp_path, reference):
    told = []

    def progress(done):
        told.append(done)
        return done < 0.5

    denoiser = Denoiser(value=0.0)
    with pytest.raises(PortraitStopped):
        model_of(denoiser, tmp_path).draw(reference, POINTS[None], steps=4, progress=progress)
    assert told == [0.0, 0.25, 0.5] and len(denoiser.asked) == 2


def test_steps_have_bounds(tmp_path, reference):
    for steps in (0, 65):
        with pytest.raises(ModelError, match="in 1 to 64 steps"):
            model_of(Denoiser(0.0), tmp_path).draw(reference, POINTS[None], steps=steps)


def test_numbers_that_are_not_finite_are_refused(tmp_path, reference):
    with pytest.raises(ModelError, match="not finite"):
        model_of(Denoiser(np.nan), tmp_path).draw(reference, POINTS[None])


def test_a_build_without_the_network_says_so(tmp_path):
    with pytest.raises(ModelError, match="The portrait network is not part of this build"):
        require_networks(tmp_path)
    with pytest.raises(ModelError, match="is not part of this build"):
        PortraitModel.open(tmp_path)


def test_other_files_are_no_portrait_network(tmp_path):
    for path in network_files(tmp_path).values():
        path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match="is not a portrait network"):
        PortraitModel.open(tmp_path)


def test_networks_of_another_kind_are_refused(tmp_path):
    from gaussian_heads.core.monocular.finder import FINDER

    for path in network_files(tmp_path).values():
        path.write_bytes(FINDER.read_bytes())
    with pytest.raises(ModelError, match="network of another kind"):
        PortraitModel.open(tmp_path)


@pytest.mark.parametrize("kind", ["small", pytest.param("ships", marks=needs_networks)])
def test_networks_in_files_draw_the_same_twice(kind, tmp_path):
    model = opened(kind, tmp_path)
    assert (model.folder == PORTRAIT_FOLDER) == (kind == "ships")
    assert 0 < model.change_scale <= 1
    reference = model.reference(PICTURE, POINTS)
    points = POINTS + np.float32(0.01) * np.arange(3, dtype=np.float32)[:, None, None]
    first = model.draw(reference, points, steps=2)
    assert first.shape == (3, 256, 256, 3)
    np.testing.assert_array_equal(model.draw(reference, points, steps=2), first)
