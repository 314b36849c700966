"""Layers: Keras' names over `striate.ops`."""

from striate.layers.base import Layer
from striate.layers.input import Input, InputLayer
from striate.layers.input_spec import InputSpec
from striate.layers.symbolic import KerasTensor

__all__ = ["Input", "InputLayer", "InputSpec", "KerasTensor", "Layer"]
