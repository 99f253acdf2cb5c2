"""Shots of a table, each in a process of its own."""
