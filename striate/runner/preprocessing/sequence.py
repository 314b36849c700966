"""`keras.preprocessing.sequence`."""

from striate.utils import pad_sequences

__all__ = ["pad_sequences"]
