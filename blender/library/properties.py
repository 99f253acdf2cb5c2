"""Which avatar of the list is chosen: a setting of the session, in no file."""

from typing import TYPE_CHECKING

import bpy
from bpy.props import EnumProperty, PointerProperty, StringProperty

from ...core.assets import BUILTIN_PREFIX, DEFAULT_AVATAR

if TYPE_CHECKING:
    from .avatars import AvatarEntry

_SOURCES = {
    "SHIPPED": "Ships with the add-on",
    "FOLDER": "In your avatar folder",
    "RECENT": "Used lately",
}
_Item = tuple[str, str, str, int, int]
_texts: dict[str, str] = {}


def lasting(text: str) -> str:
    """The same `text`, alive for good: Blender keeps no copy of what menus made by Python show."""
    return _texts.setdefault(text, text)


def library_items(_settings: object = None, _context: object = None) -> list[_Item]:
    """The avatars as items of a menu with portraits."""
    from .avatars import library_entries

    return [_item(number, entry) for number, entry in enumerate(library_entries())]


def _item(number: int, entry: "AvatarEntry") -> _Item:
    from .thumbnails import icon_id

    place = "" if entry.source == "SHIPPED" else f": {entry.path}"
    texts = (entry.reference, entry.label, _SOURCES[entry.source] + place)
    return *(lasting(text) for text in texts), icon_id(entry), number


def _get_number(settings: bpy.types.PropertyGroup) -> int:
    from .avatars import library_entries

    references = [entry.reference for entry in library_entries()]
    return references.index(settings.reference) if settings.reference in references else 0


def _set_number(settings: bpy.types.PropertyGroup, number: int) -> None:
    from .avatars import library_entries

    settings.reference = library_entries()[number].reference


class GAUSSIAN_HEADS_PG_library(bpy.types.PropertyGroup):
    """The avatar that the sidebar's buttons add."""

    reference: StringProperty(
        name="Reference",
        description="The chosen avatar: builtin:NAME or the path of a .uhap file",
        default=BUILTIN_PREFIX + DEFAULT_AVATAR,
        options={"HIDDEN", "SKIP_SAVE"},
    )
    avatar: EnumProperty(
        name="Avatar",
        description="The avatar to add or to put in the place of the selected one: those that ship, those "
        "of your avatar folder and those used lately",
        items=library_items,
        get=_get_number,
        set=_set_number,
        options={"SKIP_SAVE"},
    )


CLASSES = (GAUSSIAN_HEADS_PG_library,)


def attach() -> None:
    """Add the choice to the window manager; the class must be registered."""
    bpy.types.WindowManager.gaussian_heads_library = PointerProperty(
        type=GAUSSIAN_HEADS_PG_library, options={"SKIP_SAVE"}
    )


def detach() -> None:
    """Take it away again."""
    del bpy.types.WindowManager.gaussian_heads_library
