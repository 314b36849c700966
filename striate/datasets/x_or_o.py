"""X or O: the toy pictures of the lectures, 9x9 pixels of -1 (paper) and +1 (ink), as many as one likes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from striate.errors import ArgumentError, received

CLASS_NAMES = ("X", "O")
SIDE = 9
TRICKS = ("shifted", "scaled", "rotated", "thicker")

KERNELS = np.array([
    [[1, -1, -1], [-1, 1, -1], [-1, -1, 1]],
    [[1, -1, 1], [-1, 1, -1], [1, -1, 1]],
    [[-1, -1, 1], [-1, 1, -1], [1, -1, -1]],
], np.float32) / 9
"""The lecture's three kernels (falling stroke, crossing, rising stroke), so scaled that a perfect match gives 1."""


def plain_x() -> np.ndarray:
    """The lecture's X: a 9x9 picture with ink on both diagonals, free at the border.

    Example:
        >>> int(plain_x().sum())
        -55
    """
    return _paint(_distance_to_x(*_pixels()))


def plain_o() -> np.ndarray:
    """A ring with the same extent as `plain_x`."""
    return _paint(_distance_to_o(*_pixels()))


def load_data(train: int = 1000, test: int = 200, tricks: Sequence[str] = TRICKS, seed: int = 0):
    """Pictures of X and O, drawn in many ways.

    Args:
        train, test: how many pictures of each part; X and O take turns before the order is shuffled.
        tricks: what may happen to a letter, out of `TRICKS`.
        seed: the same seed draws the same pictures.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float32 pictures of shape (n, 9, 9, 1) with values -1 and 1, and
        uint8 labels (0 is X, 1 is O). So few pixels often give the same letter twice: many test pictures are among
        the training pictures. (`striate train x-or-o` keeps copies in one part.)

    Raises:
        ArgumentError: an unknown trick.

    Example:
        >>> (x_train, y_train), _ = load_data(train=4, test=2)
        >>> x_train.shape, sorted(y_train.tolist())
        ((4, 9, 9, 1), [0, 0, 1, 1])
    """
    unknown = set(tricks) - set(TRICKS)
    if unknown:
        raise ArgumentError(f"`tricks` may hold {', '.join(TRICKS)}. " + received(tricks=tuple(tricks)))
    random = np.random.Generator(np.random.PCG64(seed))
    return _draw_many(train, tricks, random), _draw_many(test, tricks, random)


def draw(letter: int, shift: tuple[float, float] = (0, 0), scale: float = 1.0, angle: float = 0.0,
         thickness: float = 1.0) -> np.ndarray:
    """One picture.

    Args:
        letter: 0 for X, 1 for O.
        shift: rows down and columns to the right, in pixels.
        scale: size relative to the plain letter.
        angle: degrees, anticlockwise.
        thickness: of the stroke, in pixels.

    Returns:
        Array of shape (9, 9) with values -1 and 1.

    Example:
        >>> bool((draw(0) == plain_x()).all())
        True
    """
    rows, columns = _pixels()
    rows, columns = rows - shift[0], columns - shift[1]
    turn = np.deg2rad(angle)
    rows, columns = (rows * np.cos(turn) + columns * np.sin(turn)) / scale, \
                    (columns * np.cos(turn) - rows * np.sin(turn)) / scale
    distance = (_distance_to_x if letter == 0 else _distance_to_o)(rows, columns)
    return _paint(distance * scale, thickness)


def _pixels() -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each pixel, measured from the centre."""
    rows, columns = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    return rows, columns


def _distance_to_x(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Pixels from the nearest of two strokes that reach from -3 to 3 along the diagonals."""
    falling, rising = (rows + columns) / 2, (rows - columns) / 2
    distances = [np.hypot(rows - np.clip(falling, -3, 3), columns - np.clip(falling, -3, 3)),
                 np.hypot(rows - np.clip(rising, -3, 3), columns + np.clip(rising, -3, 3))]
    return np.minimum(*distances)


def _distance_to_o(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return np.abs(np.hypot(rows, columns) - 3)


def _paint(distance: np.ndarray, thickness: float = 1.0) -> np.ndarray:
    # A hair's breadth more than half a pixel would ink the neighbours of a diagonal, which are 0.707 away.
    return np.where(distance <= thickness / 2, 1, -1).astype(np.float32)


def _draw_many(count: int, tricks: Sequence[str], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = random.permutation(np.arange(count) % 2).astype(np.uint8)
    pictures = np.empty((count, SIDE, SIDE, 1), np.float32)
    for picture, label in zip(pictures, labels, strict=True):
        # Every number is drawn whether or not its trick is wanted: a trick left out changes nothing else.
        shift, scale, angle, thickness = (random.integers(-1, 2, 2), random.uniform(0.75, 1.1),
                                          random.uniform(-20, 20), random.uniform(1.0, 1.9))
        picture[..., 0] = draw(int(label), shift=tuple(shift) if "shifted" in tricks else (0, 0),
                               scale=scale if "scaled" in tricks else 1.0,
                               angle=angle if "rotated" in tricks else 0.0,
                               thickness=thickness if "thicker" in tricks else 1.0)
    return pictures, labels
