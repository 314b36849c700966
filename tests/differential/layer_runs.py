"""Runs one layer with a library (Keras or striate): outputs, shapes, weights, penalties, gradients, configuration."""

import json

import numpy as np


def _plain(library, tensor):
    return np.array(library.ops.convert_to_numpy(tensor))


def _inputs(random, shapes, integers):
    if integers:
        return [random.randint(0, integers, shape).astype("int32") for shape in shapes]
    return [random.randn(*shape).astype("float32") for shape in shapes]


def measure(library, row):
    """(arrays by name; configuration, weights and shapes) of a row of `layer_cases.ROWS`."""
    seed, name, arguments, shapes, integers = row
    library.utils.clear_session()
    random = np.random.RandomState(seed)
    data = _inputs(random, shapes, integers)
    layer = getattr(library.layers, name)(**arguments, name="layer")
    layer(_single(data))
    layer.set_weights([random.rand(*w.shape).astype("float32") * 0.5 + 0.05 for w in layer.get_weights()])
    y = _plain(library, layer(_single(data)))
    found = {"y": y, "losses": np.array([float(_plain(library, loss)) for loss in layer.losses])}
    told = {"config": layer.get_config(), "weights": [[w.name, w.path, w.shape, w.trainable] for w in layer.weights]}
    unknown = [(None, *shape[1:]) for shape in shapes]
    batches = len(shapes[0]) > 1 and not (name in ("Resizing", "CenterCrop") and len(shapes[0]) == 3)
    told["shapes"] = [layer.compute_output_shape(_single(shapes)),
                      layer.compute_output_shape(_single(unknown)) if batches else None, None]
    if batches:
        steps, told["shapes"][2] = _one_step(library, row, data, layer.get_weights(), random, y.shape)
        found |= steps
    return found, json.loads(json.dumps(told, default=lambda item: np.asarray(item).tolist()))


def _one_step(library, row, data, weights, random, shape):
    """(gradients by the inputs and the weights, found by one step of rate 1, and its loss;
    shape and type of the symbolic output)."""
    class Shift(library.layers.Layer):
        """Adds weights of the input's shape, whose gradient is that of the input."""

        def build(self, input_shape):
            self.shift = self.add_weight(shape=tuple(input_shape[1:]), initializer="zeros", name="s")

        def call(self, inputs):
            return inputs + self.shift
    _, name, arguments, shapes, integers = row
    inputs = [library.layers.Input(s[1:], batch_size=s[0], dtype=str(x.dtype)) for s, x in zip(shapes, data,
                                                                                               strict=True)]
    layer = getattr(library.layers, name)(**arguments)
    y = layer(_single(inputs if integers else [Shift()(tensor) for tensor in inputs]))
    model = library.Model(_single(inputs), y)
    layer.set_weights(weights)
    found = {}
    if model.trainable_weights and "int" not in str(y.dtype):
        model.compile(library.optimizers.SGD(1.0), loss=lambda factors, y: library.ops.sum(factors * y))
        before = model.get_weights()
        found["loss"] = np.array(model.train_on_batch(_single(data), random.randn(*shape).astype("float32")))
        for index, (old, new) in enumerate(zip(before, model.get_weights(), strict=True)):
            found[f"g{index}"] = old - new
    return found, (y.shape, str(y.dtype))


def _single(items):
    return items[0] if len(items) == 1 else items
