import bpy

head = bpy.context.object.gaussian_head
head.exposure = 0.1
head.tint = (1.0, 0.9, 0.76)
