"""Measuring what a classifier is good for: metrics, shifted images, attacks, the report."""
