"""Records what Keras makes of the rows of `layer_cases.py`, for the tests that always run.

    KERAS_BACKEND=torch python tests/differential/record_layers.py

Written are recorded_layers.npz and recorded_layers.json beside this file.
"""

import json
from pathlib import Path

import keras
import layer_cases
import layer_runs
import numpy as np

HERE = Path(__file__).parent


def main():
    """Runs every row."""
    numbers, texts = {}, {}
    for row in layer_cases.ROWS:
        key = f"{row[0]}_{row[1]}"
        found, texts[key] = layer_runs.measure(keras, row)
        numbers.update({f"{key}/{name}": np.asarray(value, "float32") for name, value in found.items()})
    np.savez_compressed(HERE / "recorded_layers.npz", **numbers)
    (HERE / "recorded_layers.json").write_text(json.dumps(texts, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
