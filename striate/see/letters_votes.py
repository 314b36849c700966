"""X or O with two stacks of layers and trained votes, and the tricky cases that pixel by pixel comparison fails at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from striate import Input, Sequential, initializers, layers, optimizers
from striate.callbacks.history import finished
from striate.datasets import x_or_o as letters
from striate.see import grid, probe
from striate.see.canvas import Canvas
from striate.see.letters import inked, nine_by_nine, x_or_o
from striate.see.palette import BLUE, GREEN, INK, LINE, MUTED, ORANGE, heat
from striate.see.result import Result, aligned

WIDTH = 1100.0
COLOURS = {"X": BLUE, "O": ORANGE}
TRICKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("plain", {}), ("shifted", {"shift": (1, 1)}), ("smaller", {"scale": 0.75}), ("turned", {"angle": 15}),
    ("thicker", {"thickness": 1.8}))


@cache
def stacked_network() -> Sequential:
    """Two stacks of convolution, ReLU and pooling, and one layer of votes.

    The first kernels are the lecture's and stay; the second ones and the weights of the votes are learnt from drawn
    letters of all kinds, in the same way each time, whatever the global seed.
    """
    def weights(seed: int):
        return initializers.GlorotUniform(seed=seed)
    first = layers.Conv2D(3, 3, use_bias=False, name="kernels")
    model = Sequential([
        Input((letters.SIDE, letters.SIDE, 1)), first, layers.ReLU(name="relu"),
        layers.MaxPooling2D(2, padding="same", name="pooled"),
        layers.Conv2D(3, 3, padding="same", kernel_initializer=weights(1), name="kernels_2"),
        layers.ReLU(name="relu_2"), layers.MaxPooling2D(2, name="pooled_2"), layers.Flatten(name="list"),
        layers.Dense(2, activation="softmax", kernel_initializer=weights(2), name="votes")], name="x_or_o")
    first.kernel.assign(np.moveaxis(letters.KERNELS, 0, -1)[:, :, np.newaxis])
    first.trainable = False
    model.compile(optimizers.Adam(0.02), "sparse_categorical_crossentropy")
    (x, y), _ = letters.load_data(train=1000, test=0, seed=1)
    finished(model.fit(x, y, batch_size=50, epochs=12, shuffle=False, verbose=0))
    return model


@dataclass(frozen=True)
class Votes(Result):
    """Every value of the last maps votes: steps: the maps of each stack; values (12,), weights (12, 2), votes (2,).

    bias: what each letter begins with; votes: the sums; shares: their softmax.
    """

    picture: np.ndarray
    steps: tuple[tuple[str, np.ndarray], ...]
    values: np.ndarray
    weights: np.ndarray
    bias: np.ndarray
    shares: np.ndarray

    @property
    def votes(self) -> np.ndarray:
        return self.values.astype(np.float64) @ self.weights.astype(np.float64) + self.bias

    @property
    def said(self) -> str:
        return letters.CLASS_NAMES[int(self.shares.argmax())]

    def data(self) -> dict[str, Any]:
        """All maps, values, weights and votes."""
        return {"picture": self.picture, "steps": dict(self.steps), "values": self.values, "weights": self.weights,
                "bias": self.bias, "votes": self.votes, "shares": self.shares, "said": self.said}

    def __str__(self) -> str:
        rows = [[str(index), f"{value:.2f}", *(f"{weight:+.2f}" for weight in row),
                 *(f"{value * weight:+.2f}" for weight in row)]
                for index, (value, row) in enumerate(zip(self.values, self.weights, strict=True))]
        sizes = " -> ".join(["9 x 9", *(f"{name} {' x '.join(map(str, maps.shape))}" for name, maps in self.steps)])
        said = ", ".join(f"{name} {vote:+.2f} ({share:.0%})" for name, vote, share in
                         zip(letters.CLASS_NAMES, self.votes, self.shares, strict=True))
        return (f"{sizes}\n\n{aligned(rows, ['', 'value', 'weight X', 'weight O', 'vote X', 'vote O'])}\n\n"
                f"votes with biases: {said}; said: {self.said}")

    def figure(self) -> Canvas:
        """Picture, the maps of both stacks, the list of values, and lines as thick as the votes."""
        title = f"A set of pixels becomes a set of votes: {self.said}"
        note = "Two stacks of convolution, ReLU and pooling; then every value gets a vote. Lines are as thick as " \
               "value times weight: solid speaks for the letter, dashed against it."
        top = grid.header_height(WIDTH, title, note)
        canvas = Canvas(WIDTH, top + 470, title)
        grid.header(canvas, title, note)
        canvas.text(24, top - 6, "picture, 9 x 9", 14, MUTED)
        grid.numbers(canvas, 24, top, self.picture, 19, inked(self.picture), 3)
        x = 224.0
        for name, maps in self.steps:
            cell = 112.0 / maps.shape[0]
            canvas.text(x, top - 6, f"{name}, {maps.shape[0]} x {maps.shape[1]}", 14, MUTED)
            high = float(np.abs(self.steps[0][1]).max()) if name.endswith("1") else float(np.abs(maps).max()) or 1.0
            for channel in range(maps.shape[-1]):
                y = top + channel * 140
                grid.numbers(canvas, x, y, maps[..., channel], cell, heat(maps[..., channel], 0, high))
            x += 152
        self._lines(canvas, top)
        return canvas

    def _lines(self, canvas: Canvas, top: float) -> None:
        each, x = 35.0, 560.0
        canvas.text(x, top - 6, "list", 14, MUTED)
        products = self.values[:, np.newaxis] * self.weights
        largest = float(np.abs(products).max()) or 1.0
        ends = {0: (850.0, top + 90), 1: (850.0, top + 320)}
        for row in range(len(self.values)):
            y = top + each * row
            for letter, (end_x, end_y) in ends.items():
                share = float(products[row, letter]) / largest
                if abs(share) > 0.01:
                    colour = COLOURS[letters.CLASS_NAMES[letter]]
                    canvas.path([(x + 52, y + 15), (end_x, end_y)], colour, 0.6 + 6 * abs(share),
                                dash=0.0 if share > 0 else 6.0)
        high = float(self.values.max()) or 1.0
        for row, value in enumerate(self.values):
            grid.numbers(canvas, x, top + each * row, [[value]], 31, heat(np.array([[value]]), 0, high))
        for letter, (end_x, end_y) in ends.items():
            name = letters.CLASS_NAMES[letter]
            canvas.rectangle(end_x, end_y - 34, 68, 68, fill=COLOURS[name], radius=34)
            canvas.text(end_x + 34, end_y + 13, name, 36, "#ffffff", "middle", bold=True)
            canvas.text(end_x + 82, end_y - 2, f"{self.votes[letter]:+.2f} votes", 17, INK, bold=True)
            canvas.text(end_x + 82, end_y + 22, f"{self.shares[letter]:.0%}", 17, MUTED)


def x_or_o_votes(picture=None) -> Votes:
    """A 9x9 picture of -1 and 1 through two stacks of layers to a vote for X and one for O.

    Args:
        picture: (9, 9); the plain X when left out.

    Raises:
        ShapeError: another size.

    Example:
        >>> x_or_o_votes().said
        'X'
    """
    picture, model = nine_by_nine(picture), stacked_network()
    taps = {tap.name: probe.arrays(tap.output)[0][0] for tap in probe.taps(model, picture)}
    steps = (("stack 1", taps["pooled"]), ("stack 2", taps["pooled_2"]))
    last: Any = model.get_layer("votes")
    return Votes(picture, steps, taps["list"], np.asarray(last.kernel), np.asarray(last.bias), taps["votes"])


@dataclass(frozen=True)
class Trick:
    """One letter drawn in one way, and who calls it what: pixel by pixel, by likeness of maps, by trained votes."""

    letter: str
    trick: str
    picture: np.ndarray
    agreement: dict[str, float]
    likeness: dict[str, float]
    shares: dict[str, float]


@dataclass(frozen=True)
class Tricks(Result):
    """The tricky cases: rows of `Trick`."""

    cases: tuple[Trick, ...]

    def right(self, way: str) -> int:
        """How many letters a way ("agreement", "likeness" or "shares") calls by their name."""
        return sum(_most(getattr(case, way)) == case.letter for case in self.cases)

    def data(self) -> dict[str, Any]:
        """All cases."""
        return {"cases": [vars(case) for case in self.cases]}

    def __str__(self) -> str:
        rows = [[case.letter, case.trick, f"{_most(case.agreement)} {max(case.agreement.values()):.0%}",
                 f"{_most(case.likeness)} {max(case.likeness.values()):.2f}",
                 f"{_most(case.shares)} {max(case.shares.values()):.0%}"] for case in self.cases]
        count = len(self.cases)
        rows.append(["", "right", *(f"{self.right(way)} of {count}" for way in ("agreement", "likeness", "shares"))])
        return aligned(rows, ["is", "drawn", "pixels", "likeness of maps", "trained votes"])

    def figure(self) -> Canvas:
        """Each letter in each way, with the three answers below; orange names are wrong."""
        title = "X or O: the tricky cases"
        note = "Below each picture: what comparing pixel by pixel with the plain letters says; what the pooled maps " \
               "of the three kernels say; what two stacks with trained votes say."
        top = grid.header_height(WIDTH, title, note)
        side, step = 150.0, 196.0
        canvas = Canvas(WIDTH, top + 2 * 262, title)
        grid.header(canvas, title, note)
        for index, case in enumerate(self.cases):
            row, column = divmod(index, len(TRICKS))
            x, y = 100 + column * step, top + 14 + row * 258
            canvas.text(x, y - 8, f"{case.letter}, {case.trick}", 15, INK, bold=True)
            canvas.picture(x, y, side, side, inked(case.picture))
            grid.lines(canvas, x, y, letters.SIDE, letters.SIDE, side / letters.SIDE, LINE)
            for line, (values, form) in enumerate(((case.agreement, "{:.0%}"), (case.likeness, "{:.2f}"),
                                                   (case.shares, "{:.0%}"))):
                said = _most(values)
                canvas.text(x, y + side + 22 + 21 * line, f"{said}  {form.format(values[said])}", 15,
                            GREEN if said == case.letter else ORANGE, bold=said != case.letter)
            if column == 0:
                for line, name in enumerate(("pixels", "likeness", "votes")):
                    canvas.text(x - 14, y + side + 22 + 21 * line, name, 14, MUTED, "end")
        return canvas


def _most(values: dict[str, float]) -> str:
    return max(values, key=lambda name: values[name])


def x_or_o_tricks() -> Tricks:
    """X and O shifted, smaller, turned and thicker: called by three ways of looking.

    Example:
        >>> x_or_o_tricks().right("shares")
        10
    """
    plain = dict(zip(letters.CLASS_NAMES, (letters.plain_x(), letters.plain_o()), strict=True))
    cases = []
    for letter, name in enumerate(letters.CLASS_NAMES):
        for trick, options in TRICKS:
            picture = letters.draw(letter, **options)
            agreement = {other: float((picture == drawn).mean()) for other, drawn in plain.items()}
            shares = dict(zip(letters.CLASS_NAMES, x_or_o_votes(picture).shares.tolist(), strict=True))
            cases.append(Trick(name, trick, picture, agreement, x_or_o(picture).votes, shares))
    return Tricks(tuple(cases))
