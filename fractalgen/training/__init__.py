"""Training with a mixing set: data, models, the loop, checkpoints. Needs the extra ``train``."""
