"""Warnings of set-ups that run and learn nothing, or the wrong thing: outputs and losses that do not go together."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from striate.models.node_graph import node_of
from striate.models.training.compile_loss import OutputLoss
from striate.models.training.loss_kinds import kind_of, option
from striate.models.training.outputs import Outputs

_LAYERS = {"Softmax": "softmax", "ReLU": "relu", "LeakyReLU": "leaky_relu", "PReLU": "leaky_relu", "ELU": "elu"}
"""Layers that are an activation function, with its name."""
_RANGES = {"sigmoid": (0, 1), "hard_sigmoid": (0, 1), "softmax": (0, 1), "tanh": (-1, 1), "hard_tanh": (-1, 1),
           "softsign": (-1, 1), "relu": (0, math.inf), "relu6": (0, 6), "softplus": (0, math.inf)}
"""Between which numbers the results of activation functions lie."""
_NO_PROBABILITIES = {"linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus",
                     "softsign", "tanh", "hard_tanh", "log_softmax"}


def warn_of_losses(outputs: Outputs, targets: list, losses: list[OutputLoss]) -> None:
    """Warns of outputs, targets and losses that do not go together."""
    for entry in losses:
        tensor, target = outputs.tensors[entry.index], targets[entry.index]
        kind, activation = kind_of(entry.loss), _activation(tensor)
        message = None
        if kind in ("sparse", "categorical", "binary"):
            message = _mismatch(kind, activation, tensor.shape[-1], bool(option(entry.loss, "from_logits")))
            message = message or _doubled(tensor, activation)
        elif kind == "distance" and target is not None and target.size:
            message = _out_of_reach(activation, target)
        if message:
            warnings.warn(f"Output {outputs.names[entry.index]!r} with the loss `{entry.loss.name}`: {message}",
                          stacklevel=6)


def _mismatch(kind: str, activation: str | None, units: int | None, from_logits: bool) -> str | None:
    if activation == "softmax" and units == 1:
        return ("softmax over one unit always gives 1. Use activation='sigmoid' with 'binary_crossentropy', or one "
                "unit for each class.")
    if kind != "binary" and units == 1:
        return ("with one unit this loss is the same whatever the weights are, so nothing is learned. For two classes "
                "and one unit use activation='sigmoid' with loss='binary_crossentropy'.")
    if from_logits and activation in ("softmax", "sigmoid"):
        return (f"from_logits=True expects numbers before the {activation}, but the last layer applies it. Leave out "
                "one of both.")
    if not from_logits and activation in _NO_PROBABILITIES:
        return (f"the loss expects probabilities, but the last layer's activation is {activation}. Use "
                f"activation='{'sigmoid' if kind == 'binary' else 'softmax'}', or a loss with from_logits=True.")
    if kind != "binary" and activation in ("sigmoid", "hard_sigmoid"):
        return (f"the loss expects probabilities that sum to 1, but {activation} gives every class one of its own. Use "
                "activation='softmax' for one class a sample, or loss='binary_crossentropy' for several.")
    return None


def _doubled(tensor: Any, activation: str | None) -> str | None:
    """What is wrong with a softmax of a softmax."""
    if activation != "softmax" or not any(_activation(before) == "softmax" for before in node_of(tensor).input_tensors):
        return None
    return ("softmax is applied twice, which leaves all probabilities nearly equal, so that little is learned. Leave "
            "out one of both.")


def _out_of_reach(activation: str | None, target: np.ndarray) -> str | None:
    """What is wrong with targets that the last layer cannot give."""
    least, most = _RANGES.get(activation or "", (-math.inf, math.inf))
    low, high = float(target.min()), float(target.max())
    if math.isnan(low) or least <= low and high <= most:    # What is no number is an error of its own.
        return None
    reach = f"between {least} and {most}" if most < math.inf else f"of at least {least}"
    return (f"`y` lies between {low:.4g} and {high:.4g}, but the last layer's activation {activation} gives numbers "
            f"{reach} only. Leave the activation out, or scale `y`.")


def _activation(tensor: Any) -> str | None:
    """The name of the activation function that the layer behind a tensor applies; None when it is not known."""
    layer = tensor.history[0] if getattr(tensor, "history", None) else None
    if type(layer).__name__ in _LAYERS:
        return _LAYERS[type(layer).__name__]
    activation = getattr(layer, "activation", None)
    return getattr(activation, "__name__", None) if activation is not None else None
