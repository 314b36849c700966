"""Loads damaged copies of a good file, thousands of them, in a process of its own: python damage.py FILE.

The input is a JSON list of damages [what, place, value], the output how many loaded as the right thing, how many were
refused, and which did anything else.

    ["flip", byte, bit]    ["cut", length, 0]    ["extend", byte, count]    ["fill", byte, count]
"""

import functools
import json
import os
import resource
import sys
import tempfile

import numpy as np

MEMORY = 3 << 30


def damaged(content: bytes, what: str, place: int, value: int) -> bytes:
    """The content after one damage."""
    changed = bytearray(content)
    if what == "flip":
        changed[place] ^= 1 << value
    elif what == "cut":
        del changed[place:]
    elif what == "extend":
        changed[place:place] = bytes((7 * i + place) % 256 for i in range(value))
    elif what == "fill":
        changed[place:place + value] = bytes(min(value, len(changed) - place))
    else:
        raise ValueError(what)
    return bytes(changed)


def model():
    """What the good files were made of; the numbers of the weights are all different."""
    import striate as keras

    keras.utils.clear_session()
    made = keras.Sequential([keras.Input((5, 5, 1)), keras.layers.Conv2D(2, 3), keras.layers.BatchNormalization(),
                             keras.layers.Flatten(), keras.layers.Dense(3)], name="m")
    made.compile("adam", "mse")
    first = 0
    for variable in made.weights:
        count = int(np.prod(variable.shape))
        variable.assign((np.arange(first, first + count, dtype=np.float32) / 8 + 1).reshape(variable.shape))
        first += count
    return made


@functools.cache
def blank():
    """A network like the good one, whose weights are to be loaded."""
    return model()


def facts(of) -> str:
    """Everything that loading must get right, as a text."""
    from striate.saving.description import described

    description = described(of)
    return json.dumps([description["config"], [array.tolist() for array in of.get_weights()]], default=str)


def memory() -> str | None:
    """A folder in memory, if there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def load(name: str) -> str:
    """What a file of this ending holds, as text."""
    from striate.saving import api, load_model

    if name.endswith((".keras", "whole.h5")):
        return facts(load_model(name))
    if name.endswith((".h5", ".safetensors")):
        made = blank()
        made.set_weights([array * 0 for array in made.get_weights()])
        made.load_weights(name)
        return facts(made)
    if name.endswith(".npz"):
        from striate.datasets.tables import load_npz

        with tempfile.NamedTemporaryFile(suffix=".npz", dir=memory()) as file:
            file.write(api.read_file(name))
            file.flush()
            parts = load_npz(file.name).parts
        return json.dumps([[part, x.tolist(), y.tolist()] for part, (x, y) in parts.items()])
    raise ValueError(name)


def try_all(name: str, damages: list) -> dict:
    """Loads the file once for each damage; nothing is written, the loader's own reading of files is handed bytes."""
    from striate.errors import DataError, ModelFileError
    from striate.saving import api

    with open(name, "rb") as file:
        good = file.read()
    expected = load(name)
    found: dict = {"right": 0, "refused": 0, "bad": []}
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for number, damage in enumerate(damages):
        print(number, file=sys.stderr, flush=True)  # if the process dies, the last number says at which damage
        api.read_file = lambda path, damage=damage: damaged(good, *damage)
        try:
            outcome = "right" if load(name) == expected else "wrong and silent"
        except (ModelFileError, DataError) as error:
            outcome = "refused" if len(str(error)) > 20 else "refused without a reason"
        except Exception as error:  # noqa: BLE001 - every other error is what the test looks for
            outcome = f"{type(error).__name__}: {str(error)[:200]}"
        if outcome in found:
            found[outcome] += 1
        else:
            found["bad"].append([damage, outcome])
    return found


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    print(json.dumps(try_all(sys.argv[1], json.load(sys.stdin))))
