import bpy

head = bpy.context.object.gaussian_head
head.exposure = 0.0
head.tint = (1.0, 1.0, 1.0)
