"""Networks by name, and the weights that they start from."""

from fractalgen.training.models.catalogue import MODELS, ModelEntry, create_model

__all__ = ["MODELS", "ModelEntry", "create_model"]
