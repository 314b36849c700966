"""Compares what striate and Keras made of the same architectures; also a program for long runs.

    STRIATE_KERAS_PYTHON=/path/to/python python tests/differential/compare.py 0-199 514

runs the architectures of the seeds 0 to 199 and 514 with both and prints those that differ. Keras runs in a process of
its own, under the Python that STRIATE_KERAS_PYTHON names. The backend is jax unless KERAS_BACKEND says otherwise;
torch is faster.

Where the two differ in a number, Keras computes the architecture again over jax in float64, and striate is right where
it lies within the same bound of that. A kernel of Keras' can be the one that is off: PyTorch's layer normalisation
subtracts large numbers from each other that cancel in exact arithmetic, so that over a single channel, whose gradient
is 0, it moves weights by the rounding errors of a gradient that may be of any size (seed 706).
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
TRUTH = {"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1"}
"""Where Keras computes in float64: PyTorch's gradients of some convolutions fail in it."""
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


def run_truth(folder: Path, seed: int) -> None:
    """Has Keras compute an architecture of the folder in float64; where it cannot, there is no `truth_<seed>.npz`."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | TRUTH
    command = [os.environ["STRIATE_KERAS_PYTHON"], str(HERE / "keras_side.py"), str(folder), str(seed)]
    subprocess.run(command, env=environment, stderr=subprocess.DEVNULL)


def difference(value: np.ndarray, other: np.ndarray) -> str | None:
    """How two tensors differ, if they do. Infinities agree where both are infinite with one sign; NaN never agrees."""
    if value.shape != other.shape:
        return f"shape {value.shape} instead of {other.shape}"
    finite = np.isfinite(other)
    largest = np.abs(other[finite]).max() if finite.any() else 0.0
    with np.errstate(invalid="ignore"):
        off = np.where(value == other, 0, np.abs(value - other))
    close = not off.size or off.max() <= BOUND * (largest + 1e-2)
    return None if close else f"off by {off.max():.2g} of {largest:.2g}"


def differences(found: dict, expected: dict) -> list[str]:
    """What differs between two results of `runs.measure`."""
    texts = {name: difference(value, expected[name]) for name, value in found.items()}
    return [f"{name}: {text}" for name, text in texts.items() if text]


def judged(found: dict, expected: dict, truth: dict) -> tuple[list[str], list[str]]:
    """(differences that count, those where `truth` agrees with what was found). `truth`: the result in float64, or {}.

    What float64 holds and float32 does not, a number above 3.4e38, is infinite in float32.
    """
    wrong, excused = [], []
    for name, value in found.items():
        if text := difference(value, expected[name]):
            with np.errstate(over="ignore"):
                exact = truth[name].astype(np.float32) if name in truth else None
            right = exact is not None and difference(value, exact) is None
            (excused if right else wrong).append(f"{name}: {text}")
    return wrong, excused


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


def comparisons(description: dict, found: dict, folder: Path) -> list[tuple[str, dict, dict, dict]]:
    """What is compared: (heading, striate's numbers, Keras', those in float64 or {}), for the folder as it is now."""
    seed = description["seed"]
    expected, truth = ({**np.load(path)} if path.exists() else {}
                       for path in (folder / f"keras_{seed}.npz", folder / f"truth_{seed}.npz"))
    loaded = striate.saving.load_model(folder / f"keras_{seed}.keras")
    again = np.asarray(loaded.predict_on_batch(runs.data(description)[0]))
    return [("", found, expected, truth),
            ("Keras reads striate's file: ", {"from_striate": found["after"]}, expected, truth),
            ("striate reads Keras' file: ", {"from_keras": again}, {"from_keras": expected["after"]}, truth)]


def check(description: dict, found: dict, model, folder: Path) -> list[str]:
    """Every difference between striate's results and those that Keras left in the folder."""
    seed, wrong = description["seed"], []
    failure = folder / f"keras_{seed}.txt"
    if failure.exists():
        return [f"Keras fails: {failure.read_text().strip().splitlines()[-1]}"]
    if any(differences(ours, theirs) for _, ours, theirs, _ in comparisons(description, found, folder)):
        run_truth(folder, seed)
    for heading, ours, theirs, truth in comparisons(description, found, folder):
        count, excused = judged(ours, theirs, truth)
        wrong += [heading + text for text in count]
        for text in excused:
            print(f"{seed}: {heading}{text}: float64 agrees with striate", flush=True)
    step = np.load(folder / f"keras_{seed}.npz")["step_from_striate"]
    if step != runs.STEPS:
        wrong.append(f"Keras reads {step} steps in striate's file")
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
