"""The data sets that networks are trained and tested on."""

from fractalgen.training.datasets.image_data import ImageData, Images
from fractalgen.training.datasets.loading import DATASETS, FOLDER_PREFIX, load_data

__all__ = ["DATASETS", "FOLDER_PREFIX", "ImageData", "Images", "load_data"]
