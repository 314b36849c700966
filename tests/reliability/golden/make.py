"""Writes the golden files of this version: python -m tests.reliability.golden.make, once before each release.

They are kept for ever: every later version must read them.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

import striate
from striate import checkpoints
from striate.kernels import cpu

ENDINGS = (".keras", ".h5")
WEIGHTS = (".weights.h5", ".safetensors")


def model():
    """A small network whose weights are all different numbers."""
    striate.utils.clear_session()
    made = striate.Sequential([striate.Input((5, 5, 1)), striate.layers.Conv2D(2, 3, activation="relu"),
                               striate.layers.BatchNormalization(), striate.layers.Flatten(),
                               striate.layers.Dense(3, activation="softmax")], name="golden")
    made.compile("adam", "sparse_categorical_crossentropy")
    first = 0
    for variable in made.weights:
        count = int(np.prod(variable.shape))
        variable.assign((np.arange(first, first + count, dtype=np.float32) / 64 + 0.5).reshape(variable.shape))
        first += count
    return made


def images() -> np.ndarray:
    """What predictions are made for."""
    return (np.arange(100, dtype=np.float32) % 17 / 17).reshape(4, 5, 5, 1)


def trained_bits() -> str:
    """The sha256 of the weights after a training with dropout and shuffling."""
    striate.utils.set_random_seed(5)
    made = model()
    made.fit(np.tile(images(), (8, 1, 1, 1)), np.arange(32) % 3, batch_size=8, epochs=3, verbose=0)
    return hashlib.sha256(b"".join(array.tobytes() for array in made.get_weights())).hexdigest()


def processor() -> str:
    """What the bits of a training depend on besides the seed: vector lanes and the kind of processor."""
    host = cpu.host()
    return f"{host.lanes} lanes, {host.registers} registers"


def main() -> None:
    folder = Path(__file__).parent / striate.__version__
    folder.mkdir(exist_ok=True)
    made = model()
    for ending in ENDINGS:
        made.save(folder / f"m{ending}")
    for ending in WEIGHTS:
        made.save_weights(folder / f"w{ending}")
    checkpoints.save(folder / "state", 3, {"step": 3, "x": np.arange(5, dtype=np.float32), "best": float("inf")})
    facts = {"predictions": [[float(p) for p in row] for row in made.predict(images(), verbose=0)],
             "trained": {processor(): trained_bits()}}
    (folder / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
