"""A geometry basis in small integers: as exact as vertices need, in the prior's file and in an avatar's decoder."""

import numpy as np
import pytest
from gaussian_heads.training.row_steps import from_bytes, in_bytes, row_steps

# Largest numbers of rows as a trained prior has them (m): fine ones stand between the coarse ones too.
LARGEST = np.array([5.8e-3, 3.2e-3, 0.7e-3, 1.6e-3, 0.9e-3, 0.5e-3, 0.1e-3, 2e-5, 0.0])


def basis(largest, columns=900, dtype=np.float32):
    rows = np.random.default_rng(4).normal(size=(len(largest), columns)) ** 3
    return (rows / np.abs(rows).max(1, keepdims=True) * largest[:, None]).astype(dtype)


def rms_mm(matrix, other, seed=0):
    """Of vertices, over codes of unit variance."""
    codes = np.random.default_rng(seed).normal(size=(64, len(matrix)))
    moved = (codes @ (matrix.astype(float) - other)).reshape(64, -1, 3)
    return 1e3 * np.sqrt((moved**2).sum(-1).mean())


def test_rows_are_coarse_up_to_the_last_that_int8_cannot_hold():
    steps, num_coarse = row_steps(basis(LARGEST))
    assert num_coarse == 4 and steps.shape == (9, 1)
    assert (steps <= 8e-6).all() and (steps >= 4e-6).all()
    assert row_steps(basis(LARGEST[4:]))[1] == 0
    assert row_steps(basis(LARGEST[:4]))[1] == 4


@pytest.mark.parametrize("rows", [slice(None), slice(4), slice(4, None)])
def test_a_basis_comes_back_from_bytes(rows):
    matrix = basis(LARGEST[rows])
    stored, sizes = in_bytes(matrix)
    again = from_bytes(stored, sizes)
    assert stored.dtype == np.int8 and len(stored) - len(matrix) == row_steps(matrix)[1]
    assert (np.abs(again - matrix) <= 0.501 * row_steps(matrix)[0]).all()
    assert 0 < rms_mm(matrix, again) < 0.01
    # Stored once more it stays: a prior is trained on what its file will hold.
    np.testing.assert_array_equal(in_bytes(again)[0], stored)
    np.testing.assert_allclose(from_bytes(*in_bytes(again)), again, rtol=1e-6)


def test_large_movements_fit_too():
    matrix = basis(np.array([0.9, 0.2]))
    np.testing.assert_allclose(from_bytes(*in_bytes(matrix)), matrix, atol=1.5e-5)


def test_rows_of_one_size_need_no_low_bytes():
    """Numbers of any width times a size for each row."""
    matrix = basis(LARGEST)
    sizes = np.maximum(np.abs(matrix).max(1, keepdims=True), 1e-12)
    again = from_bytes((matrix / sizes).astype(np.float16), sizes)
    np.testing.assert_allclose(again, matrix, atol=3e-6)


@pytest.mark.parametrize("rows", [slice(None), slice(4), slice(4, None)])
def test_a_decoder_holds_its_basis_in_bytes_and_unpacks_it_once(rows, tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch")
    onnx = pytest.importorskip("onnx", reason="needs onnx")
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
    from gaussian_heads.training.export import export_onnx

    class Mover(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("basis_m", torch.from_numpy(basis(LARGEST[rows])))

        def forward(self, code):
            moved = (code @ self.basis_m).reshape(-1, 3)
            still = torch.ones(len(moved), 4) + 0 * code[0]
            return moved, still, still[:, :3], still[:, 0], still[:, :3], moved[:68]

    decoder = Mover()
    matrix = decoder.basis_m.numpy()
    data = export_onnx(decoder, len(matrix))
    stored = [t for t in onnx.load_from_string(data).graph.initializer if "packed" in t.name]
    in_bytes_too = matrix.shape[1] * (len(matrix) + row_steps(matrix)[1])
    assert sum(len(t.raw_data) for t in stored) == in_bytes_too
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    kinds = {node.op_type for node in onnx.load(tmp_path / "optimised.onnx").graph.node}
    assert "MatMul" in kinds or "Gemm" in kinds
    assert not kinds & {"Cast", "Concat"}
    codes = np.eye(len(matrix), dtype=np.float32)
    again = [session.run(["means"], {"code": code})[0].ravel() for code in codes]
    assert (np.abs(again - matrix) <= 0.501 * row_steps(matrix)[0]).all()
