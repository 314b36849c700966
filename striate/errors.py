"""Every error that striate raises on purpose, and the one helper that formats what was received.

House form of a message: what is wrong, what was expected, what was received, how to mend it.
"""

import reprlib

_short = reprlib.Repr()
_short.maxstring = _short.maxother = 120


class StriateError(Exception):
    """Base of all errors that striate raises on purpose."""


class ArgumentError(StriateError, ValueError):
    """An argument has a value that cannot work."""


class TypeMismatchError(StriateError, TypeError):
    """An argument has a type that cannot work."""


class DescriptionError(ArgumentError, TypeMismatchError):
    """A description names nothing that is known, or a class that does not take the arguments in it."""


class ShapeError(ArgumentError):
    """Shapes do not fit together."""


class GraphError(StriateError):
    """A graph or a plan breaks its own rules: a defect of striate, not of the user's code."""


class DataError(ArgumentError):
    """Data given for training, evaluation or prediction cannot be used."""


class MissingDataError(DataError, FileNotFoundError):
    """There is no picture or folder of this name."""


class ModelFileError(StriateError, ValueError):
    """A model file is damaged, hostile or of a kind that striate does not read."""


class MissingFileError(ModelFileError, FileNotFoundError):
    """There is no file of this name."""


class ModelDescriptionError(DescriptionError, ModelFileError):
    """The description in a model file names such a class: `custom_objects` may be missing."""


class FileError(StriateError, OSError):
    """A file could not be written; what was there before is unharmed."""


class DownloadError(StriateError, OSError):
    """A data set could not be fetched or is not what it should be."""


class NonFiniteError(StriateError, ArithmeticError):
    """A NaN or an infinity arose during training."""


def received(**values) -> str:
    """The tail of a message: "Received: a=1, b=(2, 3)", each value shortened.

    Example:
        >>> received(strides=(2, 0))
        'Received: strides=(2, 0)'
    """
    return "Received: " + ", ".join(f"{name}={_short.repr(value)}" for name, value in values.items())
