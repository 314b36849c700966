"""Makes the pictures of the documentation and of the README: `python docs/make_pictures.py` writes docs/pictures.

All numbers in them are the engine's. The network is `small` of the zoo, trained for two epochs on the tenth of
Fashion-MNIST that comes with striate.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np

from striate import layers, see, utils, zoo
from striate.datasets import fashion_mnist, x_or_o
from striate.kernels import winograd_matrices
from striate.models.training.memory import example_step
from striate.see import films, grid
from striate.see.canvas import Canvas
from striate.see.palette import BLUE, GREEN, INK, LINE, MUTED, PAPER, PURPLE, SERIES, SHADE, signed
from striate.systems import data as datasets
from striate.systems import own
from striate.systems.sheet import sheet

FOLDER = Path(__file__).parent / "pictures"
CODE = ("import striate as keras", "", "model = keras.Sequential([", "    Conv2D(32, 3, activation=\"relu\"),",
        "    MaxPooling2D(),", "    Conv2D(64, 3, activation=\"relu\"),", "    MaxPooling2D(),",
        "    Flatten(), Dropout(0.3),", "    Dense(128, activation=\"relu\"),",
        "    Dense(10, activation=\"softmax\")])", "model.compile(\"adam\", ...)", "model.fit(x, y)")


def make(folder: Path) -> None:
    """Writes every picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (x, y), (x_test, y_test) = fashion_mnist.load_data(subset=True)
    x, x_test = x[..., None] / np.float32(255), x_test[..., None] / np.float32(255)
    model = trained(x, y)
    piece = (x[0, 4:10, 13:20, 0] * 9).round()
    results = {
        "number": see.number(model, x[0], model.layers[2], (3, 5, 4)),
        "gradient_number": see.gradient_number(model, x[:4], y[:4], model.layers[0], (1, 1, 0, 0)),
        "feature_maps": see.feature_maps(model, x[0], model.layers[0]), "filters": see.filters(model),
        "receptive_field": see.receptive_field(model, model.layers[2], x[0]),
        "invariance": see.invariance(model, x[0], 1), "grad_cam": see.grad_cam(model, x[0]),
        "confusion": see.confusion(model, x_test, y_test, fashion_mnist.CLASS_NAMES),
        "connectivity": see.connectivity(), "toeplitz": see.toeplitz([1, 2, 3], 8),
        "convolution_forms": see.convolution_forms(np.arange(20).reshape(4, 5), [[1, 0], [2, -1]]),
        "edge_detection": see.edge_detection(x[0]), "architecture": see.architecture(zoo.build("uva")),
        "smoothing": see.smoothing(), "matched_filter": see.matched_filter(),
        "impulse_response": see.impulse_response(), "x_or_o": see.x_or_o(x_or_o.plain_x()),
        "plan": see.plan(model, 64),
    }
    for name, result in results.items():
        result.save(folder / f"{name}.svg")
    moving = {"convolution": (layers.Conv2D(1, 3), {}), "same": (layers.Conv2D(1, 3, padding="same"), {}),
             "stride": (layers.Conv2D(1, 3, strides=2), {}), "pooling": (layers.MaxPooling2D(2), {}),
             "pooling_backward": (layers.MaxPooling2D(2), {"backward": True})}
    for name, (layer, options) in moving.items():
        see.animate(layer, piece, **options).save(folder / f"{name}.gif")
    for name, canvas in (("overview", overview(model, x[0])), ("winograd", winograd_tile(x[0, ..., 0])),
                         ("arena", arena(model, 64))):
        (folder / f"{name}.svg").write_text(canvas.svg(), "utf-8")
    subset = datasets.load("fashion-mnist", subset=True)
    sheet(subset, own.audit_arrays(subset)).save(folder / "sheet.png")


def trained(x: np.ndarray, y: np.ndarray):
    """The network of the pictures."""
    utils.set_random_seed(0)
    model = zoo.recipe("small").compile(zoo.build("small"))
    model.fit(x, y, epochs=2, batch_size=64, verbose=2)
    return model


def overview(model, picture: np.ndarray) -> Canvas:
    """striate in one picture: Keras' words, the engine's program, and one number with all that it is made of."""
    canvas = Canvas(1180, 470, "Keras code becomes one compiled program, every number of which can be looked into")
    titles = ("You write Keras", "striate compiles one program", "and explains every number")
    for index, title in enumerate(titles):
        x = (24, 372, 776)[index]
        canvas.text(x, 44, f"{index + 1}. {title}", 18, INK, bold=True)
        canvas.rectangle(x, 62, (318, 374, 380)[index], 384, fill=SHADE, radius=8)
    for row, line in enumerate(CODE):
        inset = len(line) - len(line.lstrip())
        canvas.text(40 + 7 * inset, 98 + 27 * row, line.lstrip(), 14.5, INK)
    canvas.arrow((346, 254), (368, 254), BLUE, 3, 12)
    canvas.arrow((750, 254), (772, 254), BLUE, 3, 12)
    program(canvas, model, 388, 98)
    window(canvas, model, picture, 792, 98)
    return canvas


def program(canvas: Canvas, model, x: float, y: float) -> None:
    """The kernels of a training step, each once, in the order of their first launch."""
    step, arguments = example_step(model, 64)
    plan = step.executable(*arguments).plan
    kernels = Counter(launch.kernel for part in plan.steps for launch in part.launches)
    canvas.text(x, y, f"A training step: {kernels.total()} launches of kernels,", 14, MUTED)
    canvas.text(x, y + 20, f"one arena of {plan.arena_bytes / 2**20:.1f} MiB for all results", 14, MUTED)
    each = min(26.0, 304 / len(kernels))
    for index, (kernel, count) in enumerate(kernels.items()):
        top = y + 36 + each * index
        canvas.rectangle(x, top, 346, each - 3, fill=GREEN if "update" in kernel else BLUE, radius=3)
        canvas.text(x + 10, top + each - 6.5, kernel, 12, PAPER)
        if count > 1:
            canvas.text(x + 336, top + each - 6.5, f"x {count}", 12, PAPER, "end")


def window(canvas: Canvas, model, picture: np.ndarray, x: float, y: float) -> None:
    """One neuron of the first convolution: its window, its weights, its sum."""
    row, column = 6, 12
    maps = films.run_layer(model.layers[0], picture[np.newaxis])
    channel = int(maps[0, row, column].argmax())
    pixels, weights = picture[row:row + 3, column:column + 3, 0], np.asarray(model.layers[0].kernel)[:, :, 0, channel]
    products, bias = float((pixels * weights).sum()), float(np.asarray(model.layers[0].bias)[channel])
    canvas.text(x, y, f"First convolution, row {row}, column {column}, channel {channel}", 14, MUTED)
    grid.numbers(canvas, x, y + 40, pixels, 50, signed(pixels), 2)
    canvas.text(x + 75, y + 30, "pixels", 13, MUTED, "middle")
    canvas.text(x + 176, y + 122, "·", 30, INK, "middle")
    grid.numbers(canvas, x + 202, y + 40, weights, 50, signed(weights), 2)
    canvas.text(x + 277, y + 30, "weights", 13, MUTED, "middle")
    canvas.text(x, y + 232, f"sum of the nine products   {products:+.4f}", 15, INK)
    canvas.text(x, y + 258, f"bias   {bias:+.4f}", 15, INK)
    canvas.text(x, y + 284, f"relu({products + bias:+.4f}) = {max(products + bias, 0):.4f}", 15, INK, bold=True)
    canvas.text(x, y + 318, f"computed by the engine: {maps[0, row, column, channel]:.4f}", 15, BLUE, bold=True)


def winograd_tile(image: np.ndarray) -> Canvas:
    """One tile of F(4x4, 3x3) with its numbers."""
    a, g, b = (np.asarray(matrix, float) for matrix in winograd_matrices.matrices(4))
    tile, weights = (image[6:12, 10:16] * 9).round(), np.array([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    transformed, kernel = b @ tile @ b.T, g @ weights @ g.T
    result = a @ (transformed * kernel) @ a.T
    canvas = Canvas(1180, 380, "Winograd's convolution of one tile")
    canvas.text(24, 40, "Winograd's convolution of one tile: 36 multiplications where the sum needs 144", 20, INK,
                bold=True)
    panels = ((24, tile, "input d, 6x6", 34), (262, transformed, "V = B' d B", 34),
              (500, kernel, "U = G w G', once a kernel", 34), (738, transformed * kernel, "M = V . U: 36 products", 34),
              (976, result, "Y = A' M A, 4x4", 45))
    for index, (x, values, name, cell) in enumerate(panels):
        canvas.text(x, 88, name, 14, INK, bold=True)
        grid.numbers(canvas, x, 100, values, cell, signed(values), 2)
        if index:
            canvas.text(x - 18, 210, ("", "→", "·", "=", "→")[index], 20, MUTED, "middle")
    windows = np.lib.stride_tricks.sliding_window_view(tile, (3, 3))
    error = np.abs((windows * weights).sum((2, 3)) - result).max()
    canvas.text(24, 350, f"Sums over the windows give the same 16 numbers; the largest difference here is {error:.0e} "
                         "(float64). Kernel: a Sobel filter.", 14, MUTED)
    return canvas


def arena(model, batch_size: int) -> Canvas:
    """Who lives where in the arena of a training step, from which launch to which."""
    step, arguments = example_step(model, batch_size)
    plan = step.executable(*arguments).plan
    lives: dict = {}
    moment = 0
    for part in plan.steps:
        for launch in part.launches:
            for item in (*launch.arguments, *launch.writes):
                home = plan.homes.get(item) if item.__hash__ and not isinstance(item, (int, float)) else None
                if home is not None and home.kind == "arena":
                    begin = lives.get(item, (moment, moment))[0]
                    lives[item] = begin, moment
            moment += 1
    canvas = Canvas(1180, 560, "The arena of a training step")
    total = plan.arena_bytes
    canvas.text(24, 40, f"The arena of a training step of {batch_size} pictures: {total / 2**20:.1f} MiB for "
                        f"{sum(item.type.bytes for item in lives) / 2**20:.1f} MiB of values", 20, INK, bold=True)
    left, top, width, height = 90, 84, 1060, 420
    canvas.rectangle(left, top, width, height, fill=SHADE)
    for index, (item, (first, last)) in enumerate(sorted(lives.items(), key=lambda entry: plan.homes[entry[0]].offset)):
        offset, size = plan.homes[item].offset, item.type.bytes
        canvas.rectangle(left + width * first / moment, top + height * (1 - (offset + size) / total),
                         max(width * (last - first + 1) / moment, 2), max(height * size / total, 1),
                         fill=(*SERIES[:4], PURPLE)[index % 4], line="#ffffff", thickness=0.6, opacity=0.85)
    for share in (0, 0.5, 1):
        canvas.text(left - 8, top + height * (1 - share) + 5, f"{share * total / 2**20:.1f}", 13, MUTED, "end")
        canvas.path([(left, top + height * (1 - share)), (left + width, top + height * (1 - share))], LINE, 0.8)
    canvas.text(left - 66, top - 12, "MiB", 13, MUTED)
    note = f"launch 1 ... {moment}, in the order in which they run: forward, backward, update. Two boxes at one " \
           "height share memory, one after the other."
    canvas.text(left, top + height + 30, note, 14, MUTED)
    return canvas


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
