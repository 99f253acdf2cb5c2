"""Pictures traced again: what is compared, and what cannot be."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("scipy", reason="the studio needs the training extra")

from gaussian_heads.training.capture import repeatability
from gaussian_heads.training.dataset import open_capture
from gaussian_heads.training.evaluate import evaluation_images

from .dataset_fixtures import write_small_capture


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data/head/ict_facekit"
    folder.mkdir(parents=True)
    (folder / "ict_facekit_light.npz").touch()
    return tmp_path / "data"


class Copyist:
    """A studio that takes the capture's own pictures, a little darker."""

    def __init__(self, subject, darker):
        self.pictures = [subject.picture(image)[0] for image in evaluation_images(subject)]
        self.darker = darker

    def photograph(self, _arkit, _camera, path, _samples):
        picture = self.pictures.pop(0).astype(np.float32)
        picture[..., :3] = (picture[..., :3] - self.darker).clip(0, 255)
        Image.fromarray(picture.astype(np.uint8)).save(path)


@pytest.mark.parametrize(("darker", "expected_db"), [(0, 100.0), (8, 20 * np.log10(255 / 8))])
def test_what_is_traced_again_is_scored_against_the_capture(
    tmp_path, data, monkeypatch, darker, expected_db
):
    capture = write_small_capture(tmp_path / "capture", num_train=1, num_validate=1)
    subject = open_capture(capture).subjects("validate")[0]
    monkeypatch.setattr(
        repeatability, "open_studio", lambda _subject, _sources: Copyist(subject, darker)
    )
    scores = repeatability.repeat_pictures(capture, subject.name, tmp_path / "again", data, 1)
    assert len(scores) == len(evaluation_images(subject)) > 0
    for found in scores:
        if darker:
            # Black stays black, and the background counts as equal.
            assert expected_db - 0.5 < found.psnr_db < expected_db + 6
        else:
            assert found.psnr_db > expected_db and found.ssim > 0.9999


def test_a_person_without_evaluation_pictures_is_said(tmp_path, data, capsys):
    capture = write_small_capture(tmp_path / "capture", num_train=1, num_validate=1)
    for picture in capture.glob("subjects/*/images/*held*"):
        picture.unlink()
    name = open_capture(capture).subjects("validate")[0].name
    words = ["--capture", str(capture), "--data", str(data), "--work", str(tmp_path / "again")]
    assert repeatability.main([*words, "--subject", name]) == 1
    assert "no evaluation pictures" in capsys.readouterr().err
    assert repeatability.main([*words, "--subject", "nobody"]) == 1
    assert "nobody" in capsys.readouterr().err
