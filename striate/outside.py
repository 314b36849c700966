"""Names of Keras' that striate does not have, with the reason, so that whoever asks for one is told at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

_HERE = os.path.dirname(__file__) + os.sep

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
_TABLES = "tables and texts are outside its subject, networks of images"
_ZIP = "a .keras file is a zip of JSON and HDF5, which `striate summary` shows"
_ONNX = "model.export writes ONNX"
_DEVICES = "it computes on one kind of processor; striate.parallel trains in several processes"
_SYSTEMS = "it chooses between other systems"
_LENGTH = "fit's own arguments say how long a training is"
_INSIDE = "it belongs to Keras' inside; here a model is a program that striate.engine traces"
_MEMORY = "memory is planned before a program runs"
_OLD_FILES = "models saved by older Keras are read by load_model"
_FIGURES = "figures are in striate.see"
_DISTILLED = "a train_step of some twenty lines does it"
_RUNNER = ("it comes with `striate run` and striate.install_shim(); new code finds load_img, pad_sequences and "
           "the others in keras.utils")

_REASONS = {
    _RECURRENT: "Bidirectional ConvLSTM1D ConvLSTM2D ConvLSTM3D GRU GRUCell LSTM LSTMCell RNN SimpleRNN SimpleRNNCell "
                "StackedRNNCells CuDNNLSTM CuDNNGRU",
    _WORDS: "ReversibleEmbedding",
    _TEXT: "HashedCrossing Hashing IntegerLookup StringLookup TextVectorization text_dataset_from_directory",
    _COMPLEX: "eig polar view_as_complex view_as_real",
    _SOUND: "MelSpectrogram STFTSpectrogram STFT STFTInitializer stft",
    _BACKWARDS: "jvp",
    _WRAPS: "FlaxLayer JaxLayer TFSMLayer TorchModuleWrapper",
    _BOXES: "MaxNumBoundingBoxes bounding_boxes",
    _QUANTIZED: "AWQDTypePolicy GPTQDTypePolicy Int4DTypePolicy QuantizedDTypePolicy QuantizedFloat8DTypePolicy "
                "DTypePolicyMap quantizers Quantizer quantize",
    _TABLES: "Config FeatureSpace boston_housing california_housing imdb reuters",
    _ZIP: "KerasFileEditor",
    _ONNX: "export",
    _DEVICES: "distribution",
    _SYSTEMS: "disable_flash_attention enable_flash_attention is_flash_attention_enabled is_nnx_enabled set_backend",
    _LENGTH: "max_epochs max_steps_per_epoch set_max_epochs set_max_steps_per_epoch",
    _INSIDE: "Function Operation StatelessScope SymbolicScope src",
    _MEMORY: "remat RematScope",
    _OLD_FILES: "legacy",
    _FIGURES: "visualization",
    _RUNNER: "preprocessing",
    _DISTILLED: "distillation",
    _NOT_MADE: "MultiOptimizer OptimizerMap ConvNeXtBase ConvNeXtLarge ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge "
               "convnext EfficientNetV2B0 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2L "
               "EfficientNetV2M EfficientNetV2S efficientnet_v2 InceptionResNetV2 inception_resnet_v2 NASNetLarge "
               "NASNetMobile nasnet",
    _OTHER_WRITER: "OrbaxCheckpoint",
}
REASONS = {name: reason for reason, names in _REASONS.items() for name in names.split()}


def _is_imported() -> bool:
    """Whether the code that asks for a name, the nearest outside of striate, says `from module import name`.

    Python swallows an AttributeError then, and with it the reason.
    """
    import dis

    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return frame is not None and dis.opname[frame.f_code.co_code[frame.f_lasti]] == "IMPORT_FROM"


def missing(module: str, name: str) -> AttributeError | ImportError:
    """The error for a name that a module does not have; with the reason when it is one of Keras'.

    Example:
        >>> print(missing("keras.layers", "LSTM"))
        keras.layers.LSTM is not part of striate: recurrent networks are outside its subject, networks of images.
    """
    if name in REASONS:
        kind = ImportError if _is_imported() else AttributeError
        return kind(f"{module}.{name} is not part of striate: {REASONS[name]}.")
    return AttributeError(f"module '{module.replace('keras', 'striate', 1)}' has no attribute '{name}'")


def refusing(module: str) -> Callable[[str], Any]:
    """`__getattr__` of a module that has all its names at once: what it lacks is refused with the reason."""
    def get(name: str) -> Any:
        raise missing(module, name)
    return get


def served(source: Any, module: str, names: Sequence[str]) -> tuple[Callable, Callable]:
    """`__getattr__` and `__dir__` of a module that has some names of another one, Keras' name of it being `module`."""
    def get(name: str) -> Any:
        if name in names:
            return getattr(source, name)
        raise missing(module, name)
    return get, lambda: list(names)
