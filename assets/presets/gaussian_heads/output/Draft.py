import bpy

scene = bpy.context.scene
scene.gaussian_heads.supersampling = 1
scene.gaussian_heads.meshes = "SHADED"
scene.render.use_motion_blur = False
scene.render.film_transparent = False
settings = scene.render.image_settings
if hasattr(settings, "media_type"):
    settings.media_type = "IMAGE"
settings.file_format = "JPEG"
settings.color_mode, settings.color_depth = "RGB", "8"
