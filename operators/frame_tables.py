"""What operators share that write a table or arrays with a row for each frame."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, IntProperty, StringProperty

from ..core.errors import GaussianHeadsError

SUFFIXES = (".csv", ".npz")


class WritesFrames:
    """Mix-in for exporters with a `file_format` of `SUFFIXES`: the file, its ending, and which frames."""

    filepath: StringProperty(
        name="File", subtype="FILE_PATH", options={"SKIP_SAVE", "PATH_SUPPORTS_BLEND_RELATIVE"}
    )
    filter_glob: StringProperty(default="*.csv;*.npz", options={"HIDDEN"})
    use_range: BoolProperty(
        name="Only Some Frames", description="Other frames than the scene's range"
    )
    frame_start: IntProperty(name="From", description="First frame to write", default=1)
    frame_end: IntProperty(name="To", description="Last frame to write", default=250)

    def chosen_path(self) -> Path:
        """The file, with the ending of the format where it has none of them; raises where none is named."""
        if not self.filepath:
            raise GaussianHeadsError("No file is named: give one that ends in .csv or .npz.")
        path = Path(bpy.path.abspath(self.filepath))
        return path if path.suffix.lower() in SUFFIXES else Path(f"{path}{self.file_format}")

    def check(self, context: bpy.types.Context) -> bool:
        """Keep the name's ending that of the format."""
        path = Path(self.filepath)
        if path.suffix.lower() in SUFFIXES and path.suffix.lower() != self.file_format:
            self.filepath = str(path.with_suffix(self.file_format))
            return True
        return False
