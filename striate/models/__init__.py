"""Models: `Sequential`, functional and subclassed, with Keras' names."""

import striate
from striate.models.cloning import clone_model
from striate.models.functional import Functional
from striate.models.model import Model, model_from_json
from striate.models.sequential import Sequential
from striate.models.training.py_dataset import PyDataset
from striate.outside import missing

__all__ = ["Functional", "Model", "PyDataset", "Sequential", "clone_model", "load_model", "model_from_json",
           "save_model"]


def __getattr__(name: str):
    if name in ("load_model", "save_model"):
        return getattr(striate.saving, name)
    raise missing("keras.models", name)
