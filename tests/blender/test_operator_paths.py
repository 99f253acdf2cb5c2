"""Paths that a .blend is relative to ("//take.csv") serve every operator: Blender 5.2 warns of those that do not say so."""

import bpy


def path_properties():
    """Every property of an operator that is a file or a folder."""
    for name in dir(bpy.ops.gaussian_heads):
        rna = getattr(bpy.ops.gaussian_heads, name).get_rna_type()
        for prop in rna.properties:
            if prop.type == "STRING" and prop.subtype in ("FILE_PATH", "DIR_PATH"):
                yield name, prop


def test_paths_may_be_relative_to_the_blend(scene):
    found = list(path_properties())
    assert len(found) > 15
    refused = [
        f"{name}.{prop.identifier}"
        for name, prop in found
        if not prop.is_path_supports_blend_relative
    ]
    assert not refused


def test_a_relative_path_lies_beside_the_blend(scene, head, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.context.view_layer.objects.active = bpy.data.objects[head.name]
    bpy.ops.gaussian_heads.export_performance(
        filepath="//arkit.csv", use_range=True, frame_start=1, frame_end=2
    )
    assert (tmp_path / "arkit.csv").stat().st_size > 0
