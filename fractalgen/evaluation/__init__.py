"""Measuring what a trained classifier is good for: metrics, shifted pictures, attacks, the report."""
