"""Training with a mixing set: data sets, models, the loop, checkpoints. Needs the extra ``train``."""
