"""Operators: one verb per file; collect, call, report."""

from __future__ import annotations

# In the order in which Blender comes to know them.
_MODULES = (
    "import_avatar",
    "import_lam",
    "replace_avatar",
    "find_missing_avatar",
    "import_splats",
    "export_ply",
    "import_performance",
    "export_performance",
    "export_landmarks",
    "copy_shapes",
    "speech_to_shapes",
    "expression_from_video",
    "add_speech",
    "presets",
    "previz",
    "fit_range",
    "show_native_splats",
    "bake_speech",
    "bake_dialogue",
    "link_speech",
    "update_keys",
    "resolve_line",
    "clear_speech",
    "style_presets",
    "direct_expression",
    "key_direction",
    "clear_direction",
    "direction_from_file",
    "direction_from_video",
    "setup_render",
    "setup_composite",
    "use_standard",
    "create_accelerator",
    "personalize",
    "render_portrait",
    "key_pose",
    "keying_set",
    "reset_pose",
    "mirror_pose",
    "copy_pose",
    "apply_expression",
    "apply_action_asset",
    "blend_action_asset",
    "save_pose_asset",
    "create_expression_library",
    "look_at",
    "follow_head",
)


def register() -> None:
    """Make the operators known to Blender."""
    import bpy

    for cls in _classes():
        bpy.utils.register_class(cls)
    for menu, draw in _menu_entries():
        # Before Blender's own entries for poses, which know bones only.
        is_first = menu is bpy.types.ASSETBROWSER_MT_context_menu
        (menu.prepend if is_first else menu.append)(draw)


def unregister() -> None:
    """Undo `register`, in reverse; analyses in work are stopped."""
    import bpy

    from ..blender.listeners import stop_work

    stop_work()
    for menu, draw in _menu_entries():
        menu.remove(draw)
    for cls in reversed(_classes()):
        bpy.utils.unregister_class(cls)


def _classes() -> tuple[type, ...]:
    from importlib import import_module

    modules = (import_module(f".{name}", __package__) for name in _MODULES)
    return tuple(cls for module in modules for cls in module.CLASSES)


def _menu_entries() -> tuple[tuple[type, object], ...]:
    """Menus of Blender and what draws an entry at their ends."""
    import bpy

    from . import (
        blend_action_asset,
        export_landmarks,
        export_performance,
        export_ply,
        import_avatar,
        import_lam,
        import_performance,
        import_splats,
        render_portrait,
    )

    return (
        (bpy.types.ASSETBROWSER_MT_context_menu, blend_action_asset.draw_menu),
        (bpy.types.TOPBAR_MT_file_import, import_avatar.draw_import_menu),
        (bpy.types.TOPBAR_MT_file_import, import_splats.draw_menu),
        (bpy.types.TOPBAR_MT_file_import, import_lam.draw_menu),
        (bpy.types.TOPBAR_MT_file_import, import_performance.draw_menu),
        (bpy.types.VIEW3D_MT_add, import_avatar.draw_add_menu),
        (bpy.types.TOPBAR_MT_file_export, export_ply.draw_menu),
        (bpy.types.TOPBAR_MT_file_export, export_performance.draw_menu),
        (bpy.types.TOPBAR_MT_file_export, export_landmarks.draw_menu),
        (bpy.types.TOPBAR_MT_render, render_portrait.draw_menu),
    )
