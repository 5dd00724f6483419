"""Test pictures that differ from the training pictures: corrupted, perturbed, from elsewhere."""
