"""Portraits and descriptions of avatars."""

import io
import json

import numpy as np
import pytest
from gaussian_heads.core.avatar import Avatar, Provenance, describe, facts, portrait_png
from gaussian_heads.core.avatar.contents import AvatarContents, write_avatar
from gaussian_heads.core.png_files import encode_png

from .small_heads import (
    small_basis,
    small_head,
    small_info,
    small_linear_avatar,
    small_onnx_avatar,
)

Image = pytest.importorskip("PIL.Image", reason="Pillow reads the pictures of these tests")


def read_png(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def test_png_holds_the_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4)).astype(np.uint8)
    np.testing.assert_array_equal(read_png(encode_png(pixels)), pixels)


def test_portrait_shows_the_face_from_the_front(tmp_path):
    avatar = Avatar.open(small_linear_avatar(tmp_path / "a.uhap", 1500))
    picture = read_png(portrait_png(avatar.decode(np.zeros(52, np.float32)), side_px=96))
    assert picture.shape == (96, 96, 4)
    assert (picture[:4, :, 3] < 10).all() and picture[48, 48, 3] > 200
    # Dark eyes stand above the middle, on both sides; the mouth is redder than the cheek.
    dark = (picture[..., 3] > 128) & (picture[..., :3].sum(axis=-1) < 250)
    rows, columns = np.nonzero(dark)
    assert rows.mean() < 48 and (columns < 44).any() and (columns > 52).any()


@pytest.mark.parametrize("write", [small_linear_avatar, small_onnx_avatar])
def test_facts_are_json_and_true(tmp_path, write):
    known = facts(Avatar.open(write(tmp_path / "a.uhap", 600)))
    assert json.loads(json.dumps(known)) == known
    assert known["num_gaussians"] == 600 and known["code_space"] == "arkit52"
    assert known["has_landmarks"] is True and known["is_synthetic"] is True
    # The egg is 150 x 230 x 180 mm.
    np.testing.assert_allclose(known["size_m"], [0.15, 0.23, 0.18], atol=0.003)


def test_description_says_whom_to_ask(tmp_path):
    head = small_head(60)
    info = small_info(provenance=Provenance(False), licence="CC BY 4.0", credits=("Infinite",))
    write_avatar(tmp_path / "a.uhap", AvatarContents(info, small_basis(head, False), head.rig))
    text = describe(Avatar.open(tmp_path / "a.uhap"))
    for words in ("Small Head by", "CC BY 4.0", "Infinite", "not stated: ask", "landmarks    none"):
        assert words in text
