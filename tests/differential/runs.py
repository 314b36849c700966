"""Builds an architecture with a library (Keras or striate) and computes what is compared."""

import numpy as np

BATCH = 4
STEPS = 3


def build(library, description):
    """The compiled model."""
    inputs = library.Input(tuple(description["shape"]))
    layers, tensors = [], [inputs]
    for step in description["steps"]:
        arguments = {name: _tupled(value) for name, value in step["arguments"].items()}
        taken = [] if not description["functional"] else [tensors[place] for place in step["inputs"]]
        if "layer" in step:
            layer = getattr(library.layers, step["layer"])(**arguments)
            layers.append(layer)
            if description["functional"]:
                tensors.append(layer(taken[0] if len(taken) == 1 else taken))
        else:
            tensors.append(_function(library.ops, step["function"], taken, arguments))
    model = library.Model(inputs, tensors[-1]) if description["functional"] else library.Sequential([inputs, *layers])
    optimizer, settings = description["optimizer"]
    model.compile(getattr(library.optimizers, optimizer)(**settings), description["loss"])
    return model


def _tupled(value):
    return tuple(_tupled(part) for part in value) if isinstance(value, list) else value


def _function(ops, name, taken, arguments):
    if name == "get_item":
        return taken[0][tuple(slice(*part) for part in arguments["key"])]
    if name == "concatenate":
        return ops.concatenate(taken, axis=-1)
    if name == "add":
        return taken[0] + taken[1]
    return getattr(ops, name)(*taken, *arguments.values())


def set_weights(model, seed):
    """The same random weights for both libraries."""
    random = np.random.RandomState(seed)
    values = []
    for variable in model.weights:
        shape = tuple(variable.shape)
        value = random.randn(*shape).astype("float32") / np.sqrt(max(1, np.prod(shape[:-1])))
        if variable.path.endswith("variance"):
            value = np.abs(value) + np.float32(0.5)
        if variable.path.endswith("gamma"):
            value = value + np.float32(1.0)
        values.append(value)
    model.set_weights(values)


def data(description):
    """(inputs, targets) of STEPS batches."""
    random = np.random.RandomState(description["seed"])
    count = BATCH * STEPS
    x = random.randn(count, *description["shape"]).astype("float32")
    labels = random.randint(0, 4, count)
    if description["loss"] == "sparse_categorical_crossentropy":
        return x, labels
    if description["loss"] in ("categorical_crossentropy", "binary_crossentropy"):
        return x, np.eye(4, dtype="float32")[labels]
    return x, random.randn(count, 4).astype("float32")


def measure(library, description, path=None):
    """Outputs before training, the loss of each step, the weights and outputs afterwards; saves to `path`."""
    library.utils.clear_session()
    model = build(library, description)
    set_weights(model, description["seed"])
    x, y = data(description)
    found = {"before": np.asarray(model.predict_on_batch(x))}
    for step in range(STEPS):
        part = slice(step * BATCH, (step + 1) * BATCH)
        found[f"loss{step}"] = np.asarray(model.train_on_batch(x[part], y[part]), "float32").reshape(-1)[0]
    found |= {f"weight{index}": np.asarray(value) for index, value in enumerate(model.get_weights())}
    found["after"] = np.asarray(model.predict_on_batch(x))
    if path is not None:
        model.save(path)
    return found, model
