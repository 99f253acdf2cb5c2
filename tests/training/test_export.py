"""Decoders as ONNX files with small weights."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch")
onnx = pytest.importorskip("onnx", reason="needs onnx")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")

from gaussian_heads.core.errors import AvatarError  # noqa: E402
from gaussian_heads.training.export import export_onnx  # noqa: E402


class SmallDecoder(torch.nn.Module):
    """Eight Gaussians from a hidden layer whose weights are worth packing."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.register_buffer("hidden", gain * torch.randn(16, 256, generator=generator))
        self.register_buffer("basis_m", 0.01 * torch.randn(256, 24, generator=generator))

    def forward(self, code):
        moved = (torch.tanh(code @ self.hidden) @ self.basis_m).reshape(8, 3)
        still = torch.ones(8, 4) + 0 * code[0]
        points = torch.zeros(68, 3) + moved[0]
        return moved, still, still[:, :3], still[:, 0], still[:, :3], points


def decoded(data: bytes, code: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(["means"], {"code": code})[0]


def test_half_floats_are_smaller_and_decode_the_same():
    decoder = SmallDecoder()
    full, half = (export_onnx(decoder, 16, has_half_floats=h) for h in (False, True))
    assert len(full) - len(half) > 0.9 * 2 * 16 * 256
    for seed in range(4):
        code = np.random.default_rng(seed).normal(size=16).astype(np.float32)
        expected = decoder(torch.from_numpy(code))[0].numpy()
        assert np.abs(expected).max() > 0.05
        np.testing.assert_allclose(decoded(half, code), expected, atol=5e-4)


def test_weights_beyond_half_floats_are_refused():
    with pytest.raises(AvatarError, match="too large for float16"):
        export_onnx(SmallDecoder(gain=1e5), 16, has_half_floats=True)


class Columns(torch.nn.Module):
    """Products of rows with a constant column and with one that depends on the code."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(5)
        self.register_buffer("rows", torch.randn(600, 3, generator=generator))
        self.register_buffer("column", torch.randn(600, 1, generator=generator))
        self.register_buffer("gain", torch.randn(2, 600, generator=generator))

    def forward(self, code):
        gains = (code[None] @ self.gain)[..., None]
        moved = self.rows * self.column + (self.rows * gains)[0]
        still = torch.ones(600, 4) + 0 * code[0]
        points = torch.zeros(68, 3) + moved[0]
        return moved, still, still[:, :3], still[:, 0], still[:, :3], points


def test_products_with_columns_are_widened_and_give_the_same():
    decoder = Columns()
    data = export_onnx(decoder, 2)
    nodes = onnx.load_from_string(data).graph.node
    wide = [
        name for node in nodes if node.op_type == "Mul" for name in node.input if "wide" in name
    ]
    assert len(wide) == 2 and {"Expand", "MatMul"} <= {node.op_type for node in nodes}
    code = np.array([0.7, -1.3], np.float32)
    expected = decoder(torch.from_numpy(code))[0].numpy()
    np.testing.assert_allclose(decoded(data, code), expected, atol=1e-6)


def test_weights_that_are_not_kept_with_the_network_are_packed_too():
    decoder = SmallDecoder()
    plain = export_onnx(decoder, 16)
    basis = decoder.basis_m
    del decoder.basis_m
    decoder.register_buffer("basis_m", basis, persistent=False)
    assert len(export_onnx(decoder, 16)) == len(plain)
