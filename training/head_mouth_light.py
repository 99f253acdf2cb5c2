"""Light inside the mouth: it follows how far the lips really stand apart, whatever opened them."""

from __future__ import annotations

import numpy as np

from .head_folder import HeadMesh, LightState
from .head_rig import pose_mesh
from .networks.mesh_head_parts import Aperture

UPPER_INNER, LOWER_INNER = (61, 62, 63), (67, 66, 65)
# Light that enters grows with the gap, and displayed values with about its square root.
EXPONENT = 0.45
TONGUE = "tongueOut"
# States that open the lips by less show nothing of the mouth.
SMALLEST_GAP_M = 2e-3


def find_open_state(states: tuple[LightState, ...]) -> int | None:
    """Index of the state that only opens the jaw, if there is one."""
    return next((i for i, state in enumerate(states) if set(state.controls) == {"jawOpen"}), None)


def make_aperture(mesh: HeadMesh, states: tuple[LightState, ...]) -> Aperture | None:
    """How the gap of the inner lips switches the mouth's light on; full at the jaw-open state."""
    index = find_open_state(states)
    if index is None:
        return None
    rest = lip_gap_m(mesh, {})
    return Aperture(
        upper=mesh.landmarks[list(UPPER_INNER)],
        lower=mesh.landmarks[list(LOWER_INNER)],
        rest_m=rest,
        full_m=max(lip_gap_m(mesh, states[index].controls) - rest, 1e-3),
        exponent=EXPONENT,
    )


def lip_gap_m(mesh: HeadMesh, controls: dict[str, float]) -> float:
    """Mean height (m) of the upper over the lower inner lip."""
    points = pose_mesh(mesh, controls)[mesh.landmarks]
    return float((points[list(UPPER_INNER), 1] - points[list(LOWER_INNER), 1]).mean())


def open_share(aperture: Aperture, gap_m: float) -> float:
    """The share of the open mouth's light at a gap, in [0, 1]."""
    return float(np.clip((gap_m - aperture.rest_m) / aperture.full_m, 0, 1) ** aperture.exponent)


def mouth_changes(
    mesh: HeadMesh,
    colors: np.ndarray,
    states: tuple[LightState, ...],
    entries: list[tuple[int, str]],
) -> np.ndarray:
    """Changes of colour `[S + 1, N, 3]` of the mouth's inside; the last row goes with the aperture.

    A tooth is lit most by the expression that bares it. From that state's gap the aperture says how
    much light is left at others. Only the tongue's own control, which moves it into the open, stays a
    state beside it. `entries` are those of `light_activations`.
    """
    aperture = make_aperture(mesh, states)
    changes = np.zeros((len(entries) + 1, *colors.shape[1:]))
    if aperture is None:
        return changes
    changes[-1] = _open_light(mesh, colors, states, aperture)
    for row, (index, _) in enumerate(entries):
        if TONGUE in states[index].controls:
            share = open_share(aperture, lip_gap_m(mesh, states[index].controls))
            explained = np.minimum(colors[0] + share * changes[-1], colors.max(axis=0))
            changes[row] = colors[index] - explained
    return changes


def _open_light(
    mesh: HeadMesh, colors: np.ndarray, states: tuple[LightState, ...], aperture: Aperture
) -> np.ndarray:
    """Change of colour `[N, 3]` that at every state's own gap gives what the brightest state shows."""
    best, change = np.zeros(colors.shape[1]), np.zeros(colors.shape[1:])
    for index, state in enumerate(states):
        gap_m = lip_gap_m(mesh, state.controls)
        if TONGUE in state.controls or gap_m - aperture.rest_m < SMALLEST_GAP_M:
            continue
        brightness = colors[index].mean(axis=1)
        brighter = brightness > best
        full = (colors[index] - colors[0]) / open_share(aperture, gap_m)
        best = np.where(brighter, brightness, best)
        change = np.where(brighter[:, None], full, change)
    return change
