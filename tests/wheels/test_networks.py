"""Every network that ships loads in the oldest onnxruntime that is brought or allowed."""

import zipfile
from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx")

ASSETS = Path(__file__).resolve().parents[2] / "assets"
# onnxruntime 1.20, the least of pyproject.toml; Intel Macs get 1.23.2. From its table of versions.
MAX_IR, MAX_OPSET = 10, 21


def networks():
    for path in sorted(ASSETS.rglob("*.onnx")):
        yield path.name, path.read_bytes()
    for path in sorted(ASSETS.rglob("*.uhap")):
        with zipfile.ZipFile(path) as archive:
            yield path.name, archive.read("decoder.onnx")


def test_networks_are_of_versions_that_old_runtimes_read():
    found = list(networks())
    assert len(found) >= 10
    for name, data in found:
        model = onnx.load_from_string(data)
        assert model.ir_version <= MAX_IR, name
        assert all(each.version <= MAX_OPSET for each in model.opset_import), name
        assert all(each.domain == "" for each in model.opset_import), f"{name} has custom operators"
