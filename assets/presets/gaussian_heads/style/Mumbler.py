import bpy

head = bpy.context.object.gaussian_head
head.style_liveliness = 0.6
head.style_head = 1.0
head.style_brows = 0.6
head.style_gaze = 1.0
head.style_blinks_per_min = 19.0
head.style_articulation = 0.6
head.style_jaw = 0.7
head.style_lips = 1.0
head.style_rounding = 0.8
