"""Pictures of microscopes and scanners, read by packages of the extra `bio`: DICOM, NIfTI, TIFF of many bits."""

from __future__ import annotations

import os
import struct
import zlib
from importlib import import_module
from math import prod

import numpy as np

from striate.errors import DataError, received


def _needs(module: str, path: str | os.PathLike):
    """The package that reads a file.

    Raises:
        DataError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise DataError(f"{path} needs the package {module}: pip install 'striate[bio]'.") from None


def _check_size(path: str | os.PathLike, shape, max_pixels: int) -> None:
    if prod(int(length) for length in shape) > max_pixels:
        raise DataError(f"{path} declares more than {max_pixels:,} pixels. " + received(shape=tuple(shape)))


def with_channels(pixels: np.ndarray, path: str | os.PathLike) -> np.ndarray:
    """(height, width, channels) uint8, uint16 or float32 of whatever a package gave: of stacks the first picture.

    Raises:
        DataError: there is no picture in it.
    """
    while pixels.ndim > 3 or pixels.ndim == 3 and pixels.shape[-1] not in (1, 3, 4):
        pixels = pixels[0]
    if pixels.ndim not in (2, 3) or pixels.size == 0 or pixels.dtype.kind not in "biuf":
        raise DataError(f"{path} does not hold a picture. " + received(shape=pixels.shape, dtype=str(pixels.dtype)))
    pixels = pixels[..., np.newaxis] if pixels.ndim == 2 else pixels
    kept = pixels.dtype == np.uint8 or pixels.dtype == np.uint16
    return np.ascontiguousarray(pixels if kept else pixels.astype(np.float32))


DAMAGED: tuple[type[Exception], ...] = (
    OSError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError, RuntimeError, EOFError, SyntaxError,
    MemoryError, struct.error, zlib.error)
"""What readers of pictures raise about content that is not what they expect."""


def read_tiff(path: str | os.PathLike, max_pixels: int) -> np.ndarray:
    """A TIFF file that Pillow does not know.

    Raises:
        DataError: it is damaged or too large, or tifffile is not installed.
    """
    tifffile = _needs("tifffile", path)
    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            _check_size(path, page.shape, max_pixels * 4)
            return with_channels(page.asarray(), path)
    except (*DAMAGED, tifffile.TiffFileError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as a picture: {error}") from error


def read_dicom(path: str | os.PathLike, max_pixels: int) -> np.ndarray:
    """A DICOM file in the units of its modality (slope and intercept applied), bright where it should be bright.

    Raises:
        DataError: it is damaged, holds no picture or is too large, or pydicom is not installed.
    """
    pydicom = _needs("pydicom", path)
    try:
        file = pydicom.dcmread(path)
        frames = int(getattr(file, "NumberOfFrames", 1) or 1)
        _check_size(path, (frames, file.Rows, file.Columns), max_pixels)
        pixels = file.pixel_array
    except (*DAMAGED, pydicom.errors.InvalidDicomError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as DICOM: {error}") from error
    pixels = with_channels(pixels[frames // 2] if frames > 1 else pixels, path)
    if pixels.shape[2] > 1:
        return pixels
    slope, intercept = float(getattr(file, "RescaleSlope", 1)), float(getattr(file, "RescaleIntercept", 0))
    pixels = pixels.astype(np.float32) * slope + intercept
    return (-pixels if file.PhotometricInterpretation == "MONOCHROME1" else pixels).astype(np.float32)


def read_nifti(path: str | os.PathLike, max_pixels: int) -> np.ndarray:
    """The middle slice along the third axis of a NIfTI volume, the first volume of a series; rows from the top down.

    Raises:
        DataError: it is damaged or too large, or nibabel is not installed.
    """
    nibabel = _needs("nibabel", path)
    try:
        data = nibabel.Nifti1Image.from_filename(path).dataobj
        shape = data.shape
        if len(shape) < 2:
            raise DataError(f"{path} holds no picture. " + received(shape=shape))
        _check_size(path, shape[:2], max_pixels)
        middle = () if len(shape) == 2 else (shape[2] // 2, *[0] * (len(shape) - 3))
        pixels = np.asarray(data[(slice(None), slice(None), *middle)])
    except (*DAMAGED, nibabel.filebasedimages.ImageFileError,
            nibabel.spatialimages.HeaderDataError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as NIfTI: {error}") from error
    # The first axis of a volume runs from left to right and the second from back to front.
    return np.ascontiguousarray(np.flipud(pixels.T)[..., np.newaxis].astype(np.float32))
