"""Descriptions as Keras 1 and 2 wrote them, translated into those of Keras 3; and back, for `.h5` files.

Only spellings change: lists of layers, `batch_input_shape`, nested lists of calls, `lr`. Names of classes go through
the same closed table as everywhere.
"""

from __future__ import annotations

from typing import Any

from striate.saving import keras1

_LAYER_KEYS = ("class_name", "config", "name", "inbound_nodes")
_OLD_NAMES = {"Model": "Functional", "BatchNormalizationV1": "BatchNormalization", "BatchNormalizationV2":
              "BatchNormalization", "Convolution2D": "Conv2D", "SeparableConvolution2D": "SeparableConv2D"}
_FORGOTTEN = {"BatchNormalization": ("renorm", "fused", "virtual_batch_size", "adjustment"),
              "InputLayer": ("ragged",)}
_OLD_ARGUMENTS = {"lr": "learning_rate"}


def modern(description: dict[str, Any]) -> dict[str, Any]:
    """A model's or layer's description in Keras 3's spelling.

    Example:
        >>> old = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 4], "name": "i", "ragged": False}}
        >>> modern(old)["config"]
        {'name': 'i', 'batch_shape': [None, 4]}
    """
    name = description["class_name"]
    name = _OLD_NAMES.get(name, name)
    config = description["config"]
    if isinstance(config, list):
        config = {"layers": config}
    if keras1.is_old(description["class_name"], config):
        name, config = keras1.modern_layer(description["class_name"], config)
    config = {key: _value(item) for key, item in config.items() if key not in _FORGOTTEN.get(name, ())}
    if name == "InputLayer" and "batch_input_shape" in config:
        config["batch_shape"] = config.pop("batch_input_shape")
    if name == "BatchNormalization" and isinstance(config.get("axis"), list) and len(config["axis"]) == 1:
        config["axis"] = config["axis"][0]
    if isinstance(config.get("layers"), list):
        config["layers"] = [modern(layer) for layer in config["layers"]]
    if isinstance(config.get("layer"), dict):
        config["layer"] = modern(config["layer"])
    result = {**description, "class_name": name, "config": config}
    if isinstance(description.get("inbound_nodes"), list):
        result["inbound_nodes"] = [_call(node) for node in description["inbound_nodes"]]
    return result


def _value(item: Any) -> Any:
    """Types were once descriptions of policies or plain names."""
    if isinstance(item, dict) and item.get("class_name") == "Policy":
        return item["config"]["name"]
    return item


def _call(node: Any) -> Any:
    """One call of a layer: [[layer, call, output, arguments], ...] becomes args and kwargs."""
    if isinstance(node, dict):
        return node
    tensors = [_tensor(entry) for entry in node]
    extra = node[0][3] if node and len(node[0]) > 3 else {}
    return {"args": [tensors[0] if len(tensors) == 1 else tensors],
            "kwargs": {name: _argument(value) for name, value in extra.items()}}


def _argument(value: Any) -> Any:
    """A keyword argument that is a tensor is written as [layer, call, output]."""
    is_tensor = isinstance(value, list) and len(value) == 3 and isinstance(value[0], str) and type(value[1]) is int
    return _tensor(value) if is_tensor else value


def _tensor(entry: list) -> dict[str, Any]:
    return {"class_name": "__keras_tensor__",
            "config": {"shape": None, "dtype": "float32", "keras_history": list(entry[:3])}}


def modern_training(training: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `compile` out of the attribute `training_config`.

    Example:
        >>> modern_training({"optimizer_config": {"class_name": "SGD", "config": {"lr": 0.1}}})["optimizer"]["config"]
        {'learning_rate': 0.1}
    """
    kinds = {"loss": "keras.losses", "loss_weights": None, "metrics": "keras.metrics",
             "weighted_metrics": "keras.metrics"}
    result = {name: _placed(training[name], kind) for name, kind in kinds.items() if training.get(name) is not None}
    optimizer = training.get("optimizer_config")
    if isinstance(optimizer, dict) and isinstance(optimizer.get("config"), dict):
        config = {_OLD_ARGUMENTS.get(name, name): value for name, value in optimizer["config"].items()
                  if name not in ("is_legacy_optimizer", "jit_compile")}
        result["optimizer"] = _placed({"class_name": optimizer["class_name"], "config": config}, "keras.optimizers")
    metrics = result.get("metrics")
    if isinstance(metrics, list) and len(metrics) == 1 and isinstance(metrics[0], list):
        # Keras 2 wrapped the metrics of a single output in a list of its own.
        result["metrics"] = metrics[0]
    return result


def _placed(item: Any, module: str | None) -> Any:
    """Old files name classes without their module, and some names are those of a loss and of a metric.

    Such a name may as well be that of a class of the user's, which goes first: it stands as the registered name.
    """
    if isinstance(item, list):
        return [_placed(part, module) for part in item]
    if not isinstance(item, dict):
        return item
    if "class_name" not in item:
        return {name: _placed(part, module) for name, part in item.items()}
    if item["class_name"] == "MeanMetricWrapper" and isinstance(item.get("config"), dict):
        # Keras 2's wrapper for a metric given by its name.
        return item["config"].get("fn", item["config"].get("name"))
    return {"module": module, "registered_name": item["class_name"], **item}


def legacy(description: Any) -> Any:
    """A description of Keras 3 with only those keys that `.h5` files have."""
    if isinstance(description, (list, tuple)):
        return [legacy(item) for item in description]
    if not isinstance(description, dict):
        return description
    if "class_name" in description and "config" in description and "inbound_nodes" not in description \
            and not str(description.get("module", "")).startswith(("keras.layers", "keras.models")) \
            and description.get("module") not in ("keras", "keras.src.models.functional"):
        return description
    kept = {key: value for key, value in description.items() if key in _LAYER_KEYS or "class_name" not in description}
    return {key: value if key == "inbound_nodes" else legacy(value) for key, value in kept.items()}
