"""Records what Keras makes of thirty random architectures, for the tests that always run.

    KERAS_BACKEND=jax python tests/differential/record.py

Written are recorded.npz and recorded.json beside this file; neither the tests nor striate need Keras then.
"""

import json
from pathlib import Path

import architectures
import keras
import numpy as np
import runs

HERE = Path(__file__).parent
SEEDS = range(30)


def main():
    """Runs the architectures and keeps outputs, losses and configurations."""
    numbers, descriptions = {}, []
    for seed in SEEDS:
        description = architectures.architecture(seed)
        found, model = runs.measure(keras, description)
        numbers.update({f"{seed}/{name}": np.asarray(value, "float32") for name, value in found.items()
                        if not name.startswith("weight")})
        descriptions.append(description | {"config": json.loads(model.to_json())})
    np.savez_compressed(HERE / "recorded.npz", **numbers)
    (HERE / "recorded.json").write_text(json.dumps(descriptions, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
