"""Colour spaces, gradients and palettes."""
