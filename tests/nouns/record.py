"""Runs every row of `cases.py` under Keras and keeps the results beside this file.

    KERAS_BACKEND=jax python tests/nouns/record.py [all]

Only rows that are not recorded yet run, unless "all" is said. The tests need only the two files that this writes, not
Keras.
"""

import json
import sys
from pathlib import Path

import jax.numpy
import keras
import numpy as np
import results

HERE = Path(__file__).parent


def main() -> None:
    """Writes keras_numbers.npz and keras_configs.json."""
    keras.tensor = jax.numpy.asarray
    numbers, configs = {}, {"keras": keras.__version__}
    if sys.argv[1:] != ["all"]:
        numbers.update(np.load(HERE / "keras_numbers.npz"))
        configs |= json.loads((HERE / "keras_configs.json").read_text())
    for key, function, row in results.rows():
        if key in configs:
            continue
        found, config = function(keras, *row)
        numbers.update({f"{key}/{name}": value for name, value in found.items()})
        configs[key] = config
    np.savez_compressed(HERE / "keras_numbers.npz", **numbers)
    text = json.dumps(configs, indent=0, sort_keys=True, default=lambda item: np.asarray(item).tolist())
    (HERE / "keras_configs.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
