"""Pictures of microscopes and scanners, read by packages of the extra `bio`: DICOM, NIfTI, TIFF of many bits."""

from __future__ import annotations

import gzip
import io
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


_MAX_EXPANSION = 1100
"""No packing that is read here makes more than so many bytes of one (deflate's limit is 1,032)."""
_MAX_HEADER = 64 << 20
_PIECE = 1 << 20
_DEFLATED, _UNBOUNDED = {8, 32946}, {34925, 34926, 50000, 50001}
"""TIFF's numbers of the ways to pack: deflate; and those that tifffile unpacks without limits, like LZMA."""


def _check_size(path: str | os.PathLike, shape, max_pixels: int, itemsize: int = 1) -> None:
    """Refuses what declares more pixels than allowed, or more bytes than a file of its size can hold."""
    lengths = [int(length) for length in shape]
    if min(lengths, default=0) < 1 or prod(lengths) > max_pixels:
        raise DataError(f"{path} declares no pixels, or more than {max_pixels:,}. " + received(shape=tuple(lengths)))
    held = os.path.getsize(path)
    if prod(lengths) * itemsize > held * _MAX_EXPANSION:
        raise DataError(f"{path} declares more pixels than a file of {held:,} bytes can hold. "
                        + received(shape=tuple(lengths)))


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
            _check_size(path, page.shape, max_pixels * 4 // page.dtype.itemsize, page.dtype.itemsize)
            _check_strips(file, page, path)
            return with_channels(page.asarray(), path)
    except (*DAMAGED, tifffile.TiffFileError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as a picture: {error}") from error


def _check_strips(file, page, path: str | os.PathLike) -> None:
    """Packed strips must not unpack to more than the page has: tifffile itself sets no bounds."""
    if page.compression in _UNBOUNDED:
        raise DataError(f"{path} is packed in a way that is not read. " + received(packing=int(page.compression)))
    if page.compression not in _DEFLATED:
        return
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.filehandle.seek(offset)
        unpacker, left, rest = zlib.decompressobj(), page.nbytes, file.filehandle.read(min(count, file.filehandle.size))
        while rest and left >= 0:
            left -= len(unpacker.decompress(rest, _PIECE))
            rest = unpacker.unconsumed_tail
        if left < 0:
            raise DataError(f"A part of {path} unpacks to more than the whole picture has. "
                            + received(bytes=page.nbytes))


def is_dicom(path: str | os.PathLike) -> bool:
    """Whether a file is DICOM by its first bytes, whatever its name: scanners leave the ending away."""
    try:
        if not os.path.isfile(path):  # a named pipe would be waited for without end
            return False
        with open(path, "rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def holds_volume(path: str | os.PathLike) -> bool:
    """Whether a DICOM or NIfTI file that can be read holds more than one picture."""
    if is_dicom(path):
        found = _needs("pydicom", path).dcmread(path, stop_before_pixels=True)
        return int(getattr(found, "NumberOfFrames", 1) or 1) > 1
    return prod(_needs("nibabel", path).Nifti1Image.from_filename(path).dataobj.shape[2:]) > 1


def read_dicom(path: str | os.PathLike, max_pixels: int) -> np.ndarray:
    """A DICOM file in the units of its modality (slope and intercept applied), bright where it should be bright.

    Raises:
        DataError: it is damaged, holds no picture or is too large, or pydicom is not installed.
    """
    pydicom = _needs("pydicom", path)
    try:
        with open(path, "rb") as file:
            return _dicom_picture(pydicom, file, path, max_pixels)
    except (*DAMAGED, pydicom.errors.InvalidDicomError, pydicom.errors.BytesLengthException) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as DICOM: {error}") from error


def _dicom_picture(pydicom, file, path: str | os.PathLike, max_pixels: int) -> np.ndarray:
    meta = pydicom.filereader.read_file_meta_info(path)
    if getattr(meta, "TransferSyntaxUID", "") == pydicom.uid.DeflatedExplicitVRLittleEndian:
        # pydicom unpacks the whole of such a file at once, however much that may be.
        raise DataError(f"{path} is packed as a whole (deflated), which is not read. Save it without that.")
    found = pydicom.dcmread(file)
    frames = int(getattr(found, "NumberOfFrames", 1) or 1)
    shape = (frames, found.Rows, found.Columns, getattr(found, "SamplesPerPixel", 1))
    _check_size(path, shape, 4 * max_pixels, found.BitsAllocated // 8)
    _check_frames(pydicom, found, frames, path)
    pixels = found.pixel_array
    pixels = with_channels(pixels[frames // 2] if frames > 1 else pixels, path)
    if pixels.shape[2] > 1:
        return pixels
    slope, intercept = float(getattr(found, "RescaleSlope", 1)), float(getattr(found, "RescaleIntercept", 0))
    pixels = pixels.astype(np.float32)
    if found.PhotometricInterpretation == "MONOCHROME1":
        # Least and largest stored value change places: the numbers stay in the range of other files of the device.
        ends = 2**int(found.BitsStored) - 1 if found.PixelRepresentation == 0 else -1
        pixels = ends - pixels
    pixels = pixels * np.float32(slope) + np.float32(intercept)
    if not np.isfinite(pixels).all():
        raise DataError(f"{path} has values that are no numbers. " + received(slope=slope, intercept=intercept))
    return pixels


def _check_frames(pydicom, found, frames: int, path: str | os.PathLike) -> None:
    """JPEG pictures inside must be of the size that the file declares: what decodes them believes their own."""
    from PIL import Image, UnidentifiedImageError

    if not found.file_meta.TransferSyntaxUID.is_encapsulated:
        return
    for frame in pydicom.encaps.generate_frames(found.PixelData, number_of_frames=frames):
        try:
            with Image.open(io.BytesIO(frame), formats=("JPEG", "JPEG2000")) as picture:
                size = picture.size
        except UnidentifiedImageError:
            continue  # run lengths, which the declared size bounds
        if size != (found.Columns, found.Rows):
            raise DataError(f"A picture in {path} is of another size than the file declares. "
                            + received(size=size, declared=(found.Columns, found.Rows)))


def _check_nifti_header(path: str | os.PathLike) -> None:
    """Where the numbers begin is checked before nibabel reads everything that lies in front of them."""
    with gzip.open(path) if os.fspath(path).lower().endswith(".gz") else open(path, "rb") as file:
        header = file.read(348)
    if len(header) < 348:
        raise DataError(f"{path} ends inside its header. " + received(bytes=len(header)))
    order = "<" if struct.unpack("<i", header[:4]) == (348,) else ">"
    (begin,) = struct.unpack(f"{order}f", header[108:112])
    if not 0 <= begin <= _MAX_HEADER:
        raise DataError(f"{path} says that its numbers begin at an impossible place. " + received(vox_offset=begin))


def read_nifti(path: str | os.PathLike, max_pixels: int) -> np.ndarray:
    """The middle slice along the third axis of a NIfTI volume, the first volume of a series; rows from the top down.

    Raises:
        DataError: it is damaged or too large, or nibabel is not installed.
    """
    nibabel = _needs("nibabel", path)
    try:
        _check_nifti_header(path)
        data = nibabel.Nifti1Image.from_filename(path).dataobj
        shape = data.shape
        if len(shape) < 2 or 0 in shape:
            raise DataError(f"{path} holds no picture. " + received(shape=shape))
        _check_size(path, shape[:2], max_pixels, data.dtype.itemsize)
        if data.dtype.kind not in "iuf":
            raise DataError(f"{path} holds something else than grey values. " + received(dtype=str(data.dtype)))
        middle = () if len(shape) == 2 else (shape[2] // 2, *[0] * (len(shape) - 3))
        pixels = np.asarray(data[(slice(None), slice(None), *middle)])
    except (*DAMAGED, nibabel.filebasedimages.ImageFileError,
            nibabel.spatialimages.HeaderDataError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path} cannot be read as NIfTI: {error}") from error
    # The first axis of a volume runs from left to right and the second from back to front.
    return np.ascontiguousarray(np.flipud(pixels.T)[..., np.newaxis].astype(np.float32))
