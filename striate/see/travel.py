"""`time_travel`: the weights and feature maps of any step of a past training, repeated from its sparse states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate import checkpoints, saving, seeds
from striate.callbacks import Callback
from striate.callbacks.history import finished
from striate.errors import ArgumentError, FileError, GraphError, received
from striate.see import arguments, grid, probe
from striate.see.canvas import Canvas
from striate.see.geometry import channels_last
from striate.see.maps import filters
from striate.see.palette import BLUE, INK, LINE, MUTED, ORANGE, heat, scaled, signed
from striate.see.recording import FORMAT, MODEL, STATES, TIMELINE, random_layers, weights_hash
from striate.see.result import Animation, aligned
from striate.untrusted import read_own_json
from striate.untrusted.limits import damaged

WIDTH = 1060.0
SHOWN = 16
FRAMES = 24


class _Arrived(Exception):  # noqa: N818 (it is no error)
    """The last step that was wanted is made."""


class _Replay(Callback):
    """Puts a training at a saved state, and takes the weights at some steps after it."""

    comes_last = 1

    def __init__(self, state: dict, wanted: Sequence[int], hashes: dict[int, str], take):
        super().__init__()
        self._state, self._wanted, self._hashes, self._take = state, set(wanted), hashes, take
        self._last = max(wanted)

    def on_train_begin(self, logs=None) -> None:
        training = self.model._training
        training.settle()
        # Validation does not change the weights, so it is left out here.
        self._state["fingerprint"]["validation"] = training.fingerprint()["validation"]
        training.go_on_from(self._state)

    def on_train_batch_end(self, batch: int, logs=None) -> None:
        step = self.model._steps_made()
        if step in self._hashes and weights_hash(self.model) != self._hashes[step]:
            raise GraphError("The repeated training went another way than the recorded one. Give the same data, "
                             "callbacks that change the training, and run on the same kind of processor. "
                             + received(step=step))
        if step in self._wanted:
            self._take(step, self.model)
        if step >= self._last:
            raise _Arrived


class Timeline:
    """A recorded training (see `see.Recorder`).

    steps: (first, last); states: steps whose state is on the disk; losses: by step.

    Args:
        run: the recording's folder, or the folder of a run that was recorded.
        x, y: the training data, without any validation part; needed for the steps between two states.
        callbacks: those of the training that changed its course, such as schedules of the learning rate.
        model: a model like the recorded one, for networks with layers of your own.

    Raises:
        FileError: there is no recording.

    Example:
        >>> Timeline("runs/fashion-mnist-0001", x, y).visit([20], print)  # doctest: +SKIP
    """

    def __init__(self, run, x=None, y=None, callbacks: Sequence[Callback] = (), model=None):
        if not isinstance(run, (str, Path)):
            raise ArgumentError("`run` must be the folder of a run or of a recording. " + received(run=run))
        folders = (Path(run), Path(run) / "timeline")
        folder = next((folder for folder in folders if (folder / TIMELINE).is_file()), None)
        if folder is None:
            raise FileError("There is no recording here. Record a training with callbacks=[see.Recorder(folder)], or "
                            "striate train ... --timeline. " + received(run=str(run)))
        facts = read_own_json(folder / TIMELINE)
        if facts.get("format") != FORMAT:
            raise FileError("The recording is of a format that this edition of striate does not read. "
                            + received(format=facts.get("format")))
        self._folder, self._x, self._y, self._callbacks = folder, x, y, list(callbacks)
        self.model = saving.load_model(folder / MODEL) if model is None else model
        with damaged(str(folder / TIMELINE)):
            for layer, stream in zip(random_layers(self.model), facts["streams"], strict=True):
                layer._stream = int(stream)
            self.states: list[int] = [int(step) for step in facts["states"]]
            self.hashes: dict[int, str] = {int(step): text for step, text in facts["hashes"].items()}
            self.losses: dict[int, float] = {int(step): float(loss) for step, loss in facts["losses"].items()}
            self.epochs: dict[int, int] = {int(step): int(epoch) for step, epoch in facts["epochs"].items()}
            if not self.states or self.states != sorted(set(self.states)):
                raise ValueError("the steps with a state must follow each other")

    @property
    def steps(self) -> tuple[int, int]:
        return self.states[0], max([*self.losses, self.states[-1]])

    def visit(self, steps: Sequence[int], take) -> None:
        """Puts the model into its state after each of `steps`, in order, and calls `take(step, model)` there.

        Raises:
            ArgumentError: a step that was never made, or data are needed and missing, or other data.
            GraphError: the repeated training went another way than the recorded one.
        """
        first, last = self.steps
        given = arguments.numbers(list(steps) if isinstance(steps, (range, set)) else steps, "steps")
        wanted = sorted({int(step) if step == np.round(step) else first - 1 for step in np.atleast_1d(given).ravel()})
        if not wanted or wanted[0] < first or wanted[-1] > last:
            raise ArgumentError(f"The training made the steps {first} to {last}. " + received(steps=steps))
        for state, inside in self._legs(wanted):
            self._from_state(state, inside, take)

    def _legs(self, wanted: list[int]) -> Iterator[tuple[int, list[int]]]:
        """(step of a state, the wanted steps from it on up to the next one)."""
        for index, state in enumerate(self.states):
            end = self.states[index + 1] if index + 1 < len(self.states) else float("inf")
            inside = [step for step in wanted if state <= step < end]
            if inside:
                yield state, inside

    def _from_state(self, state_step: int, wanted: list[int], take) -> None:
        state = checkpoints.newest(self._folder / STATES / f"{state_step:06d}")
        if state is None:
            raise FileError("A state of the recording is missing. " + received(step=state_step, run=str(self._folder)))
        if wanted[0] == state_step:
            for variable, array in zip(self.model.variables, state["variables"], strict=True):
                variable.assign(array)
            self._check(state_step)
            take(state_step, self.model)
        later = [step for step in wanted if step > state_step]
        if later:
            self._repeat(state, later, take)

    def _check(self, step: int) -> None:
        if weights_hash(self.model) != self.hashes[step]:
            raise GraphError("The weights of a state are not those that were recorded. " + received(step=step))

    def _repeat(self, state: dict, wanted: list[int], take) -> None:
        if self._x is None:
            raise ArgumentError("Steps between two states are made again from the training data: give x and y, or "
                                f"choose among the states: {', '.join(map(str, self.states))}. "
                                + received(steps=wanted))
        data = state["fingerprint"]["data"]
        seed = seeds.global_seed()
        try:
            finished(self.model.fit(self._x, self._y, batch_size=data.get("batch_size"),
                                    shuffle=data.get("shuffle", True), epochs=10**9, verbose=0,
                                    callbacks=[*self._callbacks, _Replay(state, wanted, self.hashes, take)]))
        except _Arrived:
            pass
        finally:
            seeds.go_on_with(seed)


@dataclass(frozen=True)
class TimeTravel(Animation):
    """What a network looked like at some steps of its training.

    weights: (steps, height, width, channels, filters) of a convolution; maps: (steps, height, width, channels) of a
    layer for one image, or None; outputs: (steps, classes), or None; losses: mean of the epoch so far, by step.
    """

    model: str
    layer: str
    steps: tuple[int, ...]
    epochs: dict[int, int]
    losses: dict[int, float]
    weights: np.ndarray
    image: np.ndarray | None
    maps: np.ndarray | None
    outputs: np.ndarray | None
    hashes: tuple[str, ...]
    seconds = 0.4

    @property
    def count(self) -> int:
        return len(self.steps)

    def epoch(self, step: int) -> int:
        """How many epochs were complete at a step."""
        return max((epoch for at, epoch in self.epochs.items() if at <= step), default=0)

    def data(self) -> dict[str, Any]:
        """Weights, maps and outputs of all steps, and the hashes of the weights."""
        return {"model": self.model, "layer": self.layer, "steps": self.steps, "losses": self.losses,
                "hashes": self.hashes, "weights": self.weights, "maps": self.maps, "outputs": self.outputs}

    def __str__(self) -> str:
        change = np.sqrt(np.mean((self.weights - self.weights[0]) ** 2, axis=(1, 2, 3, 4)))
        rows = [[str(step), str(self.epoch(step)), _loss(self.losses.get(step)), f"{moved:.5f}", text[:12]]
                for step, moved, text in zip(self.steps, change, self.hashes, strict=True)]
        head = ["step", "epochs done", "loss", f"{self.layer} moved by", "weights (sha256)"]
        return f"{self.model} through its training, repeated from its states\n\n{aligned(rows, head)}"

    def frame(self, index: int) -> Canvas:
        """Filters, maps and outputs at one step, and where it lies on the curve of the loss."""
        step = self.steps[index]
        title = f"{self.model} after {step:,} steps"
        note = f"Filters of {self.layer} (blue above zero, orange below)" + (
            ", what they find in the image, and what the network says." if self.maps is not None else ".")
        top = grid.header_height(WIDTH, title, note)
        count = min(self.weights.shape[-1], SHOWN)
        below = top + max(108 * -(-count // 4), 0 if self.outputs is None else 400) + 34
        canvas = Canvas(WIDTH, below + 142, title)
        grid.header(canvas, title, note)
        grid.gallery(canvas, grid.MARGIN, top, self._filters(index, count), 82, 4, 10)
        if self.maps is not None:
            grid.gallery(canvas, 410, top, self._maps(index, count), 82, 4, 10)
        if self.image is not None:
            picture = grid.picture_of(self.image)
            zoom = 150 / max(picture.shape[:2])
            canvas.picture(810, top, picture.shape[1] * zoom, max(picture.shape[0] * zoom, 24), picture)
        if self.outputs is not None:
            self._outputs(canvas, index, 810, top + 172)
        self._curve(canvas, step, below, 96)
        return canvas

    def _filters(self, index: int, count: int) -> list[tuple[np.ndarray, str]]:
        largest = float(np.abs(self.weights).max()) or 1.0
        if self.weights.shape[3] == 3:
            colours = np.round(scaled(self.weights[index], -largest, largest) * 255).astype(np.uint8)
            return [(colours[..., i], str(i)) for i in range(count)]
        means = self.weights.mean(axis=3)
        largest = float(np.abs(means).max()) or 1.0
        return [(signed(means[index, ..., i], largest), str(i)) for i in range(count)]

    def _maps(self, index: int, count: int) -> list[tuple[np.ndarray, str]]:
        if self.maps is None:
            return []
        high = float(np.abs(self.maps[index]).max()) or 1.0
        maps = self.maps[index]
        paint = (lambda m: signed(m, high)) if self.maps.min() < 0 else (lambda m: heat(m, 0, high))
        return [(paint(grid.as_image(maps[..., i])), str(i)) for i in range(min(count, maps.shape[-1]))]

    def _outputs(self, canvas: Canvas, index: int, x: float, y: float) -> None:
        """Bars of the outputs; the longest is marked."""
        if self.outputs is None:
            return
        values = self.outputs[index][:10]
        largest = float(np.abs(self.outputs).max()) or 1.0
        texts = grid.uniform(values[np.newaxis])[0]
        canvas.text(x, y - 2, "outputs", grid.SMALL_SIZE, MUTED)
        for row, value in enumerate(values.tolist()):
            colour = ORANGE if row == int(values.argmax()) else BLUE
            canvas.text(x + 14, y + 20 * row + 17, row, 13, MUTED, "end")
            canvas.rectangle(x + 22, y + 20 * row + 6, max(150 * abs(value) / largest, 0.5), 13, fill=colour)
            canvas.text(x + 28 + 150 * abs(value) / largest, y + 20 * row + 17, texts[row], 13, MUTED)

    def _curve(self, canvas: Canvas, step: int, top: float, height: float) -> None:
        steps = sorted(at for at, loss in self.losses.items() if np.isfinite(loss))
        if len(steps) < 2:
            return
        left, room = grid.MARGIN + 50, WIDTH - 2 * grid.MARGIN - 60
        high = max(self.losses[at] for at in steps)

        def at(place, loss):
            return left + room * (place - steps[0]) / (steps[-1] - steps[0]), top + height * (1 - loss / (high or 1.0))
        canvas.text(grid.MARGIN, top - 16, "loss: mean of the epoch so far", grid.TEXT_SIZE, MUTED)
        canvas.path([(left, top + height), (left + room, top + height)], LINE)
        for value in (0.0, high):
            canvas.text(left - 8, at(steps[0], value)[1] + 4, grid.short(value, 2), grid.SMALL_SIZE, MUTED, "end")
        every = max(1, len(steps) // 300)
        canvas.path([at(place, self.losses[place]) for place in steps[::every]], BLUE, 2.2)
        x, y = at(max(step, steps[0]), self.losses.get(step, self.losses[steps[0]]))
        canvas.path([(x, top - 2), (x, top + height)], ORANGE, 2)
        canvas.rectangle(x - 4, y - 4, 8, 8, fill=ORANGE, radius=4)
        anchor = "end" if x > WIDTH - 180 else "start" if x < 180 else "middle"
        canvas.text(x, top + height + 20, f"step {step:,}", 14, INK, anchor, bold=True)
        if x < WIDTH - 300:
            canvas.text(left + room, top + height + 20, f"{steps[-1]:,}", grid.SMALL_SIZE, MUTED, "end")


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def time_travel(run, x=None, y=None, image=None, layer=None, steps=None, **options) -> TimeTravel:
    """Weights and feature maps over a past training, made again step by step from its sparse states, bit for bit.

    Args:
        run: folder of a recording (see `see.Recorder`), or of a run of `striate train --timeline`.
        x, y: the training data, without any validation part; without them only steps with a state can be shown.
        image: an input whose feature maps and outputs are shown.
        layer: a convolution; the first when left out.
        steps: which steps to show; about 24 over the whole training (without data: all states) when left out.
        options: callbacks, model: see `Timeline`.

    Returns:
        A `TimeTravel`: an animation with a slider, from the first step to the last.

    Raises:
        FileError: there is no recording.
        ArgumentError: no such step or layer, or data are needed and missing, or other data than the recorded.
        GraphError: the repeated training went another way than the recorded one (the hashes of the weights differ).

    Example:
        model.fit(x, y, callbacks=[see.Recorder("timeline")])
        see.time_travel("timeline", x, y, image=x[0]).save("training.html")
    """
    line = Timeline(run, x, y, **options)
    first, last = line.steps
    if steps is None:
        steps = line.states if x is None else np.unique(np.linspace(first, last, FRAMES).astype(int)).tolist()
    chosen = filters(line.model, layer).layer
    found: list[tuple] = []

    def take(step: int, model) -> None:
        shown = maps = outputs = None
        if image is not None:
            tap = probe.tap(model, image, chosen)
            maps = channels_last(tap, probe.arrays(tap.output)[0])[0]
            shown = np.asarray(probe.arrays(model.predict(probe.batch(model, image)[:1], verbose=0))[0])[0]
            outputs = shown if shown.ndim == 1 else None
        found.append((step, filters(model, chosen).weights.copy(), maps, outputs, weights_hash(model)))
    line.visit(steps, take)
    taken, weights, maps, outputs, hashes = zip(*found, strict=True)
    pictures = None if image is None else \
        probe.pictures(line.model, probe.arrays(probe.batch(line.model, image))[0])[0]
    return TimeTravel(line.model.name, chosen, taken, line.epochs, line.losses, np.array(weights), pictures,
                      None if maps[0] is None else np.array(maps), None if outputs[0] is None else np.array(outputs),
                      hashes)
