import bpy

head = bpy.context.object.gaussian_head
head.exposure = 0.0
head.tint = (0.82, 0.93, 1.0)
