"""One picture turned, moved, sheared and scaled, with bilinear interpolation."""

from __future__ import annotations

import numpy as np


def matrix(degrees: float = 0.0, down: float = 0.0, right: float = 0.0, shear: float = 0.0,
           zoom: tuple[float, float] = (1.0, 1.0)) -> np.ndarray:
    """The 3x3 matrix from (row, column, 1) of the new picture, counted from its centre, to those of the old one.

    Args:
        degrees: rotation. down, right: pixels. shear: degrees. zoom: factors of height and width; above 1 shrinks.
    """
    turn, slant = np.deg2rad(degrees), np.deg2rad(shear)
    rotation = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    shift = np.array([[1, 0, down], [0, 1, right], [0, 0, 1]])
    slanted = np.array([[1, -np.sin(slant), 0], [0, np.cos(slant), 0], [0, 0, 1]])
    return rotation @ shift @ slanted @ np.diag([*zoom, 1.0])


def transformed(picture: np.ndarray, transform: np.ndarray, fill_mode: str = "nearest",
                cval: float = 0.0) -> np.ndarray:
    """The picture (height, width, channels) seen through a matrix of `matrix()`.

    fill_mode: what lies outside: "nearest" the border's pixels, "constant" `cval`, "reflect" the mirrored picture,
        "wrap" the picture again.

    Example:
        >>> transformed(np.float32([[[1], [2]]]), matrix(right=1))[..., 0].tolist()
        [[2.0, 2.0]]
    """
    height, width = picture.shape[:2]
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    rows, columns = np.meshgrid(np.arange(height) - centre[0], np.arange(width) - centre[1], indexing="ij")
    row = transform[0, 0] * rows + transform[0, 1] * columns + transform[0, 2] + centre[0]
    column = transform[1, 0] * rows + transform[1, 1] * columns + transform[1, 2] + centre[1]
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    down, right = (row - top)[..., np.newaxis], (column - left)[..., np.newaxis]

    def pixels(first, second):
        found = picture[_inside(first, height, fill_mode), _inside(second, width, fill_mode)]
        if fill_mode == "constant":
            outside = (first < 0) | (first >= height) | (second < 0) | (second >= width)
            found = np.where(outside[..., np.newaxis], cval, found)
        return found

    upper = pixels(top, left) * (1 - right) + pixels(top, left + 1) * right
    lower = pixels(top + 1, left) * (1 - right) + pixels(top + 1, left + 1) * right
    return (upper * (1 - down) + lower * down).astype(picture.dtype)


def _inside(index: np.ndarray, length: int, fill_mode: str) -> np.ndarray:
    """Indices moved into 0 ... length - 1."""
    if fill_mode == "wrap":
        return index % length
    if fill_mode == "reflect":
        folded = index % (2 * length)
        return np.where(folded < length, folded, 2 * length - 1 - folded)
    return np.clip(index, 0, length - 1)
