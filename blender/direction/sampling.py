"""The direction of an avatar on the frames of a strip, for the generator; and a digest of it that is cheap to ask."""

from __future__ import annotations

import hashlib
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


@dataclass(frozen=True)
class PlayedDirection:
    """What plays on a head's direction now, and a digest of all that its values depend on.

    `state` is empty where nothing cheap tells of all of it.
    """

    played: tuple[Played, ...]
    rest: dict[str, float]
    temperature: float
    state: bytes

    @classmethod
    def of(cls, obj: bpy.types.Object) -> PlayedDirection:
        """What plays on `obj`; nothing where its direction is switched off."""
        settings = obj.gaussian_head
        temperature = float(settings.direction_temperature)
        if not settings.use_direction:
            return cls((), {}, temperature, b"")
        played, rest = played_direction(obj), _set_values(obj)
        return cls(played, rest, temperature, _state(played, rest))

    def digest(self, place: SoundPlacement) -> str:
        """The digest of the direction where a strip is heard, empty where it asks for nothing."""
        if not self.played and not any(self.rest.values()):
            return ""
        frames = range(place.first_frame, place.last_frame + 1)
        key = (self.state, frames.start, frames.stop, self.temperature)
        if not self.state or key not in _digests:
            if len(_digests) >= _MAX_CACHED:
                _digests.clear()
            sampled = _sampled(self.played, self.rest, frames)
            _digests[key] = _digest(sampled, self.temperature)
        return _digests[key]


def direction_digest(
    obj: bpy.types.Object, place: SoundPlacement, known: dict[int, PlayedDirection] | None = None
) -> str:
    """The digest of what `sample_direction` gives, empty where that is None.

    `known` keeps what plays on each head between calls during which nothing changes, by its session's id.
    """
    known = {} if known is None else known
    if obj.session_uid not in known:
        known[obj.session_uid] = PlayedDirection.of(obj)
    return known[obj.session_uid].digest(place)


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
    """Whether keys and places of strips are all that the values depend on."""
    strip = played.strip
    is_animated = strip is not None and (strip.use_animated_influence or strip.use_animated_time)
    return not is_animated and not any(len(curve.modifiers) for curve in played.curves.values())


def _state(played: tuple[Played, ...], rest: dict[str, float]) -> bytes:
    """A digest of keys, places of strips and values that nothing plays on; empty where these are not all."""
    if not all(_can_tell(each) for each in played):
        return b""
    keyed = {name for each in played for name in each.curves}
    told = hashlib.blake2b(digest_size=16)
    told.update(repr([(n, value) for n, value in rest.items() if n not in keyed]).encode())
    for each in played:
        place = (each.blend_type, each.influence, each.first_frame, each.last_frame)
        told.update(repr((place, _strip_state(each.strip))).encode())
        for name, curve in each.curves.items():
            told.update(f"{name} {curve.extrapolation} {len(curve.keyframe_points)}".encode())
            for values in read_keys(curve).values():
                told.update(values)
    return told.digest()


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
