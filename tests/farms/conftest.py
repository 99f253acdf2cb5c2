"""Farms run shots in processes of their own; here only the small head is made."""

import pytest

pytest.importorskip("bpy", reason="needs the bpy wheel")
pytest.importorskip("gaussian_heads_native", reason="needs gaussian-heads-native")

from ..core.small_heads import small_linear_avatar  # noqa: E402


@pytest.fixture(scope="session")
def avatar_file(tmp_path_factory):
    """A small avatar of 600 Gaussians in arkit52."""
    return small_linear_avatar(tmp_path_factory.mktemp("avatar") / "small.uhap")
