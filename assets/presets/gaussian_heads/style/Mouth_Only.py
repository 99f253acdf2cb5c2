import bpy

head = bpy.context.object.gaussian_head
head.style_liveliness = 1.0
head.style_head = 0.0
head.style_brows = 0.0
head.style_gaze = 0.0
head.style_blinks_per_min = 0.0
head.style_articulation = 1.0
head.style_jaw = 1.0
head.style_lips = 1.0
head.style_rounding = 1.0
