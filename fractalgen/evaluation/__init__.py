"""Measuring what a classifier is good for: metrics, shifted pictures, attacks, the report."""
