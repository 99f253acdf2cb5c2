import bpy

bpy.ops.gaussian_heads.use_video_output()
