"""A stand-in for Blender's layouts that says what a panel drew."""

from types import SimpleNamespace

import bpy


class Layout:
    """Stands in for UILayout: records labels and properties, refuses names that do not exist."""

    def __init__(self):
        self.labels, self.properties, self.operators, self.progresses = [], [], [], []

    def column(self, **_):
        return self

    row = box = split = grid_flow = column

    def panel(self, _idname, **_):
        return self, self

    def prop_decorator(self, data, name, **_):
        assert name in data.bl_rna.properties, name

    def label(self, *, text, icon="NONE"):
        self.labels.append(text)

    def prop(self, data, name, **_):
        assert name in data.bl_rna.properties, name
        self.properties.append(name)

    def prop_search(self, data, name, source, collection, **_):
        assert name in data.bl_rna.properties and collection in source.bl_rna.properties
        self.properties.append(name)

    def operator(self, name, **_):
        module, verb = name.split(".")
        assert verb in dir(getattr(bpy.ops, module)), name
        self.operators.append(name)
        return SimpleNamespace()

    def menu(self, name, **_):
        assert hasattr(bpy.types, name), name

    def template_icon(self, icon_value, *, scale=1.0):
        assert icon_value > 0

    def template_icon_view(self, data, name, **_):
        assert name in data.bl_rna.properties, name

    def template_list(self, list_type, _list_id, data, name, active_data, active_name, **_):
        assert hasattr(bpy.types, list_type), list_type
        assert name in data.bl_rna.properties and active_name in active_data.bl_rna.properties

    def separator(self, **_):
        pass

    def progress(self, *, factor, text):
        self.progresses.append(factor)


def draw(panel):
    """What `panel` draws now; its own helpers and class attributes stand beside the stand-in layout."""
    layout = Layout()
    stand_in = SimpleNamespace(layout=layout)
    ours = [c for c in reversed(panel.__mro__) if c.__module__.startswith("gaussian_heads")]
    for name, value in ((n, v) for cls in ours for n, v in vars(cls).items()):
        if not name.startswith(("__", "bl_")) and name not in ("draw", "poll"):
            setattr(stand_in, name, value.__get__(stand_in) if callable(value) else value)
    panel.draw(stand_in, bpy.context)
    return layout
