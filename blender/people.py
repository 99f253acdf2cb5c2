"""The person who is being made beside Blender: the process looked after, its avatar put into the library."""

from __future__ import annotations

import logging
from pathlib import Path

import bpy

from ..core.errors import GaussianHeadsError
from . import preferences
from .accelerator import is_environment
from .library.avatars import forget_library, remember_avatar
from .listeners import stops_with_add_on
from .personalizing import (
    NO_ENVIRONMENT_SENTENCE,
    PersonalizeError,
    PersonalizeProcess,
    PersonalizeRequest,
    PersonalizeStopped,
    free_path,
    torch_python,
)

logger = logging.getLogger(__name__)
POLL_SEC = 0.5
LOG_NAME = "personalize.log"


class _State:
    process: PersonalizeProcess | None = None
    # How the last one ended: a sentence, whether it is a complaint, and the avatar.
    sentence = ""
    is_fault = False
    avatar: Path | None = None
    adds_to_scene = False


_state = _State()
_previews: list[bpy.utils.previews.ImagePreviewCollection] = []
_icon: tuple[tuple[str, int] | None, int] = (None, 0)


def current_process() -> PersonalizeProcess | None:
    """The process at work; None when none is."""
    return _state.process


def last_word() -> tuple[str, bool]:
    """How the last one ended, and whether that was a fault; empty before the first."""
    return _state.sentence, _state.is_fault


def last_avatar() -> Path | None:
    """The avatar that was made last in this session, if it is still there."""
    return _state.avatar if _state.avatar is not None and _state.avatar.is_file() else None


def report_of(avatar: Path) -> Path | None:
    """The page that says how well an avatar fits its recording."""
    report = avatar.with_suffix(".report.html")
    return report if report.is_file() else None


def environment_python() -> Path:
    """The Python with PyTorch that the preferences name; raises where there is none."""
    folder = preferences.environment_folder()
    if preferences.has_accelerator() or is_environment(folder):
        return torch_python(folder)
    return torch_python()


def why_not_personalize() -> str:
    """Why nobody can be made now, as a sentence; empty when it can."""
    if _state.process is not None:
        return "A person is being made: wait for it or cancel it."
    try:
        environment_python()
    except PersonalizeError as error:
        if str(error) == NO_ENVIRONMENT_SENTENCE:
            return (
                "A new person needs PyTorch in an environment of its own: press Create Accelerator in the "
                "add-on's preferences."
            )
        return str(error)
    return ""


def out_path(name: str) -> Path:
    """Where the avatar of a person called `name` goes: into the user's library, over nothing else."""
    return free_path(preferences.avatar_folder(), name)


def start(request: PersonalizeRequest, *, adds_to_scene: bool) -> PersonalizeProcess:
    """Begin to make a person; a timer looks after it, whatever else Blender does."""
    if _state.process is not None:
        raise PersonalizeError("A person is being made: wait for it or cancel it.")
    request.out.parent.mkdir(parents=True, exist_ok=True)
    log_path = preferences.user_folder() / "logs" / LOG_NAME
    _state.process = PersonalizeProcess(request, environment_python(), log_path)
    _state.sentence, _state.is_fault, _state.avatar = "", False, None
    _state.adds_to_scene = adds_to_scene
    if not bpy.app.background:
        bpy.app.timers.register(_look, first_interval=POLL_SEC, persistent=True)
    return _state.process


def finish() -> Path:
    """Wait for the process and put its avatar into the library; raises its sentence where it failed."""
    process = _state.process
    try:
        avatar = process.result()
    except PersonalizeStopped as error:
        _state.sentence = str(error)
        raise
    except GaussianHeadsError as error:
        _state.sentence, _state.is_fault = str(error), True
        raise
    finally:
        _state.process = None
    _state.avatar = avatar
    _state.sentence = f"'{avatar.stem}' stands in your library."
    remember_avatar(avatar)
    forget_library()
    return avatar


def cancel() -> None:
    """Ask the process to stop."""
    if _state.process is not None:
        _state.process.cancel()


@stops_with_add_on
def stop_all() -> None:
    """End the process at once: the add-on goes."""
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)
    if _state.process is not None:
        _state.process.kill()
        _state.process = None
    if _previews:
        from bpy.utils import previews

        previews.remove(_previews.pop())
    global _icon
    _icon = (None, 0)


def preview_icon() -> int:
    """The icon of the last preview picture of the process at work; 0 while there is none."""
    return _icon[1]


def _look() -> float | None:
    """Called by a timer."""
    process = _state.process
    if process is None:
        return None
    _read_preview(process.standing.preview)
    _redraw()
    if process.is_running:
        return POLL_SEC
    try:
        avatar = finish()
        if _state.adds_to_scene:
            _add(avatar)
    except GaussianHeadsError as error:
        logger.info("%s", error)
    return None


def _add(avatar: Path) -> None:
    try:
        with bpy.context.temp_override(**_view()):
            bpy.ops.gaussian_heads.import_avatar("EXEC_DEFAULT", True, filepath=str(avatar))
    except RuntimeError as error:
        # Another mode, or a scene that cannot be changed; the library has it all the same.
        _state.sentence += " Add it from the list when the scene can be changed."
        logger.info("The new avatar was not added: %s", error)


def _view() -> dict[str, object]:
    """A 3D View, in which a new head is brought near; no more than a window where there is none."""
    windows = bpy.context.window_manager.windows
    # The areas of a Blender without windows were never drawn; using one ends it.
    for window in () if bpy.app.background else windows:
        for area in window.screen.areas:
            for region in area.regions if area.type == "VIEW_3D" else ():
                if region.type == "WINDOW":
                    return {"window": window, "area": area, "region": region}
    return {"window": windows[0] if windows else None}


def _read_preview(path: Path | None) -> None:
    global _icon
    try:
        key = None if path is None else (str(path), path.stat().st_mtime_ns)
    except OSError:
        return
    if key is None or key == _icon[0]:
        return
    if not _previews:
        from bpy.utils import previews

        _previews.append(previews.new())
    _icon = (key, _previews[0].load(f"{key[0]} {key[1]}", key[0], "IMAGE").icon_id)


def _redraw() -> None:
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions if area.type == "VIEW_3D" else ():
                if region.type == "UI":
                    region.tag_redraw()
