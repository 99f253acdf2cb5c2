"""Everything that touches bpy or gpu, except operators and panels."""
