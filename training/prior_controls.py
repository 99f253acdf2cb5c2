"""Named controls of a prior: from ARKit, Action Units and visemes to its code, and from the code back.

    python -m gaussian_heads.training.prior_controls --prior build/prior --data build/capture

Writes `controls.safetensors` beside the prior's weights and the errors of the round trip into `prior.json`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import block_diag
from torch import Tensor

from ..core.avatar import Controls
from ..core.errors import AvatarError, GaussianHeadsError
from ..core.files import replace_on_success
from ..core.spaces import ARKIT_BLENDSHAPES, ARKIT_INDEX
from .control_geometry import Regions
from .control_maps import Evidence, controls_of, fit_map, fit_readout
from .dataset import open_capture
from .dataset.layout import HELD_OUT, TRAIN, CaptureError
from .dataset.reader import Subject
from .networks.prior import UniversalPrior
from .prior_file import RECORD, load_prior
from .prior_person import NeutralScan, PersonMaker

logger = logging.getLogger(__name__)
CONTROLS_FILE = "controls.safetensors"
# Lips count as shut below this gap over that of the neutral face.
SHUT_MM = 0.3
# A change of brightness by all of it counts as so many millimetres.
SHADE_MM = 3.0
# Frames that one report is made from.
MOST_MEASURED = 400


@dataclass(frozen=True)
class Studies:
    """Frames of many persons: what their controls, codes and meshes are, and which may be fitted."""

    evidence: Evidence
    identities: Tensor  # [P, Z]
    moved: np.ndarray  # [F, M, 3] float16, m
    is_trained: np.ndarray  # [F]
    is_validated: np.ndarray  # [F] of persons that nothing is trained on

    def groups(self) -> dict[str, np.ndarray]:
        """Frames that are reported apart: evenly chosen ones of each group that exists."""
        masks = {
            "fitted frames": self.is_trained,
            "unseen frames of seen persons": ~self.is_trained & ~self.is_validated,
            "unseen persons": self.is_validated,
        }
        groups = {}
        for name, mask in masks.items():
            found = np.flatnonzero(mask)
            if len(found):
                picks = np.linspace(0, len(found) - 1, min(len(found), MOST_MEASURED))
                groups[name] = found[picks.astype(int)]
        return groups


def study(prior: UniversalPrior, subjects: list[Subject]) -> Studies:
    """Encode all frames of `subjects` whose controls are known, from their meshes alone."""
    network, parts = prior.settings.network, prior.parts
    maker = PersonMaker(parts, prior.settings.gaussians, network.image_px)
    rows: list[tuple[np.ndarray, ...]] = []
    identities = []
    for subject in subjects:
        if subject.controls is None:
            continue
        maps = torch.from_numpy(maker.maps(NeutralScan.of(subject)))
        moved = np.ascontiguousarray(subject.offsets[:, parts.moving])
        with torch.no_grad():
            identities.append(prior.identify(maps[None])[0].code)
            flat = torch.from_numpy(moved.reshape(len(moved), -1)).float()
            coefficients = prior.coefficients(flat)
            change = torch.zeros(len(moved), 3, network.change_px, network.change_px)
            codes = prior.encode(coefficients, change)[0]
        is_trained = [subject.split == TRAIN and f.split != HELD_OUT for f in subject.frames]
        number = np.full(len(moved), len(identities) - 1)
        weights = subject.controls.astype(np.float32)
        is_validated = np.full(len(moved), subject.split != TRAIN)
        encoded = (weights, codes.numpy(), coefficients.numpy(), number)
        rows.append((*encoded, moved, np.array(is_trained), is_validated))
    if not rows:
        raise CaptureError(
            "No person of the capture has controls in its frames.npz: maps cannot be learned from it."
        )
    *encoded, moved, is_trained, is_validated = (
        np.concatenate(column) for column in zip(*rows, strict=True)
    )
    return Studies(Evidence(*encoded), torch.stack(identities), moved, is_trained, is_validated)


def load_controls(folder: Path) -> Controls:
    """The named controls of the prior in `folder`."""
    path = folder / CONTROLS_FILE
    if not path.is_file():
        raise AvatarError(
            f"There is no '{path}': learn the prior's controls first (prior_controls)."
        )
    data = path.read_bytes()
    shape = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["arkit52"]["shape"]
    return Controls.from_bytes(data, shape[1])


def with_single_controls(studies: Studies) -> Evidence:
    """The frames to fit, and for every person each control alone as all tracked meshes imply it.

    What a control does is taken from the fitted frames by least squares; `mouthClose` comes with the open
    jaw that it closes, as it does in life.
    """
    fitted = studies.evidence.take(studies.is_trained)
    single = np.eye(len(ARKIT_BLENDSHAPES), dtype=np.float32)
    single[ARKIT_INDEX["mouthClose"], ARKIT_INDEX["jawOpen"]] = 1.0
    single = single[np.abs(fitted.weights).sum(0) > 0]
    codes, coefficients = (
        (single @ np.linalg.lstsq(fitted.weights, values, rcond=1e-4)[0]).astype(np.float32)
        for values in (fitted.codes, fitted.coefficients)
    )
    alone = [
        Evidence(single, codes, coefficients, np.full(len(single), person))
        for person in np.unique(fitted.person)
    ]
    names = Evidence.__dataclass_fields__
    return Evidence(
        *(np.concatenate([getattr(e, name) for e in (fitted, *alone)]) for name in names)
    )


def learn_controls(prior: UniversalPrior, studies: Studies) -> Controls:
    """The maps that fit the frames which may be trained on: their mesh, and the shading of their codes."""
    evidence = with_single_controls(studies)
    columns = _columns(prior, studies.identities[evidence.person], evidence.codes)
    wanted = np.concatenate([evidence.coefficients, columns], axis=1)
    evidence = dataclasses.replace(evidence, coefficients=wanted)

    def looks(codes: Tensor, person: Tensor) -> Tensor:
        identity = studies.identities[person]
        return torch.cat([prior.shape_map(codes, identity), prior.color_map(codes, identity)], 1)

    mesh = Regions.of(prior.parts).metric(prior.parts.basis)
    matrix = fit_map(evidence, looks, block_diag(mesh, SHADE_MM**2 * shade_metric(prior)))
    return controls_of(matrix, fit_readout(evidence, matrix))


def shade_metric(prior: UniversalPrior) -> np.ndarray:
    """Matrix `[K, K]` of the mean squared change of brightness that coefficients of colour make."""
    gains = prior.anchors.light.detach().double().numpy()
    return gains @ gains.T / gains.shape[1]


def measure_controls(
    prior: UniversalPrior, studies: Studies, controls: Controls, chosen: np.ndarray
) -> dict[str, object]:
    """Errors of the maps on the frames at `chosen`: weights after the round trip, and the mesh in mm.

    "mesh" is ARKit to code to vertices against the tracked mesh, "encoder" the tracked mesh itself to code to
    vertices; "shut" is the gap of lips that touch in the tracked mesh, "shade" the relative change of
    brightness (rms) against the codes of the encoder.
    """
    evidence, moved = studies.evidence.take(chosen), studies.moved[chosen].astype(np.float32)
    regions, basis = Regions.of(prior.parts), prior.parts.basis
    identities = studies.identities[evidence.person]
    mapped = evidence.weights @ controls.arkit52
    read = [np.clip(c @ controls.readout_weights.T, 0, 1) for c in (mapped, evidence.codes)]
    wanted = np.clip(evidence.weights, 0, 1)
    report: dict[str, object] = {
        "frames": len(chosen),
        "arkit_code_arkit": _by_name(np.abs(read[0] - wanted).mean(0)),
        "mesh_code_arkit": float(np.abs(read[1] - wanted).mean()),
    }
    for name, codes in (("mesh", mapped), ("encoder", evidence.codes)):
        shown = _offsets(prior, identities, codes, basis)
        errors = regions.errors_mm(shown, moved)
        report[name] = {key: _spread(values) for key, values in errors.items()}
        is_shut = np.abs(1e3 * regions.gap(moved)) < SHUT_MM
        is_posed = np.abs(evidence.weights).max(1) > 0.1
        shade = _columns(prior, identities, codes) - _columns(prior, identities, evidence.codes)
        squares = np.einsum("fk,kl,fl->f", shade, shade_metric(prior), shade)
        report[name]["shade"] = _spread(np.sqrt(np.maximum(squares, 0)))
        report[name]["shut"] = _spread(1e3 * np.maximum(regions.gap(shown), 0)[is_shut & is_posed])
    return report


def table(reports: dict[str, dict[str, object]]) -> str:
    """The reports of several groups of frames, for people."""
    lines = []
    for group, report in reports.items():
        weights = report["arkit_code_arkit"]
        worst = sorted(weights, key=weights.get, reverse=True)[:5]
        lines.append(f"{group}: {report['frames']} frames")
        lines.append(
            f"  weights: ARKit-code-ARKit {np.mean(list(weights.values())):.4f}, mesh-code-ARKit "
            f"{report['mesh_code_arkit']:.4f}; worst "
            + ", ".join(f"{name} {weights[name]:.3f}" for name in worst)
        )
        for name in ("mesh", "encoder"):
            cells = (
                f"{key} {mean:.3f} (95 %: {high:.3f})" for key, (mean, high) in report[name].items()
            )
            lines.append(f"  {name:8} mm: " + ", ".join(cells))
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prior", type=Path, required=True, help="folder with prior.safetensors")
    parser.add_argument("--data", type=Path, required=True, help="capture with known controls")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        prior = load_prior(options.prior)
        studies = study(prior, open_capture(options.data).subjects())
        controls = learn_controls(prior, studies)
    except GaussianHeadsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    reports = {
        name: measure_controls(prior, studies, controls, chosen)
        for name, chosen in studies.groups().items()
    }
    with replace_on_success(options.prior / CONTROLS_FILE) as temporary:
        temporary.write_bytes(controls.to_bytes())
    path = options.prior / RECORD
    record = json.loads(path.read_text("utf8")) | {"controls": reports}
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", "utf8")
    sys.stdout.write(f"{table(reports)}\n")
    return 0


def _offsets(
    prior: UniversalPrior, identities: Tensor, codes: np.ndarray, basis: np.ndarray
) -> np.ndarray:
    """What codes `[F, D]` move the vertices by, `[F, M, 3]` (m)."""
    with torch.no_grad():
        shape = prior.shape_map(torch.from_numpy(np.asarray(codes, np.float32)), identities)
    return (shape.numpy() @ basis).reshape(len(codes), -1, 3)


def _columns(prior: UniversalPrior, identities: Tensor, codes: np.ndarray) -> np.ndarray:
    """Coefficients of colour `[F, K]` of codes `[F, D]`."""
    with torch.no_grad():
        return prior.color_map(torch.from_numpy(np.asarray(codes, np.float32)), identities).numpy()


def _by_name(values: np.ndarray) -> dict[str, float]:
    return {n: round(float(v), 5) for n, v in zip(ARKIT_BLENDSHAPES, values, strict=True)}


def _spread(values: np.ndarray) -> tuple[float, float]:
    """Mean and 95th percentile, 0 where there is nothing."""
    if len(values) == 0:
        return 0.0, 0.0
    return round(float(values.mean()), 4), round(float(np.percentile(values, 95)), 4)


if __name__ == "__main__":
    raise SystemExit(main())
