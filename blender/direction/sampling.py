"""The direction of an avatar on the frames of a strip, for the generator; and a digest of it that is cheap to ask."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import bpy
import numpy as np
from jaxtyping import Float32

from ...core.direction import ActingDirection
from ...core.spaces import ACTION_UNITS
from ...core.spaces.facs import MAX_INTENSITY
from ...core.timing import SoundPlacement
from ..animation import read_keys
from .nla import Played, evaluated, played_direction

# Differences of intensity smaller than these make no new keys.
DIGITS = 3
_MAX_CACHED = 2048


@dataclass(frozen=True)
class Directed:
    """A direction on the clock of what was heard, how much its motion varies, and the digest of both."""

    direction: ActingDirection
    temperature: float
    digest: str


def sample_direction(
    obj: bpy.types.Object, place: SoundPlacement, start_sec: float | int = 0.0
) -> Directed | None:
    """The direction of `obj` where a strip is heard; None where it is switched off or asks for nothing.

    `start_sec` is the second of what was heard that its first frame shows. F-curves of the active Action and
    of NLA strips count where they play; the scene's current frame is not touched.
    """
    intensities = direction_on(obj, range(place.first_frame, place.last_frame + 1))
    if intensities is None:
        return None
    direction = ActingDirection(intensities, Fraction(place.fps), float(start_sec))
    temperature = float(obj.gaussian_head.direction_temperature)
    return Directed(direction, temperature, _digest(intensities, temperature))


def direction_on(obj: bpy.types.Object, frames: range) -> Float32[np.ndarray, "T 18"] | None:
    """Intensities (0 to 5) of `obj` on `frames`; None where the direction is switched off or plain."""
    if not obj.gaussian_head.use_direction:
        return None
    return _sampled(played_direction(obj), _set_values(obj), frames)


def direction_digest(obj: bpy.types.Object, place: SoundPlacement) -> str:
    """The digest of what `sample_direction` gives, empty where that is None; kept for the same keys and frames."""
    settings = obj.gaussian_head
    if not settings.use_direction:
        return ""
    played, rest = played_direction(obj), _set_values(obj)
    if not played and not any(rest.values()):
        return ""
    frames = range(place.first_frame, place.last_frame + 1)
    temperature = float(settings.direction_temperature)
    if any(not _can_tell(each) for each in played):
        return _digest(_sampled(played, rest, frames), temperature)
    state = hashlib.sha256()
    for piece in _state(played, rest):
        state.update(piece)
    key = (state.digest(), frames.start, frames.stop, temperature)
    if key not in _digests:
        if len(_digests) >= _MAX_CACHED:
            _digests.clear()
        _digests[key] = _digest(_sampled(played, rest, frames), temperature)
    return _digests[key]


_digests: dict[tuple[bytes, int, int, float], str] = {}


def _set_values(obj: bpy.types.Object) -> dict[str, float]:
    group = obj.gaussian_head.direction
    return {name: getattr(group, name) for name in ACTION_UNITS}


def _sampled(
    played: tuple[Played, ...], rest: dict[str, float], frames: range
) -> Float32[np.ndarray, "T 18"] | None:
    if not played and not any(rest.values()):
        return None
    values = evaluated(played, rest, np.arange(frames.start, frames.stop, dtype=np.float64))
    intensities = np.clip(values, 0.0, MAX_INTENSITY).astype(np.float32)
    return intensities if (intensities > 0.5 * 10.0**-DIGITS).any() else None


def _digest(intensities: np.ndarray | None, temperature: float) -> str:
    if intensities is None:
        return ""
    rounded = np.rint(intensities * 10.0**DIGITS).astype("<i4")
    told = hashlib.sha256(f"{rounded.shape} {temperature:.4f}".encode())
    told.update(np.ascontiguousarray(rounded).tobytes())
    return told.hexdigest()[:16]


def _can_tell(played: Played) -> bool:
    """Whether `_state` holds all that the values depend on."""
    strip = played.strip
    is_animated = strip is not None and (strip.use_animated_influence or strip.use_animated_time)
    return not is_animated and not any(len(curve.modifiers) for curve in played.curves.values())


def _state(played: tuple[Played, ...], rest: dict[str, float]) -> Iterator[bytes]:
    """Everything that decides what is played: keys, places of strips and values that nothing plays on."""
    keyed = {name for each in played for name in each.curves}
    yield repr([(name, value) for name, value in rest.items() if name not in keyed]).encode()
    for each in played:
        strip = each.strip
        yield repr(
            (
                each.blend_type,
                each.influence,
                each.first_frame,
                each.last_frame,
                _strip_state(strip),
            )
        ).encode()
        for name, curve in each.curves.items():
            keys = read_keys(curve)
            yield f"{name} {curve.extrapolation} {len(keys['co'])}".encode()
            for values in keys.values():
                yield values.tobytes()


def _strip_state(strip: bpy.types.NlaStrip | None) -> tuple[object, ...]:
    if strip is None:
        return ()
    return (
        strip.frame_start,
        strip.frame_end,
        strip.action_frame_start,
        strip.action_frame_end,
        strip.scale,
        strip.repeat,
        strip.use_reverse,
        strip.blend_in,
        strip.blend_out,
    )
