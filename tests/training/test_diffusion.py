"""The diffusion portrait: its network, its samples and the command, on clips made by hand."""

import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from gaussian_heads.training import diffusion  # noqa: E402
from gaussian_heads.training.networks.portrait import (  # noqa: E402
    PortraitNetwork,
    fold,
    unfold,
    warp,
)
from gaussian_heads.training.portrait.export import export_portrait  # noqa: E402
from gaussian_heads.training.portrait.fit import load_portrait  # noqa: E402
from gaussian_heads.training.portrait.flow import conditions, flow_loss, sampled  # noqa: E402
from gaussian_heads.training.portrait.photographs import PLAIN, Photographer  # noqa: E402
from gaussian_heads.training.portrait.pool import (  # noqa: E402
    MIRRORED,
    ClipPool,
    collate,
    with_still_mouth,
)
from gaussian_heads.training.portrait.sounds import CLASSES, SOUND_DIM, sound_features  # noqa: E402

from .portrait_fixtures import SMALL, write_clips  # noqa: E402


@pytest.fixture
def clips(tmp_path):
    return write_clips(tmp_path)


@pytest.fixture
def rng():
    return np.random.default_rng(4)


def batch_of(clips, count=2, **options):
    samples = iter(ClipPool(clips, **options))
    return collate([next(samples) for _ in range(count)])


def network(**options):
    torch.manual_seed(0)
    made = PortraitNetwork(replace(SMALL, **options)).eval()
    for name, parameter in made.named_parameters():
        if parameter.abs().max() == 0 or name.endswith("taps"):
            torch.nn.init.normal_(parameter, std=0.05)
    return made


def test_folding_loses_nothing():
    picture = torch.rand(2, 3, 32, 32)
    assert torch.equal(unfold(fold(picture)), picture)


def test_a_warp_takes_pixels_from_where_the_field_says():
    picture = torch.zeros(1, 1, 64, 64)
    picture[..., 40, 24] = 1.0
    field = torch.zeros(1, 2, 33, 33)
    assert torch.allclose(warp(picture, field), picture, atol=1e-4)
    field[:, 0], field[:, 1] = 8 / 64, -4 / 64
    moved = warp(picture, field)
    assert moved[0, 0, 44, 16] == pytest.approx(1.0, abs=1e-3)


def test_an_untrained_network_gives_the_warped_photo(clips):
    batch = batch_of(clips)
    made = PortraitNetwork(SMALL).eval()
    given = conditions(made, batch)
    change = torch.randn_like(given.warped)
    assert not made(change, torch.rand(2), given).any()
    pictures = sampled(made, batch, steps=3)
    torch.testing.assert_close(pictures[:, 0], unfold(given.warped).clamp(-1, 1), atol=1e-5, rtol=0)


def test_frames_reach_their_neighbours_alone_and_one_frame_stands_alone(clips):
    made = network()
    batch = batch_of(clips, frames=6, count=1)
    given = conditions(made, batch)
    time, change = torch.full((6,), 0.3), torch.randn(1, 48, 64, 64).repeat(6, 1, 1, 1)
    before = made(change, time, given)
    other = change.clone()
    other[5] += 1.0
    moved = (made(other, time, given) - before).abs().flatten(1).amax(1)
    # Two layers reach two frames far.
    assert (moved[3:] > 1e-6).all() and (moved[:3] == 0).all()


def test_guidance_of_one_is_none_and_noise_is_that_of_the_seed(clips):
    made, batch = network(), batch_of(clips)
    plain = sampled(made, batch, steps=2)
    assert torch.equal(plain, sampled(made, batch, steps=2, guidance=1.0))
    assert not torch.equal(plain, sampled(made, batch, steps=2, guidance=2.0))
    assert not torch.equal(plain, sampled(made, batch, steps=2, seed=1))


def test_the_loss_falls_when_the_truth_is_known(clips):
    torch.manual_seed(1)
    made, batch = PortraitNetwork(SMALL), batch_of(clips, count=3)
    optimizer = torch.optim.Adam(made.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = flow_loss(made, batch, torch.Generator().manual_seed(5))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


class Onlooker(PortraitNetwork):
    """Keeps what it was asked."""

    def forward(self, change, time, given):
        self.asked = given
        return super().forward(change, time, given)


@pytest.mark.parametrize("frames", [1, 3])
def test_a_square_is_the_same_part_of_all_that_is_given(clips, frames):
    batch = batch_of(clips, frames=frames)
    seen = Onlooker(SMALL)
    flow_loss(seen, batch, torch.Generator().manual_seed(3), side=16)
    part, whole = seen.asked, conditions(seen, batch)
    for clip in range(2):
        own = slice(clip * frames, (clip + 1) * frames)
        corners = [
            (y, x)
            for y in range(0, 49, 4)
            for x in range(0, 49, 4)
            if torch.equal(part.warped[own], whole.warped[own, :, y : y + 16, x : x + 16])
        ]
        assert len(corners) == 1
        y, x = corners[0]
        assert torch.equal(part.maps[own], whole.maps[own, :, y : y + 16, x : x + 16]) or not (
            part.maps[own].any()
        )
        assert torch.equal(part.reach[own], whole.reach[own, :, y : y + 16, x : x + 16])
        y, x = y // 2, x // 2
        assert torch.equal(part.fine[own], whole.fine[own, :, y : y + 8, x : x + 8])


def test_a_sample_holds_neighbouring_frames_of_one_clip(clips):
    batch = batch_of(clips, frames=4, count=3)
    assert batch.target.shape == (3, 4, 3, 256, 256) and batch.maps.shape[:2] == (3, 4)
    assert batch.photo.abs().max() <= 1.0 and batch.sound.shape == (3, 4, 0)


def test_sound_stands_for_the_mouth(clips):
    batch = batch_of(clips, frames=2, sounds=clips.parent / "sounds")
    assert batch.sound.shape == (2, 2, SOUND_DIM)
    made = network(sound_dim=SOUND_DIM)
    heard = sampled(made, batch, steps=1)
    deaf = sampled(made, replace(batch, sound=torch.zeros_like(batch.sound)), steps=1)
    assert not torch.equal(heard, deaf)


def test_a_still_mouth_is_at_rest_and_nothing_else(rng):
    points, rest = rng.random((2, 70, 2)), rng.random((2, 70, 2))
    still = with_still_mouth(points, rest)
    assert np.array_equal(still[:, 48:68], rest[:, 48:68])
    assert np.array_equal(still[:, 17:48], points[:, 17:48])
    assert np.array_equal(still[:, 68:], points[:, 68:])


def test_sound_is_taken_about_each_moment():
    posteriors = np.zeros((100, CLASSES))
    posteriors[50, 3] = 1.0
    features = sound_features(posteriors, np.array([0.5, 0.9])).reshape(2, -1, CLASSES)
    assert features[0, 8, 3] == 1.0 and features[0].sum() == 1.0 and features[1].sum() == 0.0


def test_mirrored_twice_is_as_before():
    order = np.array(MIRRORED)
    assert np.array_equal(order[order], np.arange(70))


def test_a_plain_photographer_changes_nothing_but_the_background():
    rgba = np.zeros((2, 64, 64, 4), np.uint8)
    rgba[:, 16:48, 16:48] = (200, 100, 50, 255)
    pictures, photo = Photographer(1, PLAIN).take(rgba)
    assert (pictures[:, 20:40, 20:40] == (200, 100, 50)).all()
    assert np.array_equal(pictures[0], photo) and np.array_equal(pictures[0], pictures[1])


def test_the_command_trains_stops_and_goes_on(clips, tmp_path):
    words = [
        "--clips",
        str(clips),
        "--work",
        str(tmp_path / "run"),
        "--batch",
        "2",
        "--workers",
        "0",
    ]
    kept = tmp_path / "run/checkpoint.pt"

    def steps_after(steps, *more):
        assert diffusion.main([*words, "--steps", str(steps), *more], SMALL) == 0
        return torch.load(kept, weights_only=True)["step"]

    assert steps_after(2) == 2
    before = load_portrait(kept)[0].state_dict()
    assert steps_after(3) == 3
    assert steps_after(3) == 3
    after = load_portrait(kept)[0].state_dict()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    # Another run may begin with what this one has learned.
    words[3] = str(tmp_path / "other")
    assert diffusion.main([*words, "--steps", "1", "--after", str(kept), "--rate", "0"], SMALL) == 0
    begun, notes = load_portrait(tmp_path / "other/checkpoint.pt")
    torch.testing.assert_close(begun.state_dict(), after)
    assert [run["steps"] for run in notes["runs"]] == [3, 1]
    assert [run["settings"]["rate"] for run in notes["runs"]] == [8e-4, 0.0]


def test_a_network_that_hears_begins_as_one_that_does_not(clips, tmp_path):
    words = ["--clips", str(clips), "--steps", "2", "--batch", "1", "--workers", "0"]
    seen, heard = tmp_path / "seen", tmp_path / "heard"
    assert diffusion.main([*words, "--work", str(seen)], SMALL) == 0
    start = ["--after", str(seen / "checkpoint.pt"), "--rate", "0"]
    sounds = ["--sounds", str(tmp_path / "sounds")]
    assert diffusion.main([*words, "--work", str(heard), *start, *sounds], SMALL) == 0
    before, after = (load_portrait(work / "checkpoint.pt")[0] for work in (seen, heard))
    assert after.settings.sound_dim == SOUND_DIM
    batch = batch_of(clips, frames=2, sounds=tmp_path / "sounds")
    pictures = [sampled(made, batch, steps=2) for made in (before, after)]
    torch.testing.assert_close(*pictures)


def test_a_start_of_another_size_is_one_sentence(clips, tmp_path, capsys):
    words = ["--clips", str(clips), "--steps", "1", "--batch", "1", "--workers", "0"]
    assert diffusion.main([*words, "--work", str(tmp_path / "one")], SMALL) == 0
    start = ["--work", str(tmp_path / "two"), "--after", str(tmp_path / "one/checkpoint.pt")]
    assert diffusion.main([*words, *start], replace(SMALL, time_dim=32)) == 1
    assert "same network" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--steps", "0"], "--steps"),
        (["--minutes", "0"], "--minutes"),
        (["--frames", "9"], "--frames"),
    ],
)
def test_runs_of_nothing_are_one_sentence(clips, tmp_path, capsys, words, named):
    assert diffusion.main(["--clips", str(clips), "--work", str(tmp_path / "run"), *words]) == 1
    assert named in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_no_clips_are_one_sentence(tmp_path, capsys):
    words = ["--clips", str(tmp_path), "--work", str(tmp_path / "run"), "--minutes", "1"]
    assert diffusion.main(words) == 1
    assert "portrait_clips" in capsys.readouterr().err


def test_the_files_draw_what_the_network_draws(clips, tmp_path):
    from gaussian_heads.core.sessions import open_session

    made, batch = network(), batch_of(clips, frames=3, count=1)
    export_portrait(made, tmp_path / "out", notes={"step": 1})
    sessions = {
        kind: open_session(tmp_path / f"out/{kind}.onnx", kind, 1)
        for kind in ("reference", "denoiser")
    }
    fine, coarse = sessions["reference"].run(
        None, {"picture": batch.photo.numpy(), "maps": batch.photo_maps.numpy()}
    )
    change = torch.randn(3, 3, 256, 256)
    clean, warped = sessions["denoiser"].run(
        None,
        {
            "change": change.numpy(),
            "time": np.full(3, 0.5, np.float32),
            "picture": batch.photo.numpy(),
            "maps": batch.maps[0].numpy(),
            "field": batch.field[0].numpy(),
            "fine": fine,
            "coarse": coarse,
        },
    )
    given = conditions(made, batch)
    with torch.no_grad():
        wanted = 0.12 * unfold(made(fold(change), torch.full((3,), 0.5), given))
    # Weights are bytes in the file.
    assert np.abs(clean - wanted.numpy()).mean() < 0.03 * wanted.abs().mean()
    np.testing.assert_allclose(warped, unfold(given.warped).numpy(), atol=1e-3)


@pytest.mark.skipif(sys.platform == "win32", reason="gloo over a file of a Unix machine")
def test_two_processes_keep_one_network(clips, tmp_path):
    """Each has pictures of its own; after some steps both hold the same weights."""
    code = f"""
import sys, torch
from gaussian_heads.training import diffusion
from tests.training.portrait_fixtures import SMALL
torch.set_num_threads(1)
kept = []
class Fit(diffusion.PortraitFit):
    def run(self, clips, checkpoint):
        super().run(clips, checkpoint)
        kept.append(sum(p.double().sum().item() for p in self.network.parameters()))
diffusion.PortraitFit = Fit
words = ["--clips", {str(clips)!r}, "--work", {str(tmp_path / "run")!r}, "--batch", "1", "--workers", "0"]
assert diffusion.main([*words, "--steps", "3"], SMALL) == 0
print(repr(kept[0]))
"""
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    root = str(Path(__file__).resolve().parents[2])
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, **place, "RANK": str(rank), "OMP_NUM_THREADS": "1"},
            cwd=root,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [run.communicate(timeout=300)[0].strip() for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    # Alone they would be a thousandth apart.
    assert float(said[0]) == pytest.approx(float(said[1]), abs=1e-6) and float(said[0])
    assert torch.load(tmp_path / "run/checkpoint.pt", weights_only=True)["step"] == 3


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
