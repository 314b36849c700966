"""Models as estimators of scikit-learn, under Keras' names (`keras.wrappers`); they need the extra `scikit-learn`."""

from importlib import import_module

from striate.errors import ArgumentError

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


def __getattr__(name: str):
    """The estimators, which are loaded with scikit-learn when they are first used."""
    if name not in __all__:
        raise AttributeError(f"module 'striate.wrappers' has no attribute {name!r}")
    try:
        import sklearn  # noqa: F401 - only whether it is there
    except ImportError:
        raise ArgumentError(f"{name} needs scikit-learn: pip install 'striate[scikit-learn]'.") from None
    return getattr(import_module("striate.wrappers.estimators"), name)
