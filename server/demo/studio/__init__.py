"""Draws and composes the demo's live stream: three products in turn on a set, with music. Needs Pillow alone."""
