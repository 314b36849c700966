"""Convolution over a line, as the lectures begin: smoothing, matched filter, impulse response, a noisy sensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.see import arguments, grid
from striate.see.canvas import Canvas
from striate.see.palette import INK, LINE, MUTED, SERIES, signed
from striate.see.result import Result, aligned
from striate.see.svg import ticks

WIDTH = 1060.0


@dataclass(frozen=True)
class Signals(Result):
    """Curves over one axis. panels: (title, {name: values}); facts: what was found, by name; axes: what each panel's
    places are, where it is not "place"."""

    title: str
    note: str
    panels: tuple[tuple[str, dict[str, np.ndarray]], ...]
    facts: dict[str, Any]
    axes: tuple[str, ...] = ()

    def data(self) -> dict[str, Any]:
        """All curves and facts."""
        return {"title": self.title, "facts": self.facts, "curves": {name: values for _, curves in self.panels
                                                                     for name, values in curves.items()}}

    def __getitem__(self, name: str) -> np.ndarray:
        """The curve of this name."""
        return self.data()["curves"][name]

    def __str__(self) -> str:
        rows = [[name, str(len(values)), f"{values.min():.4f}", f"{values.max():.4f}"]
                for _, curves in self.panels for name, values in curves.items()]
        facts = "\n".join(f"{name}: {value}" for name, value in self.facts.items())
        return f"{self.title}\n{self.note}\n\n{aligned(rows, ['curve', 'length', 'smallest', 'largest'])}\n\n{facts}"

    def figure(self) -> Canvas:
        """One panel below the other."""
        top = grid.header_height(WIDTH, self.title, self.note) + 10
        each = 214.0
        canvas = Canvas(WIDTH, top + each * len(self.panels) - 30, self.title)
        grid.header(canvas, self.title, self.note)
        for row, (name, curves) in enumerate(self.panels):
            axis = self.axes[row] if self.axes else "place"
            _panel(canvas, top + row * each, each - 70, (name, axis), curves)
        return canvas


def _panel(canvas: Canvas, y: float, height: float, titles: tuple[str, str], curves: dict[str, np.ndarray]) -> None:
    """titles: that of the panel, and that of the axis below it."""
    values = np.concatenate([np.asarray(v, float) for v in curves.values()])
    marks = ticks(min(0.0, float(values.min())), float(values.max()), 3)
    left, room = 90.0, WIDTH - 120.0

    def at(value):
        return y + height * (marks[-1] - value) / (marks[-1] - marks[0])
    canvas.text(left, y - 8, titles[0], 14, INK, bold=True)
    for mark in marks:
        canvas.path([(left, at(mark)), (left + room, at(mark))], LINE, 1)
        canvas.text(left - 10, at(mark) + 5, grid.short(mark), 13, MUTED, "end")
    last = max(map(len, curves.values())) - 1
    for mark in [mark for mark in ticks(0, max(last, 1), 6) if mark <= last and mark == int(mark)]:
        canvas.text(left + room * mark / max(last, 1), y + height + 20, int(mark), 13, MUTED, "middle")
    canvas.text(left - 10, y + height + 20, titles[1], 13, MUTED, "end")
    noisy = last > 150
    ordered = list(enumerate(curves.items()))
    # What is made of a noisy curve lies on it, wider. Of short curves the first lies on the wider others, so that
    # equal ones are both seen.
    for index, (_, curve) in ordered if noisy else reversed(ordered):
        step = room / max(len(curve) - 1, 1)
        points = [(left + i * step, at(value)) for i, value in enumerate(np.asarray(curve, float).tolist())]
        thickness = 1.4 + 1.2 * (index > 0) if noisy else 2.4 + 3 * index * (last < 60)
        canvas.path(points, SERIES[index % len(SERIES)], thickness, opacity=0.75 if index and not noisy else 1)
    x = left + room
    for index, (name, _) in reversed(ordered):
        canvas.text(x, y - 8, name, 13, SERIES[index % len(SERIES)], "end")
        x -= 14 * 0.66 * len(name) + 24


def _noise(strength, seed, count: int) -> np.ndarray:
    """Normal random numbers."""
    random = np.random.Generator(np.random.PCG64(arguments.seed_of(seed)))
    return arguments.finite(strength, "noise") * random.standard_normal(count)


def _line(values, name: str) -> np.ndarray:
    array = arguments.numbers(values, name).astype(np.float64)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise ArgumentError(f"`{name}` must be a line of finite numbers. " + received(**{name: array.shape}))
    return array


def convolve(signal, kernel, mode: str = "same") -> np.ndarray:
    """The convolution of the mathematicians (the kernel runs backwards): sum over a of signal[a] * kernel[t - a].

    Args:
        signal, kernel: lines of numbers.
        mode: "full", "same" (as long as the signal) or "valid" (only whole overlaps).

    Example:
        >>> convolve([0, 1, 0, 0], [1, 2, 3], "full").tolist()
        [0.0, 1.0, 2.0, 3.0, 0.0, 0.0]
    """
    signal, kernel = _line(signal, "signal"), _line(kernel, "kernel")
    if mode not in ("full", "same", "valid"):
        raise ArgumentError('`mode` must be "full", "same" or "valid". ' + received(mode=mode))
    full = np.zeros(len(signal) + len(kernel) - 1)
    for place, weight in enumerate(kernel):
        full[place:place + len(signal)] += weight * signal
    if mode == "full":
        return full
    if mode == "same":
        first = (len(kernel) - 1) // 2
        return full[first:first + len(signal)]
    return full[len(kernel) - 1:len(signal)]


def gaussian(width: float) -> np.ndarray:
    """A Gaussian bump of standard deviation `width`, with sum 1."""
    if arguments.finite(width, "width") <= 0:
        raise ArgumentError("`width` must be positive. " + received(width=width))
    reach = int(np.ceil(3 * width))
    bump = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    return bump / bump.sum()


def smoothing(signal=None, kernel=None, width: float = 6.0, seed: int = 0) -> Signals:
    """A noisy signal smoothed by a bump.

    Shapes: signal (n,), kernel (k,).

    Args:
        signal: a line; a noisy wave when left out.
        kernel: what smooths; a Gaussian of standard deviation `width` when left out.
        width: of the Gaussian.
        seed: of the noise.

    Example:
        >>> smoothing([0.0, 3.0, 0.0], kernel=[1 / 3, 1 / 3, 1 / 3])["smoothed"].round(3).tolist()
        [1.0, 1.0, 1.0]
    """
    if signal is None:
        t = np.linspace(0, 4 * np.pi, 300)
        signal = np.sin(t) + _noise(0.4, seed, t.size)
    signal = _line(signal, "signal")
    kernel = gaussian(width) if kernel is None else _line(kernel, "kernel")
    smooth = convolve(signal, kernel)
    rough = [float(np.abs(np.diff(line)).mean()) for line in (signal, smooth)]
    return Signals("Smoothing by convolution", "Each number becomes a weighted mean of its neighbours.",
                   (("signal and its smoothed form", {"signal": signal, "smoothed": smooth}),
                    ("kernel", {"kernel": kernel})),
                   {"mean step between neighbours": f"{rough[0]:.4f} before, {rough[1]:.4f} after"})


def matched_filter(signal=None, pattern=None, place: int = 140, noise: float = 0.5, seed: int = 0) -> Signals:
    """A pattern found in noise: the cross-correlation is largest where the pattern stands.

    Args:
        signal: a line; noise with `pattern` at `place` when left out.
        pattern: what is looked for; a spike of 15 numbers when left out.
        place, noise, seed: of the signal that is made.

    Raises:
        ArgumentError: the pattern does not lie within the signal.

    Example:
        >>> matched_filter(place=140).facts
        {'found at': 140}
    """
    if pattern is None:
        pattern = np.concatenate([np.linspace(0, 1, 8), np.linspace(1, 0, 8)[1:]]) * 2
    pattern = _line(pattern, "pattern")
    if signal is None:
        if len(pattern) > 300:
            raise ArgumentError("The pattern must fit into the 300 numbers of the signal. "
                                + received(pattern=pattern.shape))
        place = arguments.whole(place, "place", 0, 300 - len(pattern))
        signal = _noise(noise, seed, 300)
        signal[place:place + len(pattern)] += pattern
    signal = _line(signal, "signal")
    if len(pattern) > len(signal):
        raise ArgumentError("The pattern is longer than the signal. "
                            + received(pattern=len(pattern), signal=len(signal)))
    answer = convolve(signal, pattern[::-1], "valid")
    return Signals("Matched filter", "The signal is correlated with the pattern itself; the answer is largest where "
                   "the pattern stands.",
                   (("signal", {"signal": signal}), ("pattern", {"pattern": pattern}),
                    ("answer", {"answer": answer})), {"found at": int(answer.argmax())})


def impulse_response(system=None, length: int = 40) -> Signals:
    """A linear, time-invariant system is known by its answer to one impulse: any answer is a convolution with it.

    Args:
        system: a function from a line to a line as long; an echo that fades when left out.
        length: of the lines.

    Raises:
        ArgumentError: the system is not linear and time-invariant.

    Example:
        >>> impulse_response().facts["largest difference"] < 1e-9
        True
    """
    def fading(line):
        out, state = np.zeros(len(line)), 0.0
        for t, value in enumerate(line):
            state = 0.8 * state + value
            out[t] = state
        return out
    system, length = fading if system is None else system, arguments.whole(length, "length", 8)
    if not callable(system):
        raise ArgumentError("`system` must be a function from a line of numbers to one. " + received(system=system))
    impulse = np.zeros(length)
    impulse[0] = 1
    response = np.asarray(system(impulse), float)
    signal = np.zeros(length)
    signal[[length // 8, length // 4, length // 2]] = 1.0, 0.5, -1.0
    answer, predicted = np.asarray(system(signal), float), convolve(signal, response, "full")[:length]
    if answer.shape != predicted.shape or not np.allclose(answer, predicted, atol=1e-8):
        raise ArgumentError("The system is not linear and time-invariant: its answer is not the convolution of its "
                            "input with its impulse response.")
    return Signals("Impulse response", "The answer to any input is the input convolved with the answer to one impulse.",
                   (("impulse response", {"response": response}), ("an input", {"input": signal}),
                    ("answer of the system, and the convolution", {"answer": answer, "convolution": predicted})),
                   {"largest difference": float(np.abs(answer - predicted).max())})


def noisy_sensor(positions=None, weights: Sequence[float] | None = None, noise: float = 1.0, seed: int = 0) -> Signals:
    """A laser sensor that tells a spaceship's position with noise: measurements weighted by their age.

    Shapes: positions (n,), weights (k,).

    Args:
        positions: the truth; a slow curve when left out.
        weights: of a measurement by its age, newest first; they are divided by their sum.
        noise, seed: of the sensor.

    Example:
        >>> noisy_sensor()["weights"].shape
        (15,)
    """
    truth = _line(10 * np.sin(np.linspace(0, 3, 200)) if positions is None else positions, "positions")
    by_age = _line(0.8 ** np.arange(15) if weights is None else weights, "weights")
    by_age = by_age / by_age.sum()
    measured = truth + _noise(noise, seed, len(truth))
    padded = np.concatenate([np.full(len(by_age) - 1, measured[0]), measured])
    smoothed = convolve(padded, by_age, "valid")
    errors = [float(np.sqrt(np.mean((line - truth) ** 2))) for line in (measured, smoothed)]
    return Signals("A noisy sensor", "s(t) = sum over ages a of x(t - a) w(a): newer measurements count more.",
                   (("position", {"measured": measured, "smoothed": smoothed, "truth": truth}),
                    ("weight by age", {"weights": by_age})),
                   {"error": f"{errors[0]:.3f} measured, {errors[1]:.3f} smoothed"}, ("time", "age"))


@dataclass(frozen=True)
class Toeplitz(Result):
    """A convolution as a matrix: outputs = matrix @ inputs. Equal weights stand along the diagonals."""

    matrix: np.ndarray
    kernel: np.ndarray
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    def data(self) -> dict[str, Any]:
        """The matrix."""
        return {"matrix": self.matrix, "kernel": self.kernel, "input_shape": self.input_shape,
                "output_shape": self.output_shape, "free_weights": self.kernel.size,
                "zeros": int((self.matrix == 0).sum())}

    def __str__(self) -> str:
        rows = [[grid.short(value) if value else "." for value in row] for row in self.matrix[:40, :40]]
        return (f"{self.matrix.shape[0]} outputs from {self.matrix.shape[1]} inputs: {self.matrix.size:,} entries, "
                f"{(self.matrix == 0).mean():.0%} zero, {self.kernel.size} different weights\n\n" + aligned(rows))

    def figure(self) -> Canvas:
        """The matrix in colours."""
        title = "A convolution is a matrix with tied weights"
        note = f"{self.matrix.shape[0]} outputs (rows) from {self.matrix.shape[1]} inputs (columns): " \
               f"{self.matrix.size:,} entries, of which {(self.matrix == 0).mean():.0%} are zero, and only " \
               f"{self.kernel.size} different weights."
        top = grid.header_height(WIDTH, title, note)
        cell = min(54.0, (WIDTH - 2 * grid.MARGIN) / self.matrix.shape[1], 700 / self.matrix.shape[0])
        canvas = Canvas(WIDTH, top + cell * self.matrix.shape[0] + 24, title)
        grid.header(canvas, title, note)
        grid.numbers(canvas, grid.MARGIN, top, self.matrix, cell, signed(self.matrix))
        return canvas


def toeplitz(kernel, input_shape, strides: int = 1, flip: bool = False) -> Toeplitz:
    """The matrix of a small "valid" convolution of a line or an image of one channel.

    Args:
        kernel: (taps,) or (height, width).
        input_shape: length, or (height, width).
        strides: step of the window.
        flip: True for the convolution of the mathematicians; False for cross-correlation, which networks compute.

    Raises:
        ArgumentError: the kernel does not fit, or the matrix would have more than a million entries.

    Example:
        >>> toeplitz([1, 2, 3], 5).matrix.astype(int).tolist()
        [[1, 2, 3, 0, 0], [0, 1, 2, 3, 0], [0, 0, 1, 2, 3]]
    """
    kernel, strides = arguments.numbers(kernel, "kernel").astype(np.float64), arguments.whole(strides, "strides")
    shape = tuple(arguments.whole(n, "input_shape") for n in (
        input_shape if isinstance(input_shape, (tuple, list)) else [input_shape]))
    outputs = tuple((n - k) // strides + 1 for n, k in zip(shape, kernel.shape, strict=False))
    fits = kernel.ndim == len(shape) and kernel.ndim in (1, 2) and kernel.size
    if not fits or min(outputs) < 1 or not np.isfinite(kernel).all():
        raise ArgumentError("The kernel must have as many axes as the input, one or two, be no longer, and hold finite "
                            "numbers. " + received(kernel=kernel.shape, input_shape=shape, strides=strides))
    if np.prod(shape) * np.prod(outputs) > 1e6:
        raise ArgumentError("The matrix would have more than a million entries: take a smaller input. "
                            + received(input_shape=shape))
    weights = np.flip(kernel) if flip else kernel
    matrix = np.zeros((*outputs, *shape))
    for place in np.ndindex(*outputs):
        window = tuple(slice(i * strides, i * strides + k) for i, k in zip(place, kernel.shape, strict=True))
        matrix[(*place, *window)] = weights
    return Toeplitz(matrix.reshape(int(np.prod(outputs)), -1), kernel, shape, outputs)


@dataclass(frozen=True)
class ThreeForms(Result):
    """Convolution, its commuted form and cross-correlation of one image with one kernel."""

    image: np.ndarray
    kernel: np.ndarray
    convolution: np.ndarray
    commuted: np.ndarray
    correlation: np.ndarray

    def data(self) -> dict[str, Any]:
        """The three results, and where they agree."""
        return {**vars(self), "commuted_equals_convolution": bool(np.allclose(self.convolution, self.commuted)),
                "correlation_equals_convolution": bool(np.allclose(self.convolution, self.correlation))}

    def __str__(self) -> str:
        found = self.data()
        return (f"convolution (kernel flipped), whole overlaps:\n{self.convolution}\n\n"
                f"commuted form: {'the same' if found['commuted_equals_convolution'] else 'different'}\n\n"
                f"cross-correlation (kernel as it is, what networks compute):\n{self.correlation}\n\n"
                + ("The kernel looks the same after flipping, so both agree." if
                   found["correlation_equals_convolution"] else "The kernel is not symmetric, so the two differ."))

    def figure(self) -> Canvas:
        """Image, kernel, and the three results."""
        title = "Convolution, its commuted form, and cross-correlation"
        note = str(self).splitlines()[-1] + " The commuted form sums over the kernel instead of the image: the same."
        top = grid.header_height(WIDTH, title, note) + 16
        panels = [("image", self.image), ("kernel", self.kernel), ("kernel, flipped", np.flip(self.kernel)),
                  ("convolution", self.convolution), ("commuted form", self.commuted),
                  ("cross-correlation", self.correlation)]
        cell = grid.cells_of(self.image.shape, 300, 58)
        rows = [max(len(values) for _, values in panels[i:i + 3]) * cell + 44 for i in (0, 3)]
        canvas = Canvas(WIDTH, top + sum(rows) - 20, title)
        grid.header(canvas, title, note)
        for index, (name, values) in enumerate(panels):
            x, y = grid.MARGIN + index % 3 * 345, top + index // 3 * rows[0]
            canvas.text(x, y - 8, name, 15, INK, bold=True)
            grid.numbers(canvas, x, y, values, cell, signed(values))
        return canvas


def convolution_forms(image, kernel) -> ThreeForms:
    """Convolution, commuted convolution and cross-correlation, each by its own sum, where the kernel fits wholly.

    Shapes: image (height, width), kernel (height, width), no larger. Raises `ArgumentError` otherwise.

    Example:
        >>> forms = convolution_forms(np.arange(9.0).reshape(3, 3), [[1, 0], [0, 0]])
        >>> forms.correlation.tolist(), forms.convolution.tolist()
        ([[0.0, 1.0], [3.0, 4.0]], [[4.0, 5.0], [7.0, 8.0]])
    """
    image, kernel = (arguments.numbers(values, name).astype(np.float64) for values, name in
                     ((image, "image"), (kernel, "kernel")))
    if image.ndim != 2 or kernel.ndim != 2 or not kernel.size or any(
            k > n for k, n in zip(kernel.shape, image.shape, strict=True)):
        raise ArgumentError("Image and kernel are (height, width), the kernel no larger. "
                            + received(image=image.shape, kernel=kernel.shape))
    kh, kw = kernel.shape
    shape = image.shape[0] - kh + 1, image.shape[1] - kw + 1
    convolution, commuted, correlation = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for i, j in np.ndindex(*shape):
        bottom, right = i + kh - 1, j + kw - 1
        window = image[i:i + kh, j:j + kw]
        # sum over image places m, n of image[m, n] * kernel[bottom - m, right - n]
        convolution[i, j] = sum(image[m, n] * kernel[bottom - m, right - n]
                                for m in range(i, i + kh) for n in range(j, j + kw))
        # sum over kernel places a, c of image[bottom - a, right - c] * kernel[a, c]
        commuted[i, j] = sum(image[bottom - a, right - c] * kernel[a, c] for a, c in np.ndindex(kh, kw))
        correlation[i, j] = (window * kernel).sum()
    return ThreeForms(image, kernel, convolution, commuted, correlation)
