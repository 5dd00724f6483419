"""Test images that differ from the training images: corrupted, perturbed, from elsewhere."""
