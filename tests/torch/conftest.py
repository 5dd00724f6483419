from tests.augment.conftest import bank, images

__all__ = ["bank", "images"]
