"""What is compared of a network with Keras': every layer with its name, place, shapes and weights. Run in Keras' Python
(`KERAS_BACKEND=torch python tests/applications/described.py`), it writes `recorded.json`."""

import hashlib
import json
from pathlib import Path

NAMES = ("VGG16", "VGG19", "ResNet50", "ResNet50V2", "MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large",
         "DenseNet121", "Xception", "InceptionV3", "EfficientNetB0", "EfficientNetB1")
"""One of each kind; their larger kin differ in counts alone."""
SIDES = {"Xception": 71, "InceptionV3": 75, "VGG16": 32, "VGG19": 32}
KINDS = {"with a head": {"classes": 7}, "without": {"include_top": False, "pooling": "avg"}}


def network(keras, name, kind):
    """A new network for small pictures, most of an odd number of rows."""
    keras.backend.clear_session()
    side = SIDES.get(name, 41)
    return getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3), **KINDS[kind])


def described(model):
    """A hash of a model's name and layers: class, name, output shape, shapes of weights, names of those before it."""
    rows = [model.name]
    for layer in model.layers:
        inputs = layer.input if isinstance(layer.input, list) else [layer.input]
        before = [] if type(layer).__name__ == "InputLayer" else [
            tensor._keras_history.operation.name for tensor in inputs]
        output = layer.output[0] if isinstance(layer.output, list) else layer.output
        rows.append([type(layer).__name__, layer.name, list(output.shape),
                     [list(weight.shape) for weight in layer.weights], before])
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


if __name__ == "__main__":
    import keras

    found = {name: {kind: described(network(keras, name, kind)) for kind in KINDS} for name in NAMES}
    Path(__file__).with_name("recorded.json").write_text(json.dumps(found, indent=1) + "\n")
