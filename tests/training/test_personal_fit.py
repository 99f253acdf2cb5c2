"""The fit of a personal head: it comes nearer to the pictures, resumes exactly, and its package draws the same."""

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch (the training environment)")
pytest.importorskip("scipy", reason="needs scipy (the training environment)")
pytest.importorskip("PIL.Image", reason="needs pillow")

from gaussian_heads.core.avatar import Avatar, Controls  # noqa: E402
from gaussian_heads.core.avatar.members import CONTROL_NAMES  # noqa: E402
from gaussian_heads.core.errors import AvatarError  # noqa: E402
from gaussian_heads.training.dataset.reader import CaptureDataset  # noqa: E402
from gaussian_heads.training.dataset.targets import draw_target  # noqa: E402
from gaussian_heads.training.networks.prior import UniversalPrior  # noqa: E402
from gaussian_heads.training.personalization.fit import PersonalFit  # noqa: E402
from gaussian_heads.training.personalization.fit_person import (  # noqa: E402
    CHECKPOINT,
    PREVIEW,
    fit_person,
    fitted_person,
)
from gaussian_heads.training.personalization.fit_settings import (  # noqa: E402
    FitSettings,
    GrowthSettings,
)
from gaussian_heads.training.personalization.frame_windows import whole  # noqa: E402
from gaussian_heads.training.personalization.personal_export import (  # noqa: E402
    PersonStatement,
    describe_person,
)
from gaussian_heads.training.personalization.subject import (  # noqa: E402
    SubjectFrame,
    VideoSubject,
)
from gaussian_heads.training.prior import foundation  # noqa: E402
from gaussian_heads.training.prior_person import NeutralScan  # noqa: E402

from .dataset_fixtures import small_cameras, small_texture, write_small_capture  # noqa: E402
from .test_prior import SMALL  # noqa: E402

STEPS = 24
SMALL_FIT = FitSettings(
    steps=STEPS,
    checkpoint_steps=9,
    preview_steps=10,
    growth=GrowthSettings(every=0.2, threshold=1e-9, max_anchors=10_000),
)


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    return write_small_capture(tmp_path_factory.mktemp("capture"))


@pytest.fixture(scope="module")
def prior(capture, tmp_path_factory):
    torch.manual_seed(1)
    subjects = CaptureDataset.open(capture).subjects("train")
    return UniversalPrior(foundation(subjects, tmp_path_factory.mktemp("work"), SMALL), SMALL)


@pytest.fixture(scope="module")
def subject(capture, prior):
    """A person whose first guess has another colour than the pictures."""
    person = CaptureDataset.open(capture).subjects("validate")[0]
    scan = NeutralScan.of(person)
    texture = np.clip(small_texture(5) / 255 * 0.6, 0, 1)
    cameras = [*small_cameras()["train"].values()][1:3]
    rng = np.random.default_rng(3)
    frames = []
    for number in range(8):
        camera = cameras[number % 2]
        rgba = draw_target(scan.vertices, person.topology, texture, camera)
        code = (0.05 * rng.standard_normal(6)).astype(np.float32)
        frames.append(
            SubjectFrame(
                f"v{number}", number / 25, rgba, camera, code, np.zeros(6, np.float32), 1.0,
                is_held_out=number >= 6,
            )
        )  # fmt: skip
    seen = np.ones(scan.texture.shape[:2], np.float32)
    return VideoSubject(tuple(frames), scan, seen)


@pytest.fixture(scope="module")
def fitted(prior, subject, tmp_path_factory):
    told = []
    work = tmp_path_factory.mktemp("fit")
    person = fit_person(
        prior, subject, SMALL_FIT, work=work, progress=lambda *what: told.append(what)
    )
    return person, work, told


def small_controls(dim):
    rng = np.random.default_rng(0)
    rows = {name: len(names) for name, names in CONTROL_NAMES.items()}
    offsets = {
        n: (0.02 * rng.standard_normal((k, dim))).astype(np.float32) for n, k in rows.items()
    }
    return Controls(
        **offsets,
        readout_weights=np.zeros((52, dim), np.float32),
        readout_bias=np.zeros(52, np.float32),
    )


def psnr(person, subject):
    return np.mean([person.score(frame).psnr_db for frame in subject.held_out_frames])


def test_a_fit_comes_nearer_to_frames_that_it_never_saw(prior, subject, fitted):
    start = fitted_person(PersonalFit(prior, subject, SMALL_FIT), prior)
    assert psnr(fitted[0], subject) > psnr(start, subject) + 1.0


def test_progress_and_previews_are_told(fitted):
    _, work, told = fitted
    assert [share for share, _ in told] == [10 / STEPS, 20 / STEPS]
    assert told[-1][1] == work / PREVIEW
    assert (work / PREVIEW).is_file() and (work / CHECKPOINT).is_file()


def test_the_prior_itself_is_not_changed(prior, subject, tmp_path):
    before = {name: value.clone() for name, value in prior.state_dict().items()}
    settings = dataclasses.replace(SMALL_FIT, steps=4)
    fit_person(prior, subject, settings, work=tmp_path)
    for name, value in prior.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_what_is_baked_draws_what_was_fitted(prior, subject):
    fit = PersonalFit(prior, subject, dataclasses.replace(SMALL_FIT, steps=6))
    for frame in subject.fitted_frames:
        fit.follow(frame)
        fit.step += 1
    person = fitted_person(fit, prior)
    frame = subject.held_out_frames[0]
    with torch.no_grad():
        picture, _ = fit.draw(frame, whole(frame), torch.full((3,), 0.5))
    baked = person.picture(frame.code, frame.head_pose, frame.camera)
    np.testing.assert_allclose(baked, picture.colors.numpy(), atol=2e-3)


def test_a_stopped_fit_goes_on_exactly(prior, subject, fitted, tmp_path, monkeypatch):
    follow = PersonalFit.follow

    def interrupted(self, frame):
        if self.step == 14:
            raise KeyboardInterrupt
        follow(self, frame)

    monkeypatch.setattr(PersonalFit, "follow", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit_person(prior, subject, SMALL_FIT, work=tmp_path)
    monkeypatch.setattr(PersonalFit, "follow", follow)
    person = fit_person(prior, subject, SMALL_FIT, work=tmp_path)
    code = torch.zeros(6)
    for ours, wanted in zip(person.head(code), fitted[0].head(code), strict=True):
        np.testing.assert_allclose(ours.detach(), wanted.detach(), atol=1e-5)


def test_density_control_grows_where_pixels_ask(fitted, prior):
    assert fitted[0].num_gaussians[0] > len(prior.parts.anchors)


@pytest.mark.parametrize(
    "changes",
    [
        {"uses_codes": False},
        {"uses_prior": False},
        {"growth": dataclasses.replace(SMALL_FIT.growth, rule="mean")},
        {"growth": dataclasses.replace(SMALL_FIT.growth, rule="random")},
        {"growth": dataclasses.replace(SMALL_FIT.growth, first_share=0.5)},
    ],
)
def test_ablations_fit(prior, subject, tmp_path, changes):
    settings = dataclasses.replace(SMALL_FIT, steps=12, **changes)
    start = fitted_person(PersonalFit(prior, subject, settings), prior)
    person = fit_person(prior, subject, settings, work=tmp_path)
    assert psnr(person, subject) > psnr(start, subject)


def test_a_package_of_the_person_opens_and_draws_the_same(fitted, subject, tmp_path):
    person = fitted[0]
    dim = person.prior.settings.network.code_dim
    statement = PersonStatement("Test", consent="agreed to a test", source="a test's pictures")
    info = describe_person(person, statement, {"code_space": "test-space", "code_dim": dim})
    controls = small_controls(dim)
    fidelity = person.export(tmp_path / "me.uhap", info, controls)
    avatar = Avatar.open(tmp_path / "me.uhap")
    assert fidelity.picture_db > 40
    assert avatar.manifest.info.provenance.consent == "agreed to a test"
    gaussians = avatar.decode(np.zeros(dim, np.float32))
    assert gaussians.num_gaussians == len(person.head.neck_weights)


def test_surer_frames_count_more(prior, subject):
    frames = [
        dataclasses.replace(frame, confidence=0.02 if number == 0 else 0.4)
        for number, frame in enumerate(subject.frames)
    ]
    unsure = dataclasses.replace(subject, frames=tuple(frames))
    weights = PersonalFit(prior, unsure, SMALL_FIT).weights
    assert np.mean(list(weights.values())) == pytest.approx(1.0)
    assert weights["v0"] == pytest.approx(weights["v1"] / 2)


def test_a_subject_without_frames_is_refused(prior, subject, tmp_path):
    nobody = VideoSubject((), subject.scan, subject.seen)
    with pytest.raises(AvatarError, match="no frame to fit to"):
        fit_person(prior, nobody, SMALL_FIT, work=tmp_path)
