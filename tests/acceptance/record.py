"""Writes keras_steps.json anew: run `python -m tests.acceptance.record` where real Keras is (see real_keras.py)."""

import json
import sys
import tempfile
from pathlib import Path

from tests.acceptance.lessons import LESSONS
from tests.acceptance.real_keras import keras_steps, python_with_keras

RECORDED = Path(__file__).with_name("keras_steps.json")

if __name__ == "__main__":
    keras = python_with_keras()
    if keras is None:
        sys.exit("There is no Keras here: set STRIATE_KERAS_PYTHON to a Python that has it.")
    found = {}
    for name, lesson in LESSONS.items():
        with tempfile.TemporaryDirectory() as folder:
            found[name] = keras_steps(lesson, keras, Path(folder))
    RECORDED.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
