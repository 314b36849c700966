"""Records what Keras makes of `op_cases.py`: results, and gradients by all real inputs of a weighted sum of them.

    KERAS_BACKEND=torch python tests/differential/record_ops.py
    KERAS_BACKEND=numpy python tests/differential/record_ops.py NAME...

The first line runs every case and tells which ones this backend of Keras does not have; the second one runs some names
again, without gradients, and keeps the rest of what recorded_ops.npz beside this file holds. BY_NUMPY are those that
PyTorch does not have, or does otherwise than Keras' text says.
"""

import sys
from pathlib import Path

import keras
import numpy as np
import op_cases
import op_runs

BY_NUMPY = """imag nonzero cross vander argpartition histogram correlate where slice istft scatter_update
    image.affine_transform image.perspective_transform image.gaussian_blur""".split()
FILE = Path(__file__).parent / "recorded_ops.npz"


def total(function, inputs):
    """The weighted sum of all real results."""
    results = [y for y in op_runs.flat(function(keras.ops, *inputs)) if "float" in str(y.dtype)]
    weights = [keras.ops.convert_to_tensor(op_runs.factors(y, place)) for place, y in enumerate(results)]
    return sum(keras.ops.sum(y * weight) for y, weight in zip(results, weights, strict=True))


def gradients(function, inputs, real):
    """By each real input, by PyTorch."""
    tensors = [keras.ops.convert_to_tensor(x) for x in inputs]
    for place in real:
        tensors[place].requires_grad_(True)
    y = total(function, tensors)
    if y.requires_grad:
        y.backward()
    return [np.zeros_like(inputs[i]) if tensors[i].grad is None else tensors[i].grad.numpy() for i in real]


def measured(name, place, function, kinds):
    """The numbers of one case."""
    inputs = op_runs.inputs_of(name, place, kinds)
    results = op_runs.flat(function(keras.ops, *[keras.ops.convert_to_tensor(x) for x in inputs]))
    found = {f"{name}/{place}/y{index}": keras.ops.convert_to_numpy(y) for index, y in enumerate(results)}
    real = [i for i, x in enumerate(inputs) if x.dtype.kind == "f"]
    if keras.backend.backend() == "torch" and real and any("float" in str(y.dtype) for y in results):
        found |= {f"{name}/{place}/g{index}": g for index, g in enumerate(gradients(function, inputs, real))}
    return found


def main(names):
    """Runs the cases of these names, or all that PyTorch does well."""
    kept = dict(np.load(FILE)) if names else {}
    numbers = {key: value for key, value in kept.items() if key.rsplit("/", 2)[0] not in names}
    for name in names or [name for name in op_cases.CASES if name not in BY_NUMPY]:
        for place, (function, kinds) in enumerate(op_cases.CASES[name]):
            try:
                numbers |= measured(name, place, function, kinds)
            except Exception as error:
                print(f"{name}/{place}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
    np.savez_compressed(FILE, **numbers)


if __name__ == "__main__":
    main(sys.argv[1:])
