import bpy

render = bpy.context.scene.render
render.resolution_x, render.resolution_y = 1920, 1080
render.resolution_percentage = 100
render.pixel_aspect_x = render.pixel_aspect_y = 1.0
render.fps, render.fps_base = 60, 1.0
