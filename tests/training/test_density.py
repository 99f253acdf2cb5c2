"""Density control: which Gaussians grow, into what, and that the optimiser's memory follows them."""

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch")

from gaussian_heads.core.camera import Camera, intrinsics, look_at  # noqa: E402
from gaussian_heads.training.density import DensityControl, DensitySettings  # noqa: E402
from gaussian_heads.training.fitted_gaussians import (  # noqa: E402
    NAMES,
    FittedGaussians,
    LearningRates,
)
from gaussian_heads.training.rasterize import SplatStatistics  # noqa: E402

SIZE_M = 0.2
CAMERA = Camera(
    look_at(np.array([0, 0, 1.0]), np.zeros(3), np.array([0, 1.0, 0])),
    intrinsics(80.0, 32, 24), 32, 24,
)  # fmt: skip


def gaussians_of(scales_m, opacities):
    count = len(scales_m)
    rows = {
        "means": torch.arange(3.0 * count).reshape(count, 3) / 100,
        "quats": torch.tensor([1.0, 0, 0, 0]).repeat(count, 1),
        "log_scales": torch.tensor(scales_m).log()[:, None].repeat(1, 3),
        "logit_opacities": torch.logit(torch.tensor(opacities)),
        "colors": torch.full((count, 3), 0.5),
    }
    return FittedGaussians(rows, LearningRates(), SIZE_M)


def statistics(norms, num_pixels):
    gradients = torch.tensor(norms)[:, None] * torch.tensor([0.6, 0.8])
    return SplatStatistics(gradients, torch.tensor(num_pixels, dtype=torch.int32))


def control(gaussians, **settings):
    return DensityControl(DensitySettings(**settings), SIZE_M, len(gaussians))


def test_pictures_count_by_the_pixels_they_give():
    density = control(gaussians_of([0.001] * 3, [0.5] * 3))
    density.observe(statistics([1e-3, 4e-3, 0.0], [10, 1, 0]), CAMERA)
    density.observe(statistics([0.0, 1e-3, 7e-3], [30, 3, 0]), CAMERA)
    half_width = 16
    expected = np.array([10 * 1e-3 / 40, (4e-3 + 3 * 1e-3) / 4, 0.0]) * half_width
    np.testing.assert_allclose(density.scores, expected, rtol=1e-5)


def test_a_plain_mean_would_choose_others():
    """One picture shows the first Gaussian large and wrong, nine show a corner of it, right."""
    density = control(gaussians_of([0.001] * 2, [0.5] * 2), threshold=0.01)
    density.observe(statistics([1e-3, 1e-3], [900, 1]), CAMERA)
    for _ in range(9):
        density.observe(statistics([0.0, 0.0], [1, 100]), CAMERA)
    assert (density.scores > 0.01).tolist() == [True, False]


def test_small_ones_are_doubled_and_large_ones_split():
    gaussians = gaussians_of([0.001, 0.05, 0.001], [0.5, 0.5, 0.5])
    density = control(gaussians, threshold=1e-3, split_scale=0.1, max_scale=1.0)
    density.observe(statistics([1.0, 1.0, 0.0], [5, 5, 5]), CAMERA)
    density.grow_and_prune(gaussians, torch.Generator().manual_seed(0))
    scales = gaussians.scales()[:, 0].detach()
    np.testing.assert_allclose(sorted(scales), [0.001] * 3 + [0.05 / 1.6] * 2, rtol=1e-5)
    # A Gaussian and its copy cover together what it covered alone.
    shared = gaussians.opacities().detach()[scales < 0.01].sort().values
    half = 1 - math.sqrt(0.5)
    np.testing.assert_allclose(shared, [half, half, 0.5], rtol=1e-4)
    parts = gaussians.parameters["means"].detach()[scales > 0.01]
    distance = (parts - torch.tensor([0.03, 0.04, 0.05])).norm(dim=1)
    assert (distance > 0).all() and (distance < 4 * 0.05 * math.sqrt(3)).all()


def test_parts_scatter_along_the_gaussian_that_is_split():
    gaussians = gaussians_of([0.05] * 400, [0.5] * 400)
    with torch.no_grad():
        gaussians.parameters["means"].zero_()
        gaussians.parameters["log_scales"][:, 1:] = math.log(1e-4)
        # A quarter turn about z: the long axis, x, comes to lie along y.
        gaussians.parameters["quats"][:] = torch.tensor([math.sqrt(0.5), 0, 0, math.sqrt(0.5)])
    density = control(gaussians, threshold=1e-3, max_scale=1.0)
    density.observe(statistics([1.0] * 400, [5] * 400), CAMERA)
    density.grow_and_prune(gaussians, torch.Generator().manual_seed(0))
    spread = gaussians.parameters["means"].detach().std(dim=0)
    np.testing.assert_allclose(spread, [1e-4, 0.05, 1e-4], rtol=0.15)


def test_what_is_clear_unseen_or_huge_is_pruned():
    gaussians = gaussians_of([0.001, 0.001, 0.001, 0.15], [0.5, 0.001, 0.5, 0.5])
    density = control(gaussians, threshold=1.0, max_scale=0.5)
    density.observe(statistics([0.0] * 4, [5, 5, 0, 5]), CAMERA)
    density.grow_and_prune(gaussians, torch.Generator())
    np.testing.assert_allclose(gaussians.parameters["means"].detach(), [[0, 0.01, 0.02]], atol=1e-6)


def test_the_number_stays_under_its_bound_and_the_neediest_grow_first():
    gaussians = gaussians_of([0.001] * 10, [0.5] * 10)
    density = control(gaussians, threshold=1e-6, max_gaussians=13)
    density.observe(statistics([float(i) for i in range(10)], [5] * 10), CAMERA)
    density.grow_and_prune(gaussians, torch.Generator())
    assert len(gaussians) == 13
    grown = gaussians.opacities().detach() < 0.4
    means = gaussians.parameters["means"].detach()[grown, 0]
    np.testing.assert_allclose(sorted(means), sorted([0.21, 0.24, 0.27] * 2), atol=1e-5)


def test_adam_remembers_who_is_who():
    gaussians = gaussians_of([0.001] * 3, [0.5] * 3)
    for step in range(2):
        for name in NAMES:
            parameter = gaussians.parameters[name]
            row = torch.arange(1.0, 4.0).reshape(3, *[1] * (parameter.ndim - 1))
            parameter.grad = (step + 1) * row.expand_as(parameter).clone()
        gaussians.step()
    before = gaussians.optimizer.state[gaussians.parameters["means"]]["exp_avg"].clone()
    gaussians.keep(torch.tensor([False, True, True]))
    gaussians.append(gaussians.rows(torch.tensor([True, False])))
    after = gaussians.optimizer.state[gaussians.parameters["means"]]["exp_avg"]
    np.testing.assert_array_equal(after, torch.cat([before[1:], torch.zeros(1, 3)]))
    assert {id(g["params"][0]) for g in gaussians.optimizer.param_groups} == {
        id(p) for p in gaussians.parameters.values()
    }


def test_a_reset_makes_every_opacity_be_earned_again():
    gaussians = gaussians_of([0.001] * 2, [0.9, 0.01])
    settings = {"first_step": 5, "every_steps": 1000, "reset_every_steps": 10, "last_step": 30}
    density = control(gaussians, reset_opacity=0.05, **settings)
    density.step(gaussians, 9, torch.Generator())
    np.testing.assert_allclose(gaussians.opacities().detach(), [0.9, 0.01], rtol=1e-5)
    density.step(gaussians, 10, torch.Generator())
    np.testing.assert_allclose(gaussians.opacities().detach(), [0.05, 0.01], rtol=1e-5)
    # The last one would leave no time to recover.
    with torch.no_grad():
        gaussians.parameters["logit_opacities"].fill_(2.0)
    density.step(gaussians, 30, torch.Generator())
    assert (gaussians.opacities() > 0.8).all()
