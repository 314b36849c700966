"""`keras.preprocessing` of Keras 1 and 2: pictures changed at random while training, sequences, words."""

from striate.runner.preprocessing import image, sequence, text

__all__ = ["image", "sequence", "text"]
