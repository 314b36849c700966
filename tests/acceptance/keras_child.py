"""Run by a Python that has real Keras: the same twenty steps. Arguments: this repository, a folder with the task.

    python keras_child.py REPOSITORY FOLDER      reads FOLDER/task.json, FOLDER/arrays.npz; writes FOLDER/result.json
"""

import importlib.util
import json
import os
import sys
from pathlib import Path


def backend() -> str:
    """A backend of Keras that is installed."""
    return next(name for name in ("jax", "torch", "tensorflow") if importlib.util.find_spec(name))


def main(repository: str, folder: str) -> None:
    """Builds the model from its configuration, gives it the weights, trains and writes the result."""
    os.environ.setdefault("KERAS_BACKEND", backend())
    sys.path.insert(0, repository)
    import keras
    import numpy as np

    from tests.acceptance.lessons import train

    task = json.loads(Path(folder, "task.json").read_text("utf-8"))
    arrays = np.load(Path(folder, "arrays.npz"))
    model = keras.models.model_from_json(json.dumps(task["model"]))
    model.set_weights([arrays[f"weight{index}"] for index in range(len(model.get_weights()))])
    model.compile(optimizer=keras.optimizers.deserialize(task["optimizer"]),
                  loss=keras.losses.deserialize(task["loss"]), metrics=["accuracy"])
    result = train(model, arrays["images"], arrays["labels"])
    result["made by"] = f"Keras {keras.version()}, {keras.backend.backend()}"
    Path(folder, "result.json").write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
