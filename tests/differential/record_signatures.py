"""Records the public names of Keras and their arguments, and the classes that calls of its ops have in files.

    KERAS_BACKEND=jax python tests/differential/record_signatures.py

Written is recorded_signatures.json beside this file.
"""

import importlib
import inspect
import json
from pathlib import Path

import keras
import signatures


def operations():
    """{class: [module, arguments of its constructor, arguments of its call]}."""
    found = {}
    for module in ("numpy", "nn", "core", "math", "linalg", "image"):
        holder = importlib.import_module(f"keras.src.ops.{module}")
        for name, kind in vars(holder).items():
            if inspect.isclass(kind) and issubclass(kind, keras.Operation) and kind.__module__ == holder.__name__:
                arguments = [[n for n, _ in signatures.arguments(f)] for f in (kind.__init__, kind.call)]
                found[name] = [module, *arguments]
    return found


def main():
    """Lists every module."""
    found = {module: {name: {} for name in signatures.public("keras", module)} if module in signatures.WHOLE
             else signatures.public("keras", module) for module in signatures.MODULES}
    told = {"version": keras.__version__, "modules": found, "operations": operations()}
    text = json.dumps(told, indent=None, separators=(",", ":"))
    Path(__file__).with_name("recorded_signatures.json").write_text(text.replace('},"', '},\n"') + "\n")


if __name__ == "__main__":
    main()
