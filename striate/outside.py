"""Names of Keras' that striate does not have, with the reason, so that whoever asks for one is told at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

_RECURRENT = "recurrent networks are outside its subject, networks of images"
_WORDS = "models of texts are outside its subject, networks of images"
_BOXES = "its image layers change images and labels, not bounding boxes"
_TEXT = "tensors here hold numbers: map words to integers before"
_COMPLEX = "complex numbers do not exist here; functions of Fourier transforms take and give pairs of real tensors"
_SOUND = "sound is outside its subject, networks of images; keras.ops has stft and istft"
_BACKWARDS = "programs are differentiated backwards, op by op"
_QUANTIZED = "all arithmetic is float32"
_WRAPS = "it wraps another system"
_NOT_MADE = "it is not made yet"
_OTHER_WRITER = "it writes in another system's form; ModelCheckpoint and BackupAndRestore save"

_REASONS = {
    _RECURRENT: "Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GRUCell LSTM LSTMCell RNN SimpleRNN SimpleRNNCell "
                "StackedRNNCells CuDNNLSTM CuDNNGRU",
    _WORDS: "ReversibleEmbedding",
    _TEXT: "HashedCrossing Hashing IntegerLookup StringLookup TextVectorization text_dataset_from_directory",
    _COMPLEX: "eig polar view_as_complex view_as_real",
    _SOUND: "MelSpectrogram STFTSpectrogram STFT STFTInitializer stft",
    _BACKWARDS: "jvp",
    _QUANTIZED: "AWQDTypePolicy GPTQDTypePolicy Int4DTypePolicy QuantizedDTypePolicy QuantizedFloat8DTypePolicy",
    _WRAPS: "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
    _BOXES: "MaxNumBoundingBoxes",
    _NOT_MADE: "MultiOptimizer OptimizerMap",
    _OTHER_WRITER: "OrbaxCheckpoint",
}
REASONS = {name: reason for reason, names in _REASONS.items() for name in names.split()}


def missing(module: str, name: str) -> AttributeError:
    """The error for a name that a module does not have; with the reason when it is one of Keras'.

    Example:
        >>> print(missing("keras.layers", "LSTM"))
        keras.layers.LSTM is not part of striate: recurrent networks are outside its subject, networks of images.
    """
    if name in REASONS:
        return AttributeError(f"{module}.{name} is not part of striate: {REASONS[name]}.")
    return AttributeError(f"module '{module.replace('keras', 'striate', 1)}' has no attribute '{name}'")


def served(source: Any, module: str, names: Sequence[str]) -> tuple[Callable, Callable]:
    """`__getattr__` and `__dir__` of a module that has some names of another one, Keras' name of it being `module`."""
    def get(name: str) -> Any:
        if name in names:
            return getattr(source, name)
        raise missing(module, name)
    return get, lambda: list(names)
