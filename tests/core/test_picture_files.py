"""Pictures that a full disk cut short are known by their ends."""

import io

import numpy as np
import pytest
from gaussian_heads.core.picture_files import is_whole

Image = pytest.importorskip("PIL.Image", reason="needs Pillow")


@pytest.mark.parametrize(("name", "kind"), [("a.png", "PNG"), ("a.JPG", "JPEG")])
def test_every_shorter_file_is_cut(tmp_path, name, kind):
    pixels = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    data, path = stream.getvalue(), tmp_path / name
    path.write_bytes(data)
    assert is_whole(path)
    for length in range(len(data)):
        path.write_bytes(data[:length])
        assert not is_whole(path)


def test_of_other_files_it_is_known_that_they_are_there(tmp_path):
    path = tmp_path / "a.tga"
    assert not is_whole(path) and not is_whole(tmp_path)
    path.write_bytes(b"")
    assert not is_whole(path)
    path.write_bytes(b"x")
    assert is_whole(path)


@pytest.mark.parametrize("data", [b"", b"v/1\x01", b"v/1\x01" + bytes(300), b"x" * 300, bytes(9)])
def test_what_is_no_openexr_file_is_not_whole(tmp_path, data):
    path = tmp_path / "a.exr"
    path.write_bytes(data)
    assert not is_whole(path)
