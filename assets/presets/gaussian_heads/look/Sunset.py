import bpy

head = bpy.context.object.gaussian_head
head.exposure = -0.2
head.tint = (1.0, 0.68, 0.44)
