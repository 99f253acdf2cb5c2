import bpy

head = bpy.context.object.gaussian_head
head.exposure = -1.4
head.tint = (0.42, 0.56, 1.0)
