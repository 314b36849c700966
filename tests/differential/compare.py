"""Compares what striate and Keras made of the same architectures; also a program for long runs.

    STRIATE_KERAS_PYTHON=/path/to/python python tests/differential/compare.py 0-199 514

runs the architectures of the seeds 0 to 199 and 514 with both and prints those that differ. Keras runs in a process of
its own, under the Python that STRIATE_KERAS_PYTHON names. The backend is jax unless KERAS_BACKEND says otherwise;
torch is faster.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import architectures
import numpy as np
import runs

import striate

HERE = Path(__file__).parent
BOUND = 2e-4
"""Largest difference, relative to the largest number of a tensor: three steps of training in float32 lie between."""
NEWER = {"quantization_config", "renorm", "renorm_clipping", "renorm_momentum", "rms_scaling", "input_axes",
         "output_axes", "compile_config", "keras_version"}
"""Settings of newer Keras that striate leaves out at their defaults, and shapes that not every layer writes."""
EMPTY = (("activity_regularizer", None), ("mask", None))
"""Settings that only one of the two writes when they are empty."""


def run_keras(folder: Path) -> None:
    """Runs the folder's architectures under Keras."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment.setdefault("KERAS_BACKEND", "jax")
    command = [os.environ["STRIATE_KERAS_PYTHON"], str(HERE / "keras_side.py"), str(folder)]
    while subprocess.run(command, env=environment, stderr=subprocess.DEVNULL).returncode:
        seeds = [row["seed"] for row in json.loads((folder / "architectures.json").read_text())]
        crashed = next(seed for seed in seeds if not list(folder.glob(f"keras_{seed}.json"))
                       and not (folder / f"keras_{seed}.txt").exists())
        (folder / f"keras_{crashed}.txt").write_text("Keras' process died; try another backend.")


def differences(found: dict, expected: dict) -> list[str]:
    """What differs between two results of `runs.measure`."""
    wrong = []
    for name, value in found.items():
        other = expected[name]
        if value.shape != other.shape:
            wrong.append(f"{name}: shape {value.shape} instead of {other.shape}")
        elif value.size and not np.abs(value - other).max() <= BOUND * (np.abs(other).max() + 1e-2):
            wrong.append(f"{name}: off by {np.abs(value - other).max():.2g} of {np.abs(other).max():.2g}")
    return wrong


def plain(config):
    """A configuration without what is left out on purpose."""
    if isinstance(config, dict):
        return {key: plain(value) for key, value in config.items()
                if key not in NEWER and (value is not None or (key, value) not in EMPTY)}
    return [plain(item) for item in config] if isinstance(config, list) else config


def first_difference(found, expected, path="") -> str | None:
    """Where two configurations differ first."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted(found.keys() | expected.keys()):
            below = first_difference(found.get(key, "missing"), expected.get(key, "missing"), f"{path}/{key}")
            if below:
                return below
        return None
    if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        return next(filter(None, (first_difference(a, b, f"{path}/{index}")
                                  for index, (a, b) in enumerate(zip(found, expected, strict=True)))), None)
    rounded = isinstance(found, float) and isinstance(expected, float) and abs(found - expected) <= 1e-6 * abs(expected)
    return None if rounded or found == expected else f"{path}: {found} instead of {expected}"


def check(description: dict, found: dict, model, folder: Path) -> list[str]:
    """Every difference between striate's results and those that Keras left in the folder."""
    seed = description["seed"]
    failure = folder / f"keras_{seed}.txt"
    if failure.exists():
        return [f"Keras fails: {failure.read_text().strip().splitlines()[-1]}"]
    expected = dict(np.load(folder / f"keras_{seed}.npz"))
    wrong = differences(found, expected)
    wrong += [f"Keras reads striate's file: {text}"
              for text in differences({"from_striate": found["after"]}, expected)]
    if expected["step_from_striate"] != runs.STEPS:
        wrong.append(f"Keras reads {expected['step_from_striate']} steps in striate's file")
    loaded = striate.saving.load_model(folder / f"keras_{seed}.keras")
    again = np.asarray(loaded.predict_on_batch(runs.data(description)[0]))
    wrong += [f"striate reads Keras' file: {text}" for text in differences({"after": again}, expected)]
    configs = [json.loads(text) for text in (model.to_json(), (folder / f"keras_{seed}.json").read_text())]
    place = first_difference(*map(plain, configs))
    return wrong + ([f"configuration{place}"] if place else [])


def seeds_of(words: list[str]) -> list[int]:
    """Seeds as the command line gives them: numbers, and ranges with both ends.

    Example:
        >>> seeds_of(["3", "7-9"])
        [3, 7, 8, 9]
    """
    ends = [word.partition("-") for word in words]
    return [seed for first, _, last in ends for seed in range(int(first), int(last or first) + 1)]


def main(seeds: Iterable[int]) -> int:
    """Runs the architectures of seeds; gives the number of those that differ."""
    descriptions, results, bad = [architectures.architecture(seed) for seed in seeds], {}, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "architectures.json").write_text(json.dumps(descriptions))
        for description in descriptions:
            seed = description["seed"]
            try:
                results[seed] = runs.measure(striate, description, folder / f"striate_{seed}.keras")
            except Exception as error:
                bad += 1
                print(f"{seed}: striate fails: {error}", flush=True)
        run_keras(folder)
        for description in descriptions:
            if description["seed"] in results:
                wrong = check(description, *results[description["seed"]], folder)
                bad += bool(wrong)
                for text in wrong:
                    steps = [step.get("layer", step.get("function")) for step in description["steps"]]
                    print(f"{description['seed']}: {text} {steps} {description['optimizer'][0]}", flush=True)
    print(f"{len(descriptions)} architectures, {bad} differ")
    return bad


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(bool(main(seeds_of(sys.argv[1:]))))
