"""The set on disk: its recipe, and drawing, checking and viewing it."""
