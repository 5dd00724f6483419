"""Measure trained classifiers: error, calibration, robustness, OOD detection."""
