"""`keras.preprocessing` of Keras 1 and 2: pictures changed at random while training, sequences, words."""

from striate.runner.preprocessing import image, sequence, text
from striate.runner.preprocessing.folders import image_dataset_from_directory

__all__ = ["image", "image_dataset_from_directory", "sequence", "text"]
