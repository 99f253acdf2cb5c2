import bpy

scene = bpy.context.scene
scene.gaussian_heads.supersampling = 2
scene.gaussian_heads.meshes = "HOLDOUT"
scene.render.use_motion_blur = False
scene.render.film_transparent = True
settings = scene.render.image_settings
if hasattr(settings, "media_type"):
    settings.media_type = "IMAGE"
settings.file_format = "OPEN_EXR"
settings.color_mode, settings.color_depth = "RGBA", "16"
settings.exr_codec = "ZIP"
