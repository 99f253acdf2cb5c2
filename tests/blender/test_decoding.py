"""Frames are decoded once, within a budget, and forgotten with their avatars."""

from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from gaussian_heads.blender import decoding
from gaussian_heads.blender.avatars import forget_avatars, load_avatar
from gaussian_heads.blender.decoding import DecodedFrames, decoded
from gaussian_heads.core.errors import AvatarError, GaussianHeadsError
from gaussian_heads.core.gaussians import concatenate

OBJ = SimpleNamespace(name="Head")


class CountingAvatar:
    """An avatar that counts how often it decodes."""

    def __init__(self, avatar, calls):
        self.avatar, self.calls = avatar, calls

    def decode(self, code, head_pose=None):
        self.calls.append((code.copy(), head_pose))
        return self.avatar.decode(code, head_pose)


@pytest.fixture
def counting(avatar_file):
    """The small avatar with a list of its decodes, and an empty cache."""
    forget_avatars()
    loaded = load_avatar(avatar_file)
    calls = []
    avatar = CountingAvatar(loaded.avatar, calls)
    yield SimpleNamespace(avatar=avatar, sha256=loaded.sha256), calls
    decoding.set_budget(decoding.DEFAULT_BUDGET_MB)


def code(value, index=0):
    values = np.zeros(52, np.float32)
    values[index] = value
    return values


def test_same_code_and_pose_decode_once(counting):
    loaded, calls = counting
    first = decoded(OBJ, loaded, code(0.5), None)
    assert decoded(OBJ, loaded, code(0.5), None) is first
    assert len(calls) == 1
    pose = np.array([0.1, 0, 0, 0, 0, 0], np.float32)
    turned = decoded(OBJ, loaded, code(0.5), pose)
    assert decoded(OBJ, loaded, code(0.5), pose.copy()) is turned
    assert len(calls) == 2 and np.abs(turned.means - first.means).max() > 1e-3


def test_another_code_or_avatar_decodes_again(counting):
    loaded, calls = counting
    first = decoded(OBJ, loaded, code(0.5), None)
    other = SimpleNamespace(avatar=loaded.avatar, sha256="f" * 64)
    assert decoded(OBJ, loaded, code(0.5, 1), None) is not first
    assert decoded(OBJ, other, code(0.5), None) is not first
    assert len(calls) == 3


def test_shared_arrays_cannot_be_changed(counting):
    loaded, _ = counting
    gaussians = decoded(OBJ, loaded, code(0.0), None)
    with pytest.raises(ValueError, match="read-only"):
        gaussians.means[0] = 0.0
    moved = gaussians.transformed(np.diag([2.0, 2.0, 2.0, 1.0]))
    np.testing.assert_allclose(moved.means, gaussians.means * 2, rtol=1e-6)


def test_longest_unused_frame_goes_first(avatar_file):
    avatar = load_avatar(avatar_file).avatar
    size = 600 * 14 * 4
    frames = DecodedFrames(2 * size)

    def get(name):
        fresh = []

        def decode():
            fresh.append(name)
            return avatar.decode(code(0.0))

        frames.get((name, b"", b""), decode)
        return bool(fresh)

    assert [get(name) for name in "aabab"] == [True, False, True, False, False]
    assert get("c") and frames.num_bytes == 2 * size
    assert get("a") and not get("c")
    frames.set_budget(size)
    assert frames.num_bytes == size and not get("c") and get("a")
    frames.set_budget(size - 1)
    assert frames.num_bytes == 0 and get("a") and get("a") and frames.num_bytes == 0


def test_forgotten_with_the_avatars(counting):
    loaded, calls = counting
    decoded(OBJ, loaded, code(0.5), None)
    forget_avatars()
    assert decoding._frames.num_bytes == 0
    decoded(OBJ, loaded, code(0.5), None)
    assert len(calls) == 2


def test_scene_limits_the_memory_and_a_file_brings_its_limit(counting, scene, tmp_path):
    loaded, calls = counting
    scene.gaussian_heads.decoded_memory_mb = 0
    decoded(OBJ, loaded, code(0.5), None)
    decoded(OBJ, loaded, code(0.5), None)
    assert len(calls) == 2
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "small_memory.blend"))
    decoding.set_budget(64)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "small_memory.blend"))
    decoded(OBJ, loaded, code(0.5), None)
    assert decoding._frames.num_bytes == 0


def test_error_names_the_object(counting):
    loaded, _ = counting

    class Broken:
        def decode(self, code, head_pose=None):
            raise AvatarError("The basis is broken: import the avatar again.")

    broken = SimpleNamespace(avatar=Broken(), sha256="0" * 64)
    with pytest.raises(GaussianHeadsError, match="'Head': The basis is broken"):
        decoded(OBJ, broken, code(0.1), None)


def test_sets_of_a_shared_frame_concatenate(counting):
    loaded, _ = counting
    gaussians = decoded(OBJ, loaded, code(0.0), None)
    both = concatenate([gaussians, gaussians])
    assert both.num_gaussians == 1200 and both.means.flags.writeable
