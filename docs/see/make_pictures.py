"""Makes the pictures of docs/see: one of every kind, of a small network trained on the subset that ships."""

import sys
from pathlib import Path

import numpy as np

from striate import layers, see, zoo
from striate.datasets import fashion_mnist


def make(folder: Path) -> None:
    """Writes every picture into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (x, y), (x_test, y_test) = fashion_mnist.load_data(subset=True)
    x, x_test = x.astype(np.float32) / 255, x_test.astype(np.float32) / 255
    names = fashion_mnist.CLASS_NAMES
    model = zoo.recipe("small").compile(zoo.build("small"))
    model.fit(x, y, epochs=3, batch_size=64, verbose=2)
    first, pooling, second = model.layers[:3]
    results = {
        "number": see.number(model, x[0], second, (5, 5, 4)),
        "gradient_number": see.gradient_number(model, x[:6], y[:6], first, (1, 1, 0, 0)),
        "arithmetic": see.arithmetic(zoo.build("yale")), "connectivity": see.connectivity(),
        "edge_detection": see.edge_detection(x[0]), "architecture": see.architecture(zoo.build("uva")),
        "feature_maps": see.feature_maps(model, x[0], second), "filters": see.filters(model),
        "patches": see.patches(model, x[:200], second), "saliency": see.saliency(model, x[0]),
        "grad_cam": see.grad_cam(model, x[0]), "occlusion": see.occlusion(model, x[0]),
        "activation_maximisation": see.activation_maximisation(model, second),
        "receptive_field": see.receptive_field(model, second, x[0]), "invariance": see.invariance(model, x[0], 2),
        "confusion": see.confusion(model, x_test, y_test, names),
        "worst_mistakes": see.worst_mistakes(model, x_test, y_test, names),
        "most_confident": see.most_confident(model, x_test, y_test, names),
        "smoothing": see.smoothing(), "matched_filter": see.matched_filter(),
        "impulse_response": see.impulse_response(), "noisy_sensor": see.noisy_sensor(),
        "toeplitz": see.toeplitz([[1, -1], [2, 0]], (4, 4)), "x_or_o": see.x_or_o(),
        "convolution_forms": see.convolution_forms(np.arange(20).reshape(4, 5), [[1, 0], [2, -1]]),
        "plan": see.plan(model, 32), "doctor": see.doctor(zoo.build("yale")),
    }
    for name, result in results.items():
        result.save(folder / f"{name}.svg")
    piece = (x[0, 10:16, 8:15] * 9).round()
    films = {"stride": layers.Conv2D(1, 3, strides=2), "same": layers.Conv2D(1, 3, padding="same"),
             "dilation": layers.Conv2D(1, 2, dilation_rate=2), "transposed": layers.Conv2DTranspose(1, 3, strides=2),
             "dropout": layers.Dropout(0.5), "flatten": layers.Flatten()}
    for name, layer in films.items():
        see.animate(layer, piece[:4, :4] if name == "transposed" else piece).save(folder / f"{name}.gif")
    see.animate(pooling, piece, backward=True).save(folder / "pooling_backward.gif")


if __name__ == "__main__":
    make(Path(sys.argv[1] if len(sys.argv) > 1 else "build/see"))
