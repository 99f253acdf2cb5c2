"""PNG files: pixels and texts as other readers see them, the same bytes each time."""

import numpy as np
import pytest
from gaussian_heads.core.picture_files import is_whole
from gaussian_heads.core.png_files import encode_png, write_png
from PIL import Image

PIXELS = np.random.default_rng(1).integers(0, 255, (5, 7, 4)).astype(np.uint8)


@pytest.mark.parametrize("channels", [3, 4])
def test_pixels_and_texts_come_back(tmp_path, channels):
    pixels = np.ascontiguousarray(PIXELS[..., :channels])
    texts = {"Author": "Zoë", "comment": "日本 – “x”"}
    write_png(tmp_path / "a.png", pixels, texts)
    image = Image.open(tmp_path / "a.png")
    image.load()
    np.testing.assert_array_equal(np.asarray(image), pixels)
    assert image.text == texts and is_whole(tmp_path / "a.png")


def test_rows_may_be_filtered_or_not(tmp_path):
    for is_filtered in (False, True):
        (tmp_path / "a.png").write_bytes(encode_png(PIXELS, is_filtered=is_filtered))
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), PIXELS)
    smooth = np.repeat(np.arange(200, dtype=np.uint8)[:, None, None], 200, 1).repeat(3, 2)
    assert len(encode_png(smooth, is_filtered=True)) < 2000


def test_the_same_pixels_give_the_same_bytes():
    assert encode_png(PIXELS, {"a": "b"}) == encode_png(PIXELS, {"a": "b"})
