"""`keras.preprocessing` of Keras 1 and 2: pictures changed at random while training, sequences, words."""

from striate.runner.preprocessing import image, sequence, text
from striate.utils import (
    audio_dataset_from_directory,
    image_dataset_from_directory,
    timeseries_dataset_from_array,
)

__all__ = ["audio_dataset_from_directory", "image", "image_dataset_from_directory", "sequence", "text",
           "timeseries_dataset_from_array"]
