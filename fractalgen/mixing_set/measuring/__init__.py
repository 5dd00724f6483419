"""Figures of images: of each one, of a set, and of how alike two are."""
