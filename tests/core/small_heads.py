"""Small generated avatars for tests: an ellipsoid with eyes and a mouth that opens, in both kinds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from gaussian_heads.core.avatar import (
    AvatarContents,
    AvatarInfo,
    Controls,
    LinearBasis,
    Provenance,
    Rig,
    SpeechMotion,
    sparse_basis,
    write_avatar,
)
from gaussian_heads.core.spaces import (
    ARKIT_BLENDSHAPES,
    ARKIT_INDEX,
    ARKIT_SPACE,
    au_to_arkit,
    viseme_to_arkit,
)

NECK_PIVOT = (0.0, -0.12, -0.07)
RADII_M = np.array([0.075, 0.115, 0.09])
CENTRE_M = np.array([0.0, -0.035, -0.09])
MOUTH_M = np.array([0.0, -0.075])
EYES_M = np.array([[0.032, 0.0], [-0.032, 0.0]])
JAW_DROP_M = 0.02
LATENT_SPACE, LATENT_DIM = "uhap-0123456789ab", 64
LOWER_LIP, UPPER_LIP = (65, 66, 67), (61, 62, 63)


@dataclass(frozen=True)
class SmallHead:
    """Neutral attributes and dense bases over the 52 controls; metres, avatar frame."""

    neutral: dict[str, np.ndarray]
    means_basis: np.ndarray
    colors_basis: np.ndarray
    landmarks: np.ndarray
    landmark_basis: np.ndarray
    rig: Rig


def small_head(num_gaussians: int = 600) -> SmallHead:
    """An egg of `num_gaussians` Gaussians whose lower face drops with jawOpen and eyes close."""
    directions = _fibonacci_sphere(num_gaussians)
    means = (CENTRE_M + RADII_M * directions).astype(np.float32)
    front = directions[:, 2] > 0
    colors = np.tile(np.float32([0.85, 0.62, 0.5]), (num_gaussians, 1))
    colors[front & _near(means, MOUTH_M, 0.022)] = (0.7, 0.25, 0.25)
    for eye in EYES_M:
        colors[front & _near(means, eye, 0.014)] = (0.15, 0.12, 0.1)
    spacing = 0.4 * np.sqrt(4 * np.pi * 0.09**2 / num_gaussians)
    quats = np.tile(np.float32([1, 0, 0, 0]), (num_gaussians, 1))
    neutral = {
        "means": means,
        "quats": quats,
        "log_scales": np.full((num_gaussians, 3), np.log(spacing), np.float32),
        "logit_opacities": np.full((num_gaussians, 1), 3.0, np.float32),
        "colors": colors,
    }
    landmarks = _landmarks()
    return SmallHead(
        neutral,
        _motion(means),
        _blush(means, front),
        landmarks,
        _motion(landmarks),
        Rig(
            np.clip((means[:, 1] + 0.15) / 0.03, 0, 1).astype(np.float32),
            *_guide_mesh(),
        ),
    )


def small_linear_avatar(
    path: Path, num_gaussians: int = 600, *, has_landmarks: bool = True
) -> Path:
    """Write the small head as a `linear` avatar in `arkit52` and return `path`."""
    head = small_head(num_gaussians)
    write_avatar(path, AvatarContents(small_info(), small_basis(head, has_landmarks), head.rig))
    return path


def latent_maps(seed: int = 4, code_dim: int = LATENT_DIM) -> tuple[np.ndarray, np.ndarray]:
    """ARKit to code `[52, D]` and code to ARKit `[52, D]`: first rows of a random map and of its inverse."""
    random = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(random.normal(size=(code_dim, code_dim)))
    map_to = random.uniform(0.7, 1.4, (code_dim, 1)) * turn
    map_from = np.linalg.inv(map_to).T
    count = len(ARKIT_BLENDSHAPES)
    return map_to[:count].astype(np.float32), map_from[:count].astype(np.float32)


def latent_controls(map_to: np.ndarray, map_from: np.ndarray) -> Controls:
    """The named controls of a latent space whose maps are given."""
    bias = np.zeros(len(ARKIT_BLENDSHAPES), np.float32)
    return Controls(map_to, au_to_arkit() @ map_to, viseme_to_arkit() @ map_to, map_from, bias)


def latent_info(code_space: str = LATENT_SPACE) -> AvatarInfo:
    """What the latent avatars state about themselves."""
    names = tuple(f"uhap_{channel:02d}" for channel in range(LATENT_DIM))
    return small_info(name="Latent Head", code_space=code_space, channel_names=names)


def small_latent_avatar(
    path: Path, num_gaussians: int = 600, *, kind: str = "linear", code_space: str = LATENT_SPACE
) -> Path:
    """Write the small head behind a random invertible map of codes, with controls of its own."""
    map_to, map_from = latent_maps(seed=len(code_space) + ord(code_space[-1]))
    head = small_head(num_gaussians)
    means, colors, landmarks = (
        np.tensordot(map_from.T, basis, axes=1).astype(np.float32)
        for basis in (head.means_basis, head.colors_basis, head.landmark_basis)
    )
    latent = replace(head, means_basis=means, colors_basis=colors, landmark_basis=landmarks)
    decoder = (
        small_basis(latent) if kind == "linear" else small_onnx_model(latent).SerializeToString()
    )
    controls = latent_controls(map_to, map_from)
    write_avatar(path, AvatarContents(latent_info(code_space), decoder, head.rig, controls))
    return path


def small_onnx_avatar(path: Path, num_gaussians: int = 600) -> Path:
    """Write the small head as an `onnx` avatar in `arkit52`, which decodes to the same Gaussians."""
    head = small_head(num_gaussians)
    model = small_onnx_model(head).SerializeToString()
    write_avatar(path, AvatarContents(small_info(), model, head.rig))
    return path


def small_info(**changes: object) -> AvatarInfo:
    """What the small avatars state about themselves."""
    values: dict[str, object] = {
        "name": "Small Head",
        "author": "Gaussian Heads tests",
        "licence": "CC0-1.0",
        "provenance": Provenance(is_synthetic=True, source="generated by a test"),
        "code_space": ARKIT_SPACE,
        "channel_names": ARKIT_BLENDSHAPES,
        "neck_pivot": NECK_PIVOT,
    }
    return AvatarInfo(**(values | changes))


def small_basis(head: SmallHead, has_landmarks: bool = True) -> LinearBasis:
    """The small head as a sparse basis."""
    deltas = {"means": sparse_basis(head.means_basis), "colors": sparse_basis(head.colors_basis)}
    if not has_landmarks:
        return LinearBasis(head.neutral, deltas)
    return LinearBasis(head.neutral, deltas, head.landmarks, head.landmark_basis)


def small_onnx_model(head: SmallHead):
    """The small head as an ONNX model (MatMul and Add); needs the package onnx."""
    from onnx import TensorProto, checker, helper, numpy_helper

    count = head.neutral["means"].shape[0]
    moving = {
        "means": (head.neutral["means"], head.means_basis.astype(np.float16)),
        "colors": (head.neutral["colors"], head.colors_basis.astype(np.float16)),
        "landmarks": (head.landmarks, head.landmark_basis),
    }
    fixed = {
        "quats": head.neutral["quats"],
        "scales": np.exp(head.neutral["log_scales"]),
        "opacities": 1 / (1 + np.exp(-head.neutral["logit_opacities"][:, 0])),
    }
    nodes, constants = [], {}
    for name, (neutral, basis) in moving.items():
        flat = basis.reshape(len(basis), -1).astype(np.float32)
        constants |= {f"{name}_0": neutral.ravel(), f"{name}_b": flat}
        constants[f"{name}_s"] = np.array(neutral.shape, np.int64)
        nodes += [
            helper.make_node("MatMul", ["code", f"{name}_b"], [f"{name}_m"]),
            helper.make_node("Add", [f"{name}_m", f"{name}_0"], [f"{name}_a"]),
            helper.make_node("Reshape", [f"{name}_a", f"{name}_s"], [name]),
        ]
    for name, value in fixed.items():
        constants[f"{name}_0"] = value.astype(np.float32)
        nodes.append(helper.make_node("Identity", [f"{name}_0"], [name]))
    shapes = {"means": [count, 3], "quats": [count, 4], "scales": [count, 3], "opacities": [count]}
    shapes |= {"colors": [count, 3], "landmarks": [68, 3]}
    graph = helper.make_graph(
        nodes,
        "small_head",
        [helper.make_tensor_value_info("code", TensorProto.FLOAT, [len(head.means_basis)])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    checker.check_model(model)
    return model


def _fibonacci_sphere(count: int) -> np.ndarray:
    index = np.arange(count) + 0.5
    polar, azimuth = np.arccos(1 - 2 * index / count), np.pi * (1 + 5**0.5) * index
    ring = np.sin(polar)
    return np.stack([np.cos(azimuth) * ring, np.cos(polar), np.sin(azimuth) * ring], axis=1)


def _near(points: np.ndarray, centre: np.ndarray, radius: float) -> np.ndarray:
    return np.linalg.norm(points[:, :2] - centre, axis=1) < radius


def _motion(points: np.ndarray) -> np.ndarray:
    """Deltas `[52, M, 3]` (m) of the controls the small head knows; the others do not move it."""
    basis = np.zeros((len(ARKIT_BLENDSHAPES), len(points), 3), np.float32)
    front = points[:, 2] > CENTRE_M[2]
    below = front & (points[:, 1] < MOUTH_M[1] - 1e-6)
    basis[ARKIT_INDEX["jawOpen"], below, 1] = -JAW_DROP_M
    mouth = front & _near(points, MOUTH_M, 0.04)
    for name, sign in (("mouthSmileLeft", 1), ("mouthSmileRight", -1)):
        corner = mouth & (sign * points[:, 0] > 0.012)
        basis[ARKIT_INDEX[name], corner] = (0.006 * sign, 0.006, -0.002)
    pucker = ARKIT_INDEX["mouthPucker"]
    basis[pucker, mouth, 0] = -0.5 * points[mouth, 0]
    basis[pucker, mouth, 2] = 0.006
    for name, eye in zip(("eyeBlinkLeft", "eyeBlinkRight"), EYES_M, strict=True):
        lid = front & _near(points, eye, 0.016) & (points[:, 1] > 0)
        basis[ARKIT_INDEX[name], lid, 1] = -0.008
    return basis


def _blush(means: np.ndarray, front: np.ndarray) -> np.ndarray:
    basis = np.zeros((len(ARKIT_BLENDSHAPES), len(means), 3), np.float32)
    for name, eye in zip(("eyeBlinkLeft", "eyeBlinkRight"), EYES_M, strict=True):
        basis[ARKIT_INDEX[name], front & _near(means, eye, 0.014)] = (0.65, 0.45, 0.35)
    return basis


def _landmarks() -> np.ndarray:
    """68 points in the order of iBUG 300-W on the front of the egg, right side of the person first."""
    turn = np.linspace(np.pi, 2 * np.pi, 17)
    jaw = np.stack([0.07 * np.cos(turn), -0.03 + 0.1 * np.sin(turn)], axis=1)
    brows = np.stack([np.r_[-0.05:-0.015:5j, 0.015:0.05:5j], np.full(10, 0.022)], axis=1)
    bridge = np.stack([np.zeros(4), np.linspace(0, -0.035, 4)], axis=1)
    nostrils = np.stack([np.linspace(-0.014, 0.014, 5), np.full(5, -0.045)], axis=1)
    eyes = [_ring(eye, (0.014, 0.006), 6) for eye in EYES_M[::-1]]
    lips = [_ring(MOUTH_M, (0.025, 0.01), 12), _ring(MOUTH_M, (0.018, 0.0004), 8)]
    flat = np.concatenate([jaw, brows, bridge, nostrils, *eyes, *lips])
    local = (flat - CENTRE_M[:2]) / RADII_M[:2]
    depth = np.sqrt(np.clip(1 - (local**2).sum(axis=1), 0.02, None))
    return np.column_stack([flat, CENTRE_M[2] + RADII_M[2] * depth]).astype(np.float32)


def _ring(centre: np.ndarray, radii: tuple[float, float], count: int) -> np.ndarray:
    """Points from the corner at -X over the top to the bottom, as 300-W walks an eye or a mouth."""
    turn = np.pi - 2 * np.pi * np.arange(count) / count
    return centre + np.array(radii) * np.stack([np.cos(turn), np.sin(turn)], axis=1)


def _guide_mesh() -> tuple[np.ndarray, np.ndarray]:
    """A UV sphere of the egg's size: vertices float32 (m) and triangles int32."""
    rings, sectors = 8, 12
    polar = np.pi * (np.arange(rings) + 0.5) / rings
    turn = 2 * np.pi * np.arange(sectors) / sectors
    ring = np.sin(polar)[:, None]
    height = np.cos(polar)[:, None] * np.ones(sectors)
    sphere = np.stack([ring * np.sin(turn), height, ring * np.cos(turn)], axis=-1).reshape(-1, 3)
    first = (np.arange(rings - 1)[:, None] * sectors + np.arange(sectors)).ravel()
    right = (np.arange(rings - 1)[:, None] * sectors + (np.arange(sectors) + 1) % sectors).ravel()
    lower, lower_right = first + sectors, right + sectors
    triangles = np.concatenate(
        [np.stack([first, lower, lower_right], 1), np.stack([first, lower_right, right], 1)]
    )
    return (CENTRE_M + RADII_M * sphere).astype(np.float32), triangles.astype(np.int32)


MOTION_DIM, MOTION_M = 3, 0.004


def small_motion(seed: int = 5) -> SpeechMotion:
    """A network from jawOpen, mouthClose and mouthPucker at three moments to three numbers."""
    random = np.random.default_rng(seed)
    channels = sorted(ARKIT_INDEX[name] for name in ("jawOpen", "mouthClose", "mouthPucker"))
    return SpeechMotion(
        np.array([-0.04, 0.0, 0.04], np.float32),
        np.array(channels, np.int32),
        random.normal(size=(6, 9)).astype(np.float32),
        random.normal(size=6).astype(np.float32),
        random.normal(size=(MOTION_DIM, 6)).astype(np.float32),
    )


def small_motion_avatar(path: Path, num_gaussians: int = 600, seed: int = 5) -> Path:
    """The small onnx head with personal motion: number `i` shifts mouth and landmarks along axis `i`."""
    from onnx import numpy_helper

    head = small_head(num_gaussians)
    model = small_onnx_model(head)
    points = {"means": head.neutral["means"], "landmarks": head.landmarks}
    taken = len(ARKIT_BLENDSHAPES) + MOTION_DIM
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = taken
    for tensor in model.graph.initializer:
        name, kind = tensor.name.rpartition("_")[::2]
        if kind == "b":
            basis = numpy_helper.to_array(tensor)
            moved = np.zeros((MOTION_DIM, basis.shape[1]), np.float32)
            if name in points:
                mouth = _near(points[name], MOUTH_M, 0.04) & (points[name][:, 2] > CENTRE_M[2])
                shift = MOTION_M * mouth[None, :, None] * np.eye(3)[:, None]
                moved = shift.reshape(MOTION_DIM, -1).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(np.concatenate([basis, moved]), tensor.name))
    info = small_info(name="Small Speaker", motion_dim=MOTION_DIM)
    contents = AvatarContents(info, model.SerializeToString(), head.rig, motion=small_motion(seed))
    write_avatar(path, contents)
    return path
