"""What a viewport looks at."""

from __future__ import annotations

import bpy
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d
from mathutils import Vector

# A new head that stands lower than this part of the viewport, or outside of it, is brought near.
SMALL_PART = 0.15


def look_at_small(context: bpy.types.Context, obj: bpy.types.Object) -> bool:
    """Bring `obj`, which is selected alone, near in the 3D View of `context` if it is tiny or out of sight there.

    A head is small beside the start-up scene. Views through cameras stay; returns whether the view changed.
    """
    area, space = context.area, context.space_data
    if bpy.app.background or area is None or area.type != "VIEW_3D":
        return False
    region = next(region for region in area.regions if region.type == "WINDOW")
    view = space.region_3d
    if view.view_perspective == "CAMERA" or not is_small(region, view, obj):
        return False
    with context.temp_override(region=region):
        bpy.ops.view3d.view_selected(use_all_regions=False)
    return True


def look_through_camera(context: bpy.types.Context) -> None:
    """Show the scene camera's picture in the 3D View of `context`, whole, without lines across the face."""
    area, space = context.area, context.space_data
    if bpy.app.background or area is None or area.type != "VIEW_3D":
        return
    space.region_3d.view_perspective = "CAMERA"
    # Blender draws the lines of its floor and axes over what others drew before.
    overlay = space.overlay
    overlay.show_floor = overlay.show_axis_x = overlay.show_axis_y = False
    region = next(region for region in area.regions if region.type == "WINDOW")
    with context.temp_override(region=region):
        bpy.ops.view3d.view_center_camera()


def is_small(region: bpy.types.Region, view: bpy.types.RegionView3D, obj: bpy.types.Object) -> bool:
    """Whether `obj` takes a small part of the region's height, or is not wholly in front of the view."""
    corners = [obj.matrix_world @ Vector(corner) for corner in obj.bound_box]
    places = [location_3d_to_region_2d(region, view, corner) for corner in corners]
    if any(place is None for place in places):
        return True
    pixels = np.array(places)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    is_outside = (high < 0).any() or (low > (region.width, region.height)).any()
    return bool(is_outside or high[1] - low[1] < SMALL_PART * region.height)
