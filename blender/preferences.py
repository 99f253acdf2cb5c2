"""Preferences of the add-on: where the user's avatars and the accelerator environment are."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

if TYPE_CHECKING:
    from .accelerator import AcceleratorPlan

PACKAGE = __package__.rpartition(".")[0]


def _on_folder(preferences: object, context: bpy.types.Context) -> None:
    apply_preferences()


def _on_avatar_folder(preferences: object, context: bpy.types.Context) -> None:
    from .library.avatars import forget_library

    forget_library()


class GAUSSIAN_HEADS_AP_preferences(bpy.types.AddonPreferences):
    """The user's avatars, and the optional accelerator for NVIDIA cards."""

    bl_idname = PACKAGE

    avatar_folder: StringProperty(
        name="Avatar Folder",
        description="Folder of your own .uhap avatars: they stand in the sidebar's list and in the Add "
        "menu; a folder of the add-on's own when empty",
        subtype="DIR_PATH",
        update=_on_avatar_folder,
    )

    accelerator_folder: StringProperty(
        name="Environment",
        description="Folder of the Python environment with torch and gsplat that draws on an NVIDIA "
        "card; leave empty to do without",
        subtype="DIR_PATH",
        update=_on_folder,
    )
    wheel_folder: StringProperty(
        name="Wheel Folder",
        description="Folder with wheel files to install from instead of the network",
        subtype="DIR_PATH",
    )
    base_python: StringProperty(
        name="Python",
        description="Python 3.11 to 3.13 that the environment is made with; the system's when empty",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        """Fields, buttons, and what the last of them said."""
        from ..core.dependencies import dependency_problems
        from .accelerator import SIZE_SENTENCE, current_task

        layout = self.layout
        for problem in dependency_problems():
            row = layout.row()
            row.alert = True
            row.label(text=problem, icon="ERROR")
        layout.use_property_split = True
        layout.prop(self, "avatar_folder", placeholder=str(avatar_folder()))
        layout.label(text="CUDA Accelerator and New People (optional)", icon="PREFERENCES")
        for name in ("accelerator_folder", "wheel_folder", "base_python"):
            layout.prop(self, name)
        task = current_task()
        row = layout.row(align=True)
        if task is not None and task.is_running:
            row.label(text=f"{task.title}: {task.line}", icon="SORTTIME")
            row.operator("gaussian_heads.cancel_accelerator", text="", icon="X")
            return
        row.operator("gaussian_heads.create_accelerator", icon="IMPORT")
        row.operator("gaussian_heads.check_accelerator", icon="CHECKMARK")
        if task is not None:
            icon = "ERROR" if task.error else "INFO"
            layout.label(text=task.error or task.result, icon=icon)
        else:
            layout.label(
                text=f"{SIZE_SENTENCE}; drawing works without it, new people need it.", icon="INFO"
            )


def add_on_preferences() -> GAUSSIAN_HEADS_AP_preferences | None:
    """The preferences, or None where the add-on runs from a script without being enabled."""
    add_on = bpy.context.preferences.addons.get(PACKAGE)
    return None if add_on is None else add_on.preferences


def user_folder() -> Path:
    """A folder of the user's for what the add-on writes by itself: logs and the environment."""
    try:
        return Path(bpy.utils.extension_path_user(PACKAGE))
    except ValueError:
        # Not installed as an extension.
        return Path(bpy.utils.user_resource("DATAFILES", path="gaussian_heads"))


def avatar_folder() -> Path:
    """Where the user's own avatars lie; it need not exist."""
    return _path("avatar_folder") or user_folder() / "avatars"


def apply_preferences() -> None:
    """Tell the CUDA backend which environment to use."""
    from ..core.render import cuda

    folder = _path("accelerator_folder")
    cuda.configure("" if folder is None else str(folder), user_folder() / "logs")


def environment_folder() -> Path:
    """Where the environment with torch is or would be."""
    return _path("accelerator_folder") or user_folder() / "accelerator"


def accelerator_plan() -> "AcceleratorPlan":
    """What the button would make."""
    from .accelerator import LOG_NAME, AcceleratorPlan, find_python

    return AcceleratorPlan(
        folder=environment_folder(),
        log_path=user_folder() / "logs" / LOG_NAME,
        python=_path("base_python") or find_python(),
        wheels=_path("wheel_folder"),
    )


def has_accelerator() -> bool:
    """Whether the user names an environment of his own."""
    return _path("accelerator_folder") is not None


def _path(name: str) -> Path | None:
    """A path of the preferences, None where it is empty or there are none."""
    text = getattr(add_on_preferences(), name, "")
    return Path(bpy.path.abspath(text) if text.startswith("//") else text) if text else None


CLASSES = (GAUSSIAN_HEADS_AP_preferences,)
