"""`simulated_ca`: pictures that look like wide-field calcium imaging of a mouse's cortex. Simulated, not measured.

Made for the lecture's "Brain food" exercise where its own files (`datasets.brain_food`) are not at hand. A *session* is
one animal on one day: a round window, a midline, vessels, patches that are active on both sides. Frames of a session
share all that, so a network can learn the session instead of the difference; hold out whole sessions to find out.

A real frame is light that was counted: active patches and slow waves change the fluorescence, photons arrive at random,
and the change is divided by the baseline. A fake frame is what a weak generator makes of the same sessions: the scores
of the frames' principal components, decoded on a coarse grid through a transposed convolution whose strides leave a
faint checkerboard, with grain that is a little coarser than that of photons. Results on these pictures are not results
on brain data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from striate.errors import ArgumentError, received

CLASS_NAMES = ("real", "fake")
SIDE = 128
TRAIN_SESSIONS, TEST_SESSIONS = tuple(range(6)), tuple(range(6, 9))
_MODES, _VESSELS, _COMPONENTS, _STRIDE = 12, 10, 24, 4
_ACTIVITY, _WAVES = 0.03, 0.008
"""Change of the fluorescence by active patches and by slow waves, as shares of the baseline."""
_CHECKERBOARD = 0.25
"""The fakes' checkerboard at most: the share of the uneven kernel in the transposed convolution."""


@dataclass(frozen=True)
class Session:
    """What the frames of one session share; arrays are (128, 128). `modes` (12, 128, 128) are the active patches,
    `focus` is the blur of the lens in pixels."""

    number: int
    window: np.ndarray
    vessels: np.ndarray
    photons: np.ndarray
    modes: np.ndarray
    focus: float

    def real(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Frames (count, 128, 128), float32, about 0 with a spread of 1 inside the window, 0 outside."""
        amplitudes = random.gamma(0.5, size=(count, _MODES)) * np.where(random.random((count, _MODES)) < 0.15, -1, 1)
        change = np.tensordot(amplitudes, self.modes, 1) * _ACTIVITY + _waves(count, random) * _WAVES
        change *= 1 - 0.6 * self.vessels
        counted = random.poisson(self.photons * (1 + change))
        return self._normalised(_blurred(counted / self.photons - 1, self.focus))

    def fake(self, count: int, random: np.random.Generator, examples: np.ndarray) -> np.ndarray:
        """Frames as a weak generator makes them that has seen `examples`, real frames of this session."""
        mean, components, spread = _principal(examples)
        scores = random.normal(size=(count, len(spread))) * spread
        coarse = (mean + scores @ components).reshape(count, SIDE // _STRIDE, SIDE // _STRIDE)
        decoded = _transposed_convolution(coarse, random.uniform(0, _CHECKERBOARD, count))
        grain = _blurred(random.normal(size=decoded.shape), self.focus + random.uniform(0, 0.2))
        soft = _blurred(self.window[np.newaxis].astype(float), 0.8)
        missing = np.sqrt(np.maximum(examples.var() - decoded.var(), 0.01)) / grain.std()
        return self._normalised((decoded + grain * missing) * soft)

    def _normalised(self, frames: np.ndarray) -> np.ndarray:
        inside = frames[:, self.window]
        mean, spread = inside.mean(axis=1), inside.std(axis=1)
        scaled = (frames - mean[:, np.newaxis, np.newaxis]) / spread[:, np.newaxis, np.newaxis]
        return np.where(self.window, scaled, 0).astype(np.float32)


def session(number: int, seed: int = 0) -> Session:
    """The session of a number: always the same for the same seed.

    Example:
        >>> session(3).modes.shape
        (12, 128, 128)
    """
    random = np.random.Generator(np.random.PCG64([seed, number, 1]))
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    centre = SIDE / 2 + random.normal(scale=3, size=2)
    window = np.hypot(rows - centre[0], columns - centre[1]) < random.uniform(50, 58)
    midline = centre[0] + random.normal(scale=2)
    vessels = np.clip(_blurred(_vessel_paths(random)[np.newaxis], 1.0)[0] * 2.2, 0, 1)
    lamp = np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / (2 * 70**2))
    photons = random.uniform(300, 1200) * lamp * (1 - 0.35 * vessels) + random.uniform(20, 60)
    modes = np.empty((_MODES, SIDE, SIDE))
    for mode in modes:
        away, along = random.uniform(5, 38), centre[1] + random.normal(loc=8, scale=20)
        wide, high = random.uniform(6, 16), random.uniform(4, 10)
        mode[:] = sum(strength * np.exp(-((rows - midline - side * away) / high) ** 2 / 2
                                        - ((columns - along) / wide) ** 2 / 2)
                      for side, strength in ((-1, 1 + random.normal(scale=0.15)), (1, 1 + random.normal(scale=0.15))))
    return Session(number, window, vessels, photons, modes, random.uniform(0.5, 0.9))


def load_sessions(sessions: Sequence[int], frames: int = 256, seed: int = 0):
    """Frames of some sessions, half of them real and half fake, in a random order within each session.

    Args:
        sessions: their numbers.
        frames: how many of each session; an even number.
        seed: the same seed draws the same frames, whatever other sessions are asked for.

    Returns:
        `x` float32 (len(sessions) * frames, 128, 128, 1), `y` uint8 with 0 for real and 1 for fake, and the number of
        each frame's session, int64.

    Raises:
        ArgumentError: `frames` is odd or less than 4, or there are no sessions.

    Example:
        >>> x, y, numbers = load_sessions([0, 1], frames=4)
        >>> x.shape, int(y.sum()), numbers.tolist()
        ((8, 128, 128, 1), 4, [0, 0, 0, 0, 1, 1, 1, 1])
    """
    if frames < 4 or frames % 2 or not len(sessions):
        raise ArgumentError("There must be at least one session, and an even number of at least 4 frames of each. "
                            + received(frames=frames, sessions=list(sessions)))
    pictures, labels = [], []
    for number in sessions:
        random = np.random.Generator(np.random.PCG64([seed, int(number), 2]))
        shared = session(int(number), seed)
        real = shared.real(frames // 2, random)
        fake = shared.fake(frames // 2, random, shared.real(64, random))
        order = random.permutation(frames)
        pictures.append(np.concatenate([real, fake])[order, ..., np.newaxis])
        labels.append(np.repeat(np.arange(2, dtype=np.uint8), frames // 2)[order])
    return np.concatenate(pictures), np.concatenate(labels), np.repeat(np.asarray(sessions, np.int64), frames)


def load_data(frames: int = 256, seed: int = 0):
    """Simulated frames, split by session: nine sessions, the last three held out.

    Args:
        frames: how many of each session.
        seed: of everything that is drawn.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: float32 (6 * frames, 128, 128, 1) and (3 * frames, 128, 128, 1); labels
        0 (real) and 1 (fake).

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data(frames=4)
        >>> x_train.shape, y_test.shape
        ((24, 128, 128, 1), (12,))
    """
    train, test = (load_sessions(numbers, frames, seed)[:2] for numbers in (TRAIN_SESSIONS, TEST_SESSIONS))
    return train, test


def _vessel_paths(random: np.random.Generator) -> np.ndarray:
    """Pixels on which vessels run: random walks that keep their direction."""
    drawn = np.zeros((SIDE, SIDE))
    for _ in range(_VESSELS):
        place, angle = random.uniform(0, SIDE, 2), random.uniform(0, 2 * np.pi)
        for _ in range(160):
            angle += random.normal(scale=0.18)
            place = place + (np.sin(angle), np.cos(angle))
            row, column = np.rint(place).astype(int)
            if 0 <= row < SIDE and 0 <= column < SIDE:
                drawn[row, column] = 1
    return drawn


def _waves(count: int, random: np.random.Generator) -> np.ndarray:
    """Smooth noise whose power falls with frequency to the power of 1.5, spread 1: (count, 128, 128)."""
    frequency = np.hypot(np.fft.fftfreq(SIDE)[:, np.newaxis], np.fft.rfftfreq(SIDE))
    frequency[0, 0] = np.inf
    field = np.fft.irfft2(np.fft.rfft2(random.normal(size=(count, SIDE, SIDE))) * frequency ** -0.75, (SIDE, SIDE))
    return field / field.std(axis=(1, 2), keepdims=True)


def _blurred(frames: np.ndarray, width: float) -> np.ndarray:
    """Frames smoothed by a Gaussian of this standard deviation in pixels; borders are mirrored."""
    reach = int(3.5 * width + 1)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2).astype(np.float32)
    weights /= weights.sum()
    frames = frames.astype(np.float32)
    padded = np.pad(frames, [(0, 0), (reach, reach), (0, 0)], "symmetric")
    down = sum(weight * padded[:, first:first + SIDE] for first, weight in enumerate(weights))
    padded = np.pad(down, [(0, 0), (0, 0), (reach, reach)], "symmetric")
    return sum(weight * padded[:, :, first:first + SIDE] for first, weight in enumerate(weights))


def _principal(examples: np.ndarray):
    """Mean (1024,), principal components (24, 1024) and their spreads (24,) of frames that were made coarse."""
    side = SIDE // _STRIDE
    coarse = examples.reshape(len(examples), side, _STRIDE, side, _STRIDE).mean(axis=(2, 4)).reshape(len(examples), -1)
    mean = coarse.mean(axis=0)
    # The examples are few: their inner products are a small matrix with the same components.
    values, vectors = np.linalg.eigh((coarse - mean) @ (coarse - mean).T)
    kept = slice(-1, -1 - min(_COMPONENTS, len(values) - 1), -1)
    components = vectors[:, kept].T @ (coarse - mean) / np.sqrt(values[kept])[:, np.newaxis]
    largest = np.abs(components).argmax(axis=1)
    components *= np.sign(components[np.arange(len(components)), largest])[:, np.newaxis]
    return mean, components, np.sqrt(values[kept] / len(examples))


def _transposed_convolution(coarse: np.ndarray, uneven: np.ndarray) -> np.ndarray:
    """Maps (n, 32, 32) to (n, 128, 128) by a transposed convolution with 8x8 weights and stride 4.

    With a kernel of 6x6 some pixels get more terms than others, because six is no multiple of four: that is the
    checkerboard of such generators. `uneven` (n,) is that kernel's share; an even one makes the rest.
    """
    out = np.zeros((len(coarse), SIDE + _STRIDE, SIDE + _STRIDE), np.float32)
    reach = _STRIDE * coarse.shape[1]
    for size, share in ((8, 1 - uneven), (6, uneven)):
        ramp = 1 - np.abs(np.arange(size) - (size - 1) / 2) / (size / 2)
        kernel = np.outer(ramp, ramp) * _STRIDE**2 / ramp.sum() ** 2
        own = coarse * share[:, np.newaxis, np.newaxis]
        begin = (8 - size) // 2
        for row in range(size):
            for column in range(size):
                out[:, begin + row:begin + row + reach:_STRIDE, begin + column:begin + column + reach:_STRIDE] += \
                    own * kernel[row, column]
    return out[:, 2:2 + SIDE, 2:2 + SIDE]
