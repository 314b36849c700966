"""Trains networks written in Keras' words with striate and with Keras, by `fit`, and compares the times.

    STRIATE_PEERS=/path/to/python python -m benchmarks.other_networks --rounds 2

Every cell (framework, network) has a process of its own, in random order. All start from the same weights; a time
counts if the predictions before the training and the loss of the first step without dropout agree. A time is the median
over the rounds of the fastest of three runs of `fit` without output, per sample. What was measured is kept in
benchmarks/results/other.json and other.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import geometric_mean, median

from benchmarks.compare import RESULTS, peers_python
from benchmarks.keras_cell import BATCH, OWN
from benchmarks.keras_networks import NETWORKS
from striate.files import write_text

_AGREE = 2e-3
"""Largest difference of predictions and losses, relative to the largest prediction."""


def cell(framework: str, name: str, seconds: float) -> dict:
    """One measurement in a process of its own; {"error": words} if it fails."""
    command = [sys.executable if framework == OWN else peers_python(), "-m", "benchmarks.keras_cell", framework,
               name, str(seconds)]
    root = str(Path(__file__).parents[1])
    found = subprocess.run(command, capture_output=True, text=True, cwd=root,
                           env=os.environ | {"PYTHONPATH": root})
    if found.returncode:
        return {"error": found.stderr.strip().splitlines()[-1] if found.stderr.strip() else "no message"}
    return json.loads(found.stdout.splitlines()[-1])


def agree(own: dict, other: dict) -> bool:
    """Whether predictions and the first loss of two runs are the same up to rounding."""
    pairs = [(a, b) for row, others in zip(own["outputs"], other["outputs"], strict=True)
             for a, b in zip(row, others, strict=True)] + [(own["loss"], other["loss"])]
    size = max(1e-6, *(abs(a) for a, _ in pairs[:-1]))
    return all(abs(a - b) <= _AGREE * (size if place < len(pairs) - 1 else max(1.0, abs(a)))
               for place, (a, b) in enumerate(pairs))


def rows(results: dict) -> list[dict]:
    """A row a network: median times of each framework, and the ratio to the best of the others that agree."""
    found = []
    for name in [name for name in NETWORKS if any(network == name for _, network in results)]:
        runs = {framework: cells for (framework, network), cells in results.items() if network == name
                and all("error" not in each for each in cells)}
        own = runs.pop(OWN, None)
        row = {"network": name, "what": NETWORKS[name].__doc__}
        for direction in ("train_us", "predict_us"):
            times = {framework: median(each[direction] for each in cells) for framework, cells in runs.items()
                     if own and agree(own[0], cells[0])}
            mine = median(each[direction] for each in own) if own else None
            row |= {direction: {OWN: mine} | times,
                    direction.replace("_us", "_ratio"): min(times.values()) / mine if times and mine else None}
        found.append(row)
    return found


def page(result: dict) -> str:
    """The results as a page of Markdown."""
    others = result["frameworks"][1:]
    lines = ["# Benchmark: other networks", "", f"{result['when']}, {result['machine']}. Microseconds a sample in "
             f"batches of {BATCH}, by `fit` and `predict`; medians of {result['rounds']} round(s); Keras "
             f"{result['keras']}.", ""]
    for direction, words in (("train", "Training"), ("predict", "Prediction")):
        lines += [f"## {words}", "", "| network | what | striate | " + " | ".join(others) + " | striate is |",
                  "| " + " | ".join(["---"] * (len(others) + 4)) + " |"]
        for row in result["rows"]:
            times, ratio = row[f"{direction}_us"], row[f"{direction}_ratio"]
            shown = [f"{times[name]:.0f}" if times.get(name) else "-" for name in (OWN, *others)]
            verdict = "-" if ratio is None else f"**{ratio:.2f} times faster**" if ratio >= 1 else \
                f"{1 / ratio:.2f} times slower"
            lines.append(f"| {row['network']} | {row['what']} | " + " | ".join(shown) + f" | {verdict} |")
        ratios = [row[f"{direction}_ratio"] for row in result["rows"] if row[f"{direction}_ratio"]]
        lines += ["", f"Geometric mean **{geometric_mean(ratios):.2f}** over {len(ratios)} networks, lowest "
                  f"{min(ratios):.2f}." if ratios else "Nothing could be compared.", ""]
    lines += [f"- {place}: {words}" for place, words in result["errors"].items()]
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--frameworks", default=f"{OWN},tensorflow,jax")
    parser.add_argument("--networks", default=",".join(NETWORKS))
    asked = parser.parse_args()
    frameworks = asked.frameworks.split(",")
    cells = [(framework, name) for framework in frameworks for name in asked.networks.split(",")]
    results: dict = {place: [] for place in cells}
    for number in range(asked.rounds):
        random.Random(number).shuffle(cells)
        for framework, name in cells:
            found = cell(framework, name, asked.seconds)
            results[framework, name].append(found)
            shown = {key: round(value, 1) for key, value in found.items() if key.endswith("_us")} or found
            print(f"round {number + 1}  {framework:<10} {name:<20} {shown}", flush=True)
    version = subprocess.run([peers_python(), "-c", "import keras; print(keras.__version__)"], capture_output=True,
                             text=True, env=os.environ | {"KERAS_BACKEND": "jax"}).stdout.strip()
    errors = {f"{framework} {name}": each["error"] for (framework, name), found in results.items() for each in found
              if "error" in each}
    result = {"when": time.strftime("%Y-%m-%d %H:%M"), "machine": _machine(), "keras": version, "rounds": asked.rounds,
              "frameworks": frameworks, "rows": rows(results), "errors": errors}
    write_text(RESULTS / "other.json", json.dumps(result, indent=1) + "\n")
    write_text(RESULTS / "other.md", page(result))
    print(page(result))


def _machine() -> str:
    from striate.kernels.cpu import host

    return f"{os.cpu_count()} cores, vectors of {host().lanes} float32 numbers"


if __name__ == "__main__":
    main()
