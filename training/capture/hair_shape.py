"""What makes grown strands a haircut: locks, waves, curls, frizz, tails and buns."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from .hair_styles import Haircut

HEAD_MIDDLE = np.array([0.0, 0.012, -0.072])
TAIL_POINTS, BUN_TURNS = 26, 2.1
BUN_RADIUS_M = 0.030


def gather(points: np.ndarray, cut: Haircut, rng: np.random.Generator) -> np.ndarray:
    """Strands [S, P, 3] pulled into locks, and the locks waved or curled."""
    count, steps, _ = points.shape
    clumps = min(cut.clumps, max(count // 6, 1))
    leaders = rng.choice(count, clumps, replace=False)
    # Roots and ends both decide who belongs to a lock: it must not bridge a parting.
    key = np.concatenate([points[:, 0], 0.7 * points[:, steps // 2], 0.5 * points[:, -1]], axis=1)
    _, lock = cKDTree(key[leaders]).query(key)
    along = np.linspace(0.0, 1.0, steps)[None, :, None]
    pull = cut.clump_pull * along**0.9 * rng.uniform(0.5, 1.0, (count, 1, 1))
    gathered = points - np.clip(pull, 0.0, 0.92) * (points - points[leaders][lock])
    swung = gathered + swing(gathered, lock, clumps, cut, rng)
    return swung + frizz(swung, cut, rng)


def swing(
    points: np.ndarray, lock: np.ndarray, clumps: int, cut: Haircut, rng: np.random.Generator
) -> np.ndarray:
    """Offsets [S, P, 3] of waves in the plane of the head and of curls around the lock."""
    steps = points.shape[1]
    along = np.linspace(0.0, 1.0, steps)[None, :, None]
    metres = np.linalg.norm(np.diff(points, axis=1), axis=2).sum(1)[:, None, None] * along
    outward, sideways = cross_section(points)
    phase = rng.uniform(0, 2 * np.pi, clumps)[lock][:, None, None]
    phase = phase + 0.35 * rng.normal(size=(len(points), 1, 1))
    size = rng.uniform(0.5, 1.25, clumps)[lock][:, None, None]
    pitch = rng.uniform(0.8, 1.25, clumps)[lock][:, None, None]
    angle = 2 * np.pi * metres / (cut.wave_length_m * pitch) + phase
    # Locks lose their fall near the root last.
    grows = 1.0 - np.exp(-metres / 0.05)
    total = cut.wave_m * size * grows * (np.sin(angle) * sideways + 0.25 * np.cos(angle) * outward)
    if cut.curl_m > 0.0:
        turn = np.where(rng.random(clumps) < 0.5, 1.0, -1.0)[lock][:, None, None]
        angle = turn * 2 * np.pi * metres / (cut.curl_length_m * pitch) + phase
        wound = cut.curl_m * size * (1.0 - np.exp(-metres / 0.012))
        total += wound * (np.sin(angle) * sideways + (np.cos(angle) + 0.35) * outward)
    return total


def cross_section(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions [S, P, 3] out of the head and along it, both across the strand."""
    tangent = np.gradient(points, axis=1)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=2, keepdims=True), 1e-9)
    outward = points - HEAD_MIDDLE
    outward[..., 1] *= 0.4
    # A strand that stands straight out has no outward side of its own: a fixed one will do.
    sideways = np.cross(outward, tangent)
    weak = np.linalg.norm(sideways, axis=2, keepdims=True) < 0.25 * np.linalg.norm(
        outward, axis=2, keepdims=True
    )
    sideways = np.where(weak, np.cross(np.array([0.3, 0.9, 0.2]), tangent), sideways)
    sideways /= np.maximum(np.linalg.norm(sideways, axis=2, keepdims=True), 1e-9)
    return np.cross(tangent, sideways), sideways


def frizz(points: np.ndarray, cut: Haircut, rng: np.random.Generator) -> np.ndarray:
    """Offsets [S, P, 3] by which every hair goes its own way, and a few much further."""
    count, steps, _ = points.shape
    along = np.linspace(0.0, 1.0, steps)[None, :, None]
    metres = np.linalg.norm(np.diff(points, axis=1), axis=2).sum(1)[:, None, None]
    stray = np.where(rng.random(count) < cut.flyaways, 5.0, 1.0)[:, None, None] * cut.frizz_m
    stray = np.minimum(stray, 0.14 * metres)
    walk = np.cumsum(rng.normal(size=(count, steps, 3)), axis=1) / np.sqrt(steps)
    outward = points - HEAD_MIDDLE
    outward /= np.maximum(np.linalg.norm(outward, axis=2, keepdims=True), 1e-9)
    return stray * along * (walk + np.abs(walk) * outward * 0.5)


def tie_up(paths: np.ndarray, cut: Haircut, rng: np.random.Generator) -> np.ndarray:
    """Paths [S, N, 3] that end near the tie, led on into its tail or bun."""
    ends = paths[:, -1]
    reached = np.linalg.norm(ends - np.asarray(cut.tie), axis=1) < 0.03
    more = tail(len(paths), cut, rng) if cut.tail_m > 0.0 else bun(len(paths), cut, rng)
    # What does not reach the tie is short hair at the nape, and stays as it is.
    more = np.where(reached[:, None, None], more, ends[:, None])
    return np.concatenate([paths, more], axis=1)


def tail(count: int, cut: Haircut, rng: np.random.Generator) -> np.ndarray:
    """Tails [S, TAIL_POINTS, 3] from the tie: out a little, then down, thin at both ends."""
    tie = np.asarray(cut.tie)
    share = np.linspace(0.0, 1.0, TAIL_POINTS)
    out = tie - HEAD_MIDDLE
    out = out / np.linalg.norm(out) + np.array([0.0, 0.35, 0.0])
    falls = 1.0 - np.exp(-share * cut.tail_m / 0.035)[:, None]
    heading = out * (1.0 - falls) + np.array([0.0, -1.0, -0.05]) * falls
    middle = tie + np.cumsum(heading, axis=0) * cut.tail_m / TAIL_POINTS
    disc = rng.normal(size=(count, 2))
    disc *= (rng.random(count) ** 0.6 / np.linalg.norm(disc, axis=1))[:, None]
    width = np.interp(share, [0.0, 0.08, 0.4, 0.8, 1.0], [0.006, 0.011, 0.019, 0.015, 0.009])
    reach = (1.0 - 0.45 * rng.random(count) ** 2)[:, None]
    middle = np.stack([np.interp(reach * share, share, middle[:, k]) for k in range(3)], axis=2)
    across = np.stack(np.broadcast_arrays(disc[:, :1] * width, 0.0, disc[:, 1:] * width), axis=2)
    sway = 0.008 * np.sin(share * 5.0 + rng.uniform(0, 6))[None, :, None] * np.array([1.0, 0, 0.3])
    return middle + across + share[None, :, None] * sway


def bun(count: int, cut: Haircut, rng: np.random.Generator) -> np.ndarray:
    """Windings [S, 2 TAIL_POINTS, 3] around a ball at the tie."""
    tie, size_m = np.asarray(cut.tie), BUN_RADIUS_M * rng.uniform(0.8, 1.25)
    out = tie - HEAD_MIDDLE
    out /= np.linalg.norm(out)
    right = np.cross([0.0, 1.0, 0.0], out)
    right /= np.linalg.norm(right)
    axis = out + 0.35 * rng.normal(size=(count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    first = np.cross(axis, right)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(axis, first)
    latitude = np.arcsin(rng.uniform(-0.55, 0.95, count))[:, None, None]
    start = rng.uniform(0, 2 * np.pi, count)[:, None]
    angle = (start + BUN_TURNS * 2 * np.pi * np.linspace(0, 1, 2 * TAIL_POINTS))[..., None]
    radius = size_m * rng.uniform(0.72, 1.0, count)[:, None, None]
    radius = radius * (1.0 + 0.10 * np.sin(2.0 * angle + start[..., None]))
    ring = np.cos(angle) * first[:, None] + np.sin(angle) * second[:, None]
    ball = np.cos(latitude) * ring + 0.8 * np.sin(latitude) * axis[:, None]
    return tie + 0.5 * size_m * out + radius * ball
