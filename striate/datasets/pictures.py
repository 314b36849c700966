"""Picture files as arrays: PNG, JPEG, TIFF, BMP, GIF and WebP, and with the extra `bio` DICOM and NIfTI.

`decode` gives a file's own numbers; a `Preparation` makes every file what a network wants: one size, one number of
channels, bytes from 0 to 255. The same preparation is kept with a training run and used again for its predictions.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate.datasets.medical import DAMAGED, holds_volume, is_dicom, read_dicom, read_nifti, read_tiff
from striate.errors import ArgumentError, DataError, MissingDataError, received

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".dcm", ".nii", ".nii.gz")
COLOR_MODES = {"grayscale": ("L", 1), "rgb": ("RGB", 3), "rgba": ("RGBA", 4)}
RESAMPLING = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}
MAX_PIXELS = 64 << 20
"""Pictures that declare more pixels are refused before they are decoded."""
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def is_picture(path: Path) -> bool:
    """Whether a file is a picture by its name, or DICOM by its first bytes; hidden ones are none."""
    return not path.name.startswith(".") and (path.name.lower().endswith(SUFFIXES) or is_dicom(path))


@dataclass(frozen=True)
class Preparation:
    """How picture files become arrays of one kind.

    Args:
        image_size: (height, width) that every picture is brought to; None keeps its own.
        color_mode: "grayscale", "rgb" or "rgba".
        interpolation: "nearest", "bilinear", "bicubic" or "lanczos", where sizes differ.
        crop: whether the middle of a picture of another shape is cut out, instead of distorting it.
        black, white: the values of pictures with more than 8 bits that become 0 and 255. None: 0 and 65,535 for those
            of 16 bits, and the smallest and largest value of the picture itself for others.

    Raises:
        ArgumentError: a color mode or an interpolation that there is not.

    Example:
        >>> Preparation((28, 28), "rgb").channels
        3
    """

    image_size: tuple[int, int] | None = None
    color_mode: str = "grayscale"
    interpolation: str = "bilinear"
    crop: bool = False
    black: float | None = None
    white: float | None = None

    def __post_init__(self):
        if self.color_mode not in COLOR_MODES:
            raise ArgumentError(f"`color_mode` must be one of {', '.join(COLOR_MODES)}. "
                                + received(color_mode=self.color_mode))
        if self.interpolation not in RESAMPLING:
            raise ArgumentError(f"`interpolation` must be one of {', '.join(RESAMPLING)}. "
                                + received(interpolation=self.interpolation))

    @property
    def channels(self) -> int:
        """How many numbers a pixel has."""
        return COLOR_MODES[self.color_mode][1]

    def config(self) -> dict[str, Any]:
        """The preparation in plain types; `Preparation.of` makes it again."""
        return asdict(self)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Preparation:
        """The preparation whose `config()` this is."""
        size = config.get("image_size")
        return cls(**{**config, "image_size": None if size is None else tuple(size)})

    def read(self, path: str | os.PathLike) -> np.ndarray:
        """A file as uint8 of shape (height, width, channels).

        Raises:
            DataError: the file is damaged, not a picture of a known kind, or claims to be enormous.
        """
        return self.apply(decode(path))

    def apply(self, pixels: np.ndarray) -> np.ndarray:
        """A decoded picture as uint8 of shape (height, width, channels)."""
        from PIL import Image

        mode, channels = COLOR_MODES[self.color_mode]
        pixels = self._middle(pixels)
        if pixels.dtype == np.uint8:
            image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert(mode)
            return np.asarray(self._resized(image), np.uint8).reshape(*self._size(pixels), channels)
        # More than 8 bits: resized in full precision, one channel after the other, and rounded once at the end.
        pixels = self._to_bytes(pixels)
        planes = [np.asarray(self._resized(Image.fromarray(pixels[..., channel])))
                  for channel in range(pixels.shape[2])]
        rounded = np.clip(np.rint(np.stack(planes, axis=-1)), 0, 255).astype(np.uint8)
        return Preparation(color_mode=self.color_mode).apply(rounded)

    def _size(self, pixels: np.ndarray) -> tuple[int, int]:
        return self.image_size or (pixels.shape[0], pixels.shape[1])

    def _resized(self, image):
        if self.image_size is None or image.size == self.image_size[::-1]:
            return image
        return image.resize(self.image_size[::-1], RESAMPLING[self.interpolation])

    def _middle(self, pixels: np.ndarray) -> np.ndarray:
        """The largest part around the middle that has the wanted ratio of height to width."""
        if not self.crop or self.image_size is None:
            return pixels
        height, width = pixels.shape[:2]
        ratio = self.image_size[0] / self.image_size[1]
        rows, columns = min(height, max(1, round(width * ratio))), min(width, max(1, round(height / ratio)))
        top, left = (height - rows) // 2, (width - columns) // 2
        return np.ascontiguousarray(pixels[top:top + rows, left:left + columns])

    def _to_bytes(self, pixels: np.ndarray) -> np.ndarray:
        """Numbers of any range as float32 from 0 to 255."""
        low, high = (0, 65535) if pixels.dtype == np.uint16 else (float(pixels.min()), float(pixels.max()))
        low, high = (own if given is None else given for own, given in ((low, self.black), (high, self.white)))
        values = (pixels.astype(np.float32) - low) * (255 / ((high - low) or 1.0))
        return np.clip(values, 0, 255).astype(np.float32)


def read_image(path: str | os.PathLike, image_size: tuple[int, int] | None = None, color_mode: str = "grayscale",
               interpolation: str = "bilinear") -> np.ndarray:
    """One picture as uint8 of shape (height, width, channels). The arguments are those of `Preparation`.

    Raises:
        DataError: the file is damaged, not a picture of a known kind, or claims to be enormous.
    """
    return Preparation(image_size, color_mode, interpolation).read(path)


def decode(path: str | os.PathLike) -> np.ndarray:
    """A picture with its own numbers.

    EXIF orientation is applied; of films and volumes the first picture and the middle slice are taken. Colours of 16
    bits keep their high bytes.

    Returns:
        An array of shape (height, width, 1, 3 or 4): uint8, uint16 (one channel) or float32.

    Raises:
        DataError: the file is damaged, not a picture of a known kind, or claims to be enormous; or it is a DICOM or
            NIfTI file and the extra `bio` is not installed.
    """
    name = os.fspath(path).lower()
    if not os.path.isfile(path):  # a named pipe would be waited for without end
        raise MissingDataError("There is no such picture. " + received(path=os.fspath(path)))
    if name.endswith(".dcm") or not name.endswith(SUFFIXES) and is_dicom(path):
        return read_dicom(path, MAX_PIXELS)
    if name.endswith((".nii", ".nii.gz")):
        return read_nifti(path, MAX_PIXELS)
    return _read_with_pillow(path)


def _read_with_pillow(path: str | os.PathLike) -> np.ndarray:
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as file:
                if file.width * file.height > MAX_PIXELS:
                    raise DataError(f"{path} declares more than {MAX_PIXELS:,} pixels. "
                                    + received(width=file.width, height=file.height))
                return own_numbers(file)
    except UnidentifiedImageError as error:
        if os.fspath(path).lower().endswith((".tif", ".tiff")):
            # Microscopes write TIFF of kinds that Pillow does not know: 64 bits, half precision, many channels.
            return read_tiff(path, MAX_PIXELS)
        raise DataError(f"{path} cannot be read as a picture: {error}") from error
    except (*DAMAGED, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # type: ignore[misc]
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as a picture: {error}") from error


def own_numbers(file) -> np.ndarray:
    """The numbers (height, width, channels) of a picture that Pillow has opened, turned as it says; see `decode`."""
    from PIL import ImageOps

    if file.mode == "I" or file.mode == "F":
        return np.asarray(file, np.float32)[..., np.newaxis]
    if file.mode.startswith("I;16"):
        return np.asarray(file).astype(np.uint16)[..., np.newaxis]
    image = ImageOps.exif_transpose(file)
    if image.mode in ("1", "L"):
        image = image.convert("L")
    elif image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGBA" if image.mode in ("LA", "PA") or "transparency" in image.info else "RGB")
    pixels = np.asarray(image, np.uint8)
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def facts(path: str | os.PathLike) -> dict[str, Any]:
    """What a picture is: height, width, type, whether it is grey, range, whether the file holds `more` than this one,
    and a hash of its pixels.

    Raises:
        DataError: it cannot be read.
    """
    import hashlib

    pixels = decode(path)
    grey = pixels.shape[2] == 1 or bool((pixels[..., :1] == pixels[..., 1:3]).all())
    kept = np.ascontiguousarray(pixels[..., :1] if grey else pixels[..., :3])
    digest = hashlib.sha256(f"{kept.shape} {kept.dtype}".encode() + kept.tobytes()).hexdigest()
    return {"height": pixels.shape[0], "width": pixels.shape[1], "grey": grey, "type": str(pixels.dtype),
            "low": float(pixels.min()), "high": float(pixels.max()), "more": _holds_more(path), "pixels": digest}


def _holds_more(path: str | os.PathLike) -> bool:
    """Whether a file that can be read holds more pictures than the one that is: pages, moments or slices."""
    from PIL import Image

    name = os.fspath(path).lower()
    if name.endswith((".nii", ".nii.gz")) or is_dicom(path):
        return holds_volume(path)
    if not name.endswith((".tif", ".tiff", ".gif", ".webp", ".png")):
        return False  # photographs of telephones hold small copies of themselves
    try:
        with Image.open(path, formats=_FORMATS) as file:
            return bool(getattr(file, "is_animated", False))
    except (*DAMAGED, Image.DecompressionBombError):  # type: ignore[misc]  # TIFF that Pillow does not know
        return False
