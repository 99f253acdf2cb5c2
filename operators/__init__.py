"""Operators: one verb per file; collect, call, report."""
