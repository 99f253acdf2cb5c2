import bpy

scene = bpy.context.scene
scene.gaussian_heads.supersampling = 2
scene.gaussian_heads.meshes = "HOLDOUT"
scene.render.use_motion_blur = False
scene.render.film_transparent = True
settings = scene.render.image_settings
if hasattr(settings, "media_type"):
    settings.media_type = "MULTI_LAYER_IMAGE"
settings.file_format = "OPEN_EXR_MULTILAYER"
settings.color_depth = "32"
settings.exr_codec = "ZIP"
for layer in scene.view_layers:
    layer.use_pass_z = True
