"""What operators share that make somebody's likeness: they ask for a file, then who agreed, and again while nobody did."""

from __future__ import annotations

import bpy

from .base import Outcome


class AsksForAgreement:
    """Mix-in before the guarded one, for operators with `statement`, `is_agreed`, `was_asked` and `was_refused`.

    The dialog closes when it is confirmed: `ask` opens it again with what was typed.
    """

    missing = ""
    placeholder = ""

    def execute(self, context: bpy.types.Context) -> Outcome:
        """Begin; a file that was just chosen is asked about first, and again while nobody agreed."""
        if bpy.app.background or context.window is None:
            return super().execute(context)
        if self.was_asked and not self.has_agreement():
            return self.ask(was_refused=True)
        if not self.was_asked and not self.statement:
            return self.ask()
        return super().execute(context)

    def has_agreement(self) -> bool:
        """Whether somebody is said to have agreed, and the box is ticked."""
        return self.is_agreed and bool(self.statement.strip())

    def ask(self, *, was_refused: bool = False) -> Outcome:
        """Open the dialog, where it was open before with what was typed."""
        raise NotImplementedError

    def draw_agreement(self, layout: bpy.types.UILayout) -> None:
        """The statement, the box, and what is missing."""
        layout.prop(self, "statement", placeholder=self.placeholder)
        row = layout.row()
        row.use_property_split = False
        row.prop(self, "is_agreed")
        if not self.has_agreement():
            row = layout.row()
            row.alert = self.was_refused
            row.label(text=self.missing, icon="ERROR" if self.was_refused else "INFO")
