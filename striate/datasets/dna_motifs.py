"""Simulated DNA: random letters, of which every other sequence holds a word that proteins bind to. Drawn, not measured.

The word is TGACTCA, the place where the protein AP-1 binds, and it is not always spelled alike: each of its letters may
be another one, as real binding sites differ. So a search for the exact word fails, and by chance it stands in some
sequences of the other class as well.
"""

from __future__ import annotations

import numpy as np

from striate.errors import ArgumentError, received

CLASS_NAMES = ("without", "with")
LETTERS = "ACGT"
WORD = "TGACTCA"
LENGTH = 200
MISSPELT = 0.1


def load_data(train: int = 8000, test: int = 2000, length: int = LENGTH, misspelt: float = MISSPELT, seed: int = 0):
    """Sequences with and without the word.

    Args:
        train, test: how many sequences of each part. Both parts together have as many of either class.
        length: letters of a sequence.
        misspelt: chance that a letter of the word is drawn anew.
        seed: the same seed draws the same sequences.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float32 one-hot letters of shape (n, length, 4) in the order A, C, G,
        T, and uint8 labels (1: the word was put in).

    Raises:
        ArgumentError: the word does not fit into a sequence, or `misspelt` is no chance.

    Example:
        >>> (x, y), (x_test, y_test) = load_data(train=4, test=2)
        >>> x.shape, x_test.shape, sorted([*y.tolist(), *y_test.tolist()])
        ((4, 200, 4), (2, 200, 4), [0, 0, 0, 1, 1, 1])
    """
    if length < len(WORD) or not 0 <= misspelt <= 1:
        raise ArgumentError(f"A sequence must be as long as the word {WORD}, and a chance lies between 0 and 1. "
                            + received(length=length, misspelt=misspelt))
    random = np.random.Generator(np.random.PCG64(seed))
    count = train + test
    letters, labels = random.integers(0, 4, (count, length)), random.permutation(np.arange(count) % 2)
    starts = random.integers(0, length - len(WORD) + 1, count)
    words = np.tile([LETTERS.index(letter) for letter in WORD], (count, 1))
    wrong = random.random(words.shape) < misspelt
    words[wrong] = random.integers(0, 4, int(wrong.sum()))
    for row in np.flatnonzero(labels):
        letters[row, starts[row]:starts[row] + len(WORD)] = words[row]
    x, y = np.eye(4, dtype=np.float32)[letters], labels.astype(np.uint8)
    return (x[:train], y[:train]), (x[train:], y[train:])


def holds_word(x: np.ndarray, most_wrong: int = 0) -> np.ndarray:
    """Whether sequences (n, length, 4) hold the word with at most so many other letters in it.

    Example:
        >>> holds_word(np.eye(4, dtype=np.float32)[[[0, 3, 2, 0, 1, 3, 1, 0, 2]]])  # ATGACTCAG
        array([ True])
    """
    # A convolution, and a threshold: what the first layer of a network does, with weights that are known.
    word = np.eye(4, dtype=np.float32)[[LETTERS.index(letter) for letter in WORD]]
    windows = np.lib.stride_tricks.sliding_window_view(x, len(WORD), axis=1)
    return (np.einsum("nplk,kl->np", windows, word) >= len(WORD) - most_wrong).any(axis=1)
