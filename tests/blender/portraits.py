"""A portrait's photo, small networks and a painter in their place, for tests of what Blender does with them."""

from __future__ import annotations

import pytest

STATEMENT = "I am Mei and want this portrait of myself"


@pytest.fixture
def portrait_photo(tmp_path):
    """A photo of Mei on the disk."""
    from gaussian_heads.core.png_files import write_png

    from ..core.portrait_photos import picture

    write_png(tmp_path / "mei.png", picture("mei"))
    return tmp_path / "mei.png"


@pytest.fixture
def portrait_networks(monkeypatch, tmp_path_factory):
    """Networks that draw at once, where a build has those that ship."""
    pytest.importorskip("onnx", reason="makes the networks that stand in for those that ship")
    from gaussian_heads.core.portrait import model

    from ..core.tiny_portrait import write_portrait_networks

    folder = write_portrait_networks(tmp_path_factory.mktemp("networks"))
    monkeypatch.setattr(model, "PORTRAIT_FOLDER", folder)
    return folder


@pytest.fixture
def painter(portrait_networks, monkeypatch):
    """Draws in place of the networks; the photo is read once for all tests."""
    from gaussian_heads.core.portrait import sitting
    from gaussian_heads.core.portrait.model import PortraitModel

    from ..core.portrait_photos import Painter, photo

    painter = Painter()
    monkeypatch.setattr(PortraitModel, "open", lambda *_, **__: painter)
    monkeypatch.setattr(sitting, "read_photo", lambda _: photo("mei"))
    return painter
