"""The trained prior on disk: `prior.safetensors` with its weights and what it is built on, `prior.json` beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from ..core.errors import ModelError
from ..core.files import replace_on_success
from .dataset.layout import Topology
from .networks.prior import UniversalParts, UniversalPrior
from .prior_anchors import UniversalAnchors
from .prior_settings import PriorSettings, from_record
from .row_steps import from_bytes, in_bytes

WEIGHTS, RECORD = "prior.safetensors", "prior.json"
FORMAT, VERSION = "gaussian-heads-prior", 1
# Coordinates of the atlas and of triangles are stored as whole numbers.
UNIT_STEPS = 65535
PART, NETWORK, STEP = "part.", "network.", "step."
# Big, and shown in steps of one over 255 anyway.
IN_BYTES = ("anchors.light",)


def save_prior(folder: Path, prior: UniversalPrior, figures: dict[str, Any]) -> str:
    """Write the prior and its record; returns the name of its code space."""
    parts = parts_arrays(prior.parts)
    tensors = {PART + name: array for name, array in parts.items()}
    for name, value in prior.state_dict().items():
        array = value.detach().cpu().numpy()
        if name in IN_BYTES:
            step = np.maximum(np.abs(array).max(axis=1, keepdims=True), 1e-12) / 127
            tensors[STEP + name] = step.astype(np.float32)
            tensors[NETWORK + name] = np.round(array / step).astype(np.int8)
        else:
            tensors[NETWORK + name] = array.astype(np.float16)
    with replace_on_success(folder / WEIGHTS) as temporary:
        save_file(tensors, temporary)
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    space = code_space(digest)
    record = {
        "format": FORMAT,
        "version": VERSION,
        "made_by": "python -m gaussian_heads.training.prior",
        "code_space": space,
        "code_dim": prior.settings.network.code_dim,
        "weights_sha256": digest,
        "num_anchors": len(prior.parts.anchors),
        "part_names": list(prior.parts.topology.part_names),
        "settings": dataclasses.asdict(prior.settings),
        **figures,
    }
    with replace_on_success(folder / RECORD) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    return space


def code_space(weights_sha256: str) -> str:
    """Name of the space of a prior's codes."""
    return f"uhap-{weights_sha256[:12]}"


def load_prior(folder: str | Path) -> UniversalPrior:
    """Read a trained prior; raises `ModelError` where there is none or its files do not belong together."""
    folder = Path(folder)
    record = read_record(folder)
    try:
        tensors = load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"'{folder / WEIGHTS}' cannot be read: train the prior again.") from error
    try:
        return _restored(record, tensors).eval()
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"'{folder / WEIGHTS}' does not fit '{RECORD}': train again.") from error


def _restored(record: dict[str, Any], tensors: dict[str, np.ndarray]) -> UniversalPrior:
    settings = from_record(PriorSettings(), record["settings"], RECORD)
    arrays = {k.removeprefix(PART): v for k, v in tensors.items() if k.startswith(PART)}
    prior = UniversalPrior(parts_from_arrays(arrays, tuple(record["part_names"])), settings)
    state = {
        k.removeprefix(NETWORK): torch.from_numpy(v.astype(np.float32))
        for k, v in tensors.items()
        if k.startswith(NETWORK)
    }
    for name in IN_BYTES:
        state[name] *= torch.from_numpy(tensors[STEP + name])
    prior.load_state_dict(state)
    return prior


def read_record(folder: Path) -> dict[str, Any]:
    """The record of a prior, checked against its weights."""
    path = folder / RECORD
    if not path.is_file() or not (folder / WEIGHTS).is_file():
        raise ModelError(f"There is no prior in '{folder}': train one with training.prior.")
    record = json.loads(path.read_text("utf8"))
    if record.get("format") != FORMAT or record.get("version") != VERSION:
        raise ModelError(f"'{path}' is not a {FORMAT} of version {VERSION}: train the prior again.")
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    if digest != record["weights_sha256"]:
        raise ModelError(f"'{path}' belongs to other weights than lie beside it: train again.")
    return record


def parts_arrays(parts: UniversalParts) -> dict[str, np.ndarray]:
    """What a prior is built on, as small arrays."""
    topology, anchors = parts.topology, parts.anchors
    basis, basis_size = in_bytes(parts.basis)
    return {
        "triangles": topology.triangles.astype(np.int32),
        "uvs": np.round(topology.uvs * UNIT_STEPS).astype(np.uint16),
        "part": topology.part.astype(np.int8),
        "landmarks68": topology.landmarks68.astype(np.int32),
        "neck_weights": topology.neck_weights.astype(np.float16),
        "mean_vertices": parts.mean_vertices.astype(np.float32),
        "anchor_triangle": anchors.triangle.astype(np.int32),
        "anchor_barycentric": np.round(anchors.barycentric * UNIT_STEPS).astype(np.uint16),
        "anchor_spacing": anchors.spacing.astype(np.float16),
        "wanted": anchors.wanted.astype(np.float16),
        "inset": anchors.inset.astype(np.float16),
        "moving": parts.moving.astype(np.int32),
        "basis": basis,
        "basis_size": basis_size,
    }


def parts_from_arrays(arrays: dict[str, np.ndarray], names: tuple[str, ...]) -> UniversalParts:
    """Undo `parts_arrays`."""
    topology = Topology(
        triangles=arrays["triangles"],
        uvs=arrays["uvs"].astype(np.float32) / UNIT_STEPS,
        part=arrays["part"],
        part_names=names,
        landmarks68=arrays["landmarks68"],
        neck_weights=arrays["neck_weights"].astype(np.float32),
    )
    anchors = UniversalAnchors(
        triangle=arrays["anchor_triangle"].astype(np.int64),
        barycentric=arrays["anchor_barycentric"].astype(np.float64) / UNIT_STEPS,
        spacing=arrays["anchor_spacing"].astype(np.float64),
        wanted=arrays["wanted"].astype(np.float64),
        inset=arrays["inset"].astype(np.float64),
    )
    basis = from_bytes(arrays["basis"], arrays["basis_size"])
    return UniversalParts(
        topology, arrays["mean_vertices"], anchors, arrays["moving"].astype(np.int64), basis
    )
