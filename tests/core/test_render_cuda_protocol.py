"""What the CUDA worker and its client agree on: places in a shared file, cameras as JSON."""

import json
import os

import numpy as np
import pytest
from gaussian_heads.core.camera import Camera
from gaussian_heads.core.errors import BackendUnavailable
from gaussian_heads.core.render.cuda_protocol import (
    SharedBlock,
    decode_camera,
    decode_places,
    encode_camera,
    encode_places,
    plan_places,
)

from .test_render_cuda import camera


def test_places_are_aligned_and_stay_in_the_file(tmp_path):
    places, num_bytes = plan_places({"a": (3, 3), "b": (5,), "c": (0, 3)})
    assert all(place.offset % 64 == 0 for place in places.values())
    assert decode_places(json.loads(json.dumps(encode_places(places)))) == places
    block = SharedBlock(tmp_path / "block", num_bytes, create=True)
    block.array(places["a"])[...] = 7.0
    other = SharedBlock(tmp_path / "block", num_bytes, create=False)
    np.testing.assert_array_equal(other.array(places["a"]), np.full((3, 3), 7.0))
    beyond = plan_places({"a": (1000, 1000)})[0]["a"]
    with pytest.raises(ValueError, match="leaves the shared file"):
        block.array(beyond)


def test_no_room_for_the_shared_file_is_said(tmp_path):
    if not hasattr(os, "posix_fallocate"):
        pytest.skip("needs posix_fallocate")
    with pytest.raises(BackendUnavailable, match="no room"):
        SharedBlock(tmp_path / "block", 1 << 50, create=True)


def test_cameras_survive_json():
    flat = Camera(camera().viewmat, camera().K, 64, 48, is_orthographic=True)
    back = decode_camera(json.loads(json.dumps(encode_camera(flat))))
    np.testing.assert_array_equal(back.viewmat, flat.viewmat)
    assert (back.width, back.height, back.is_orthographic) == (64, 48, True)
