"""A set as other programs read it."""
