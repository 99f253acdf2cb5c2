"""Frame rate of played speech in the window, and what bounds it."""

from __future__ import annotations

import time

from .session import Session

PLAYED_SEC = 6.0


def measure(session: Session, seconds: float = PLAYED_SEC) -> dict[str, object]:
    """Play by the space bar for a while; the pointer must be over the 3D view."""
    session.ask("stopwatch.start()")
    session.hands.press("space")
    session.until("bpy.context.screen.is_animation_playing")
    time.sleep(seconds)
    session.hands.press("space")
    session.until("not bpy.context.screen.is_animation_playing")
    found = session.ask("stopwatch.stop()")
    found["frames_per_sec"] = found["frames_drawn"] / found["seconds"]
    found["ms_per_frame"] = milliseconds(found)
    return found


def milliseconds(found: dict[str, object]) -> dict[str, float]:
    """What a drawn frame takes, by who takes it; all together they are the frame."""
    frames = max(1, found["frames_drawn"])
    part = found["seconds_of"]
    spent = {
        "decode": part["decode"],
        "codes and placing": part["gather"] - part["decode"],
        "rasterise": part["rasterise"],
        "proxies": part["proxies"],
        "laying over": part["show"],
        "driver": part["wait"],
    }
    spent["overlay, rest"] = part["overlay"] - sum(spent.values()) + spent["driver"]
    spent["Blender"] = found["seconds"] - part["overlay"] - part["wait"]
    return {name: 1000 * value / frames for name, value in spent.items()}


def said(found: dict[str, object]) -> str:
    """The figures as lines."""
    width, height = found["size"]
    lines = [
        f"overlay playback: {found['frames_per_sec']:.1f} frames/s in {width} x {height} px, "
        f"{found['frames_drawn']} frames drawn in {found['seconds']:.1f} s"
    ]
    lines += [f"  {name:18s}{value:8.1f} ms" for name, value in found["ms_per_frame"].items()]
    return "\n".join(lines)
