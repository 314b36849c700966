"""Images of the user as the model takes them: decoded under limits, made grey or coloured, resized."""

from __future__ import annotations

import io
import warnings

import numpy as np

from striate.datasets.medical import DAMAGED
from striate.datasets.pictures import Preparation, own_numbers
from striate.errors import ArgumentError, DataError, received

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
MAX_PIXELS = 32_000_000
MAX_BYTES = 10 << 20


def decode(content: bytes, shape: tuple[int | None, ...], invert: bool = False,
           preparation: Preparation | None = None) -> np.ndarray:
    """The bytes of an image file as uint8 pixels of shape (height, width, channels).

    Args:
        content: the file.
        shape: that the model takes, without the batch; channels are 1 or 3.
        invert: swap dark and bright.
        preparation: how the pictures were prepared that the model learnt; else it is only resized.

    Raises:
        ArgumentError: the model takes no images.
        DataError: no image of a known kind, damaged, or too large.
    """
    from PIL import Image

    if len(shape) != 3 or shape[-1] not in (1, 3):
        raise ArgumentError("An image fits only models for grey or coloured images. " + received(input_shape=shape))
    height, width, channels = shape
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DataError(f"The image has more than {MAX_PIXELS:,} pixels. "
                                    + received(width=image.width, height=image.height))
                own = own_numbers(image)
        if preparation is None or preparation.image_size is None:
            size = (height or min(own.shape[0], 512), width or min(own.shape[1], 512))
            preparation = Preparation(size, "grayscale" if channels == 1 else "rgb", "lanczos")
        pixels = preparation.apply(own)
    except (*DAMAGED, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # type: ignore[misc]
        if isinstance(error, DataError):
            raise
        raise DataError(f"This file cannot be read as an image. Known kinds: {', '.join(FORMATS)}. "
                        + received(reason=str(error).partition(" <")[0][:80])) from None
    return 255 - pixels if invert else pixels
