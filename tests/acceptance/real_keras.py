"""Real Keras, which only tests use and only where it is installed: found and run in a process of its own.

The environment variable STRIATE_KERAS_PYTHON names a Python that has Keras (3 or newer) with the JAX, PyTorch or
TensorFlow backend; without it, Keras is looked for in the Python that runs the tests.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.acceptance.lessons import Lesson

ROOT = Path(__file__).resolve().parents[2]


def python_with_keras() -> str | None:
    """The Python to run real Keras in, or None."""
    named = os.environ.get("STRIATE_KERAS_PYTHON")
    if named:
        return named
    return sys.executable if importlib.util.find_spec("keras") else None


def keras_steps(lesson: Lesson, python: str, folder: Path) -> dict:
    """What real Keras comes to from the weights and images of a lesson."""
    from striate import losses, zoo

    model, (images, labels) = lesson.model(), lesson.data()
    task = {"model": json.loads(model.to_json()), "optimizer": lesson.optimizer,
            "loss": losses.serialize(zoo.recipe(lesson.network).make_loss())}
    Path(folder, "task.json").write_text(json.dumps(task), "utf-8")
    weights = {f"weight{index}": array for index, array in enumerate(model.get_weights())}
    np.savez(Path(folder, "arrays.npz"), images=images, labels=labels, **weights)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run([python, str(Path(__file__).with_name("keras_child.py")), str(ROOT), str(folder)],
                          capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"Real Keras could not train {lesson.network}:\n{done.stderr[-3000:]}")
    return json.loads(Path(folder, "result.json").read_text("utf-8"))
