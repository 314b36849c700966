"""Runs the rows of `cases.py` with Keras or with striate, whichever is handed in as `library`; gives plain arrays."""

import cases
import numpy as np

NOT_WEIGHTED = ("Dice", "Tversky", "IoU", "MeanIoU", "BinaryIoU", "OneHotIoU", "OneHotMeanIoU", "Accuracy",
                "ConcordanceCorrelation")


def of_layer(library, name, arguments, shapes) -> tuple[dict, dict]:
    """(output, and for batch normalisation those of training; the configuration)."""
    layer = getattr(library.layers, name)(**arguments, name="layer")
    tensors = cases.inputs(shapes)
    if name == "CategoryEncoding":
        tensors = [np.abs(array).astype("int32") for array in tensors]
    x = tensors[0] if len(tensors) == 1 else tensors
    layer(x)
    layer.set_weights(cases.weights([weight.shape for weight in layer.get_weights()]))
    found = {"y": layer(x)}
    if name == "BatchNormalization":
        found["training"] = layer(x, training=True)
        found["mean"], found["variance"] = layer.moving_mean, layer.moving_variance
    return _arrays(found), layer.get_config()


def of_loss(library, name, arguments) -> tuple[dict, dict]:
    """(the loss, with weights, by sample; the configuration)."""
    kind, data = getattr(library.losses, name), cases.labels_and_predictions(name)
    loss = kind(**arguments)
    found = {"loss": loss(*data)}
    if name not in NOT_WEIGHTED:
        found["weighted"] = loss(*data, sample_weight=cases.SAMPLE_WEIGHT)
        found["each"] = kind(**arguments, reduction="none")(*data)
        found["mean"] = kind(**arguments, reduction="mean_with_sample_weight")(*data, sample_weight=cases.SAMPLE_WEIGHT)
    return _arrays(found), loss.get_config()


def of_metric(library, name, arguments) -> tuple[dict, dict]:
    """(the metric after two batches, and after one with weights; the configuration)."""
    kind = getattr(library.metrics, name)
    metric = kind(**arguments, name="metric")
    for batch in (0, 1):
        metric.update_state(*cases.labels_and_predictions(name, batch))
    found = {"result": metric.result()}
    if name not in NOT_WEIGHTED:
        weighted = kind(**arguments)
        weighted.update_state(*cases.labels_and_predictions(name), sample_weight=cases.SAMPLE_WEIGHT)
        found["weighted"] = weighted.result()
    return _arrays(found), metric.get_config()


def of_optimizer(library, name, arguments) -> tuple[dict, dict]:
    """(two variables after six steps, and the optimiser's own variables; the configuration)."""
    optimizer = getattr(library.optimizers, name)(**arguments, name="optimizer")
    shapes = [(3, 4), (4,)]
    variables = [library.Variable(value, name=part)
                 for value, part in zip(cases.inputs(shapes, seed=5), ("kernel", "bias"), strict=True)]
    for step in range(6):
        gradients = [library.tensor(array) for array in cases.inputs(shapes, seed=20 + step)]
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
    found = {f"variable{index}": variable for index, variable in enumerate(variables)}
    found |= {f"slot{index}": variable for index, variable in enumerate(optimizer.variables)}
    return _arrays(found), optimizer.get_config()


def of_schedule(library, name, arguments) -> tuple[dict, dict]:
    """(the rates of thirty steps; the configuration)."""
    schedule = getattr(library.optimizers.schedules, name)(**arguments)
    return {"rates": np.array([float(schedule(step)) for step in range(30)], "float32")}, schedule.get_config()


def of_activation(library, name) -> tuple[dict, dict]:
    """(the activation of 24 numbers; nothing)."""
    return _arrays({"y": library.activations.get(name)(cases.inputs([(4, 6)], seed=3)[0] * 2)}), {}


def rows():
    """Every row as (key, function, arguments of the function after the library)."""
    tables = (("layer", of_layer, cases.LAYERS), ("loss", of_loss, cases.LOSSES), ("metric", of_metric, cases.METRICS),
              ("optimizer", of_optimizer, cases.OPTIMIZERS), ("schedule", of_schedule, cases.SCHEDULES),
              ("activation", of_activation, [(name,) for name in cases.ACTIVATIONS]))
    for kind, function, table in tables:
        for index, row in enumerate(table):
            yield f"{kind}{index}_{row[0]}", function, row


def _arrays(found: dict) -> dict:
    return {name: np.array(value, copy=True) for name, value in found.items()}
