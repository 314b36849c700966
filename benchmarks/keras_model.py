"""A network in anything that speaks Keras: striate itself, or Keras on TensorFlow or JAX."""

from __future__ import annotations

from benchmarks.networks import Layer, Network, initial_weights, resolve


def build(keras, network: Network, with_dropout: bool):
    """The compiled model with the common initial weights. `keras` is the module whose layers are used."""
    layers = resolve(network)
    inputs = keras.Input(tuple(network.input_shape))
    model = keras.Model(inputs, _apply(keras, layers, inputs, with_dropout))
    for name, arrays in initial_weights(layers).items():
        model.get_layer(name).set_weights(arrays)
    model.compile(optimizer=optimizer(keras, network), loss=loss(keras, network))
    return model


def optimizer(keras, network: Network):
    """A small rate, so that the first losses show the gradients and not the chaos of large steps."""
    if network.optimizer == "adam":
        return keras.optimizers.Adam(1e-4)
    return keras.optimizers.SGD(1e-3, momentum=0.9)


def loss(keras, network: Network):
    """Cross-entropy, as the last layer has it."""
    if network.classes == 1:
        return keras.losses.BinaryCrossentropy()
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def targets(network: Network, y):
    """Class numbers as this loss wants them."""
    return y[:, None].astype("float32") if network.classes == 1 else y.astype("int32")


def _apply(keras, layers, tensor, with_dropout: bool):
    for layer in layers:
        if layer.kind == "dropout":
            tensor = keras.layers.Dropout(layer.options["rate"])(tensor) if with_dropout else tensor
        elif layer.kind == "merge":
            branches = [_apply(keras, branch, tensor, with_dropout) for branch in layer.branches]
            kind = keras.layers.Add if layer.options["mode"] == "add" else keras.layers.Concatenate
            tensor = kind()(branches)
        else:
            tensor = _make(keras.layers, layer)(tensor)
    return tensor


def _make(library, layer: Layer):
    options, name, axes = layer.options, layer.name, len(layer.input_shape) - 1
    if layer.kind == "conv":
        kind = library.Conv2D if axes == 2 else library.Conv1D
        return kind(options["filters"], options["size"], strides=options["strides"], padding=options["padding"],
                    activation=options["activation"], use_bias=options["bias"], groups=options["groups"], name=name)
    if layer.kind == "depthwise":
        kind = library.DepthwiseConv2D if axes == 2 else library.DepthwiseConv1D
        return kind(options["size"], strides=options["strides"], padding=options["padding"],
                    use_bias=options["bias"], name=name)
    if layer.kind == "pool":
        kind = library.MaxPooling2D if axes == 2 else library.MaxPooling1D
        return kind(options["size"], strides=options["strides"])
    if layer.kind == "average":
        return (library.GlobalAveragePooling2D if axes == 2 else library.GlobalAveragePooling1D)()
    if layer.kind == "dense":
        return library.Dense(options["units"], activation=options["activation"], name=name)
    if layer.kind == "norm":
        return library.BatchNormalization(name=name)
    return {"relu": library.ReLU, "flatten": library.Flatten}[layer.kind]()
