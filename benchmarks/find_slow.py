"""Looks for networks that striate trains more slowly than the best of the other frameworks.

    python -m benchmarks.find_slow --seconds 600 --seed 1

Random networks (`random_networks`) are timed once in each framework. Those near or below the wanted ratio are timed
again, so that a disturbance is not taken for a find. What was found is printed, the worst first, and kept in
benchmarks/results/slow-SEED.json with a description of each network that `benchmarks.cell` takes.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median

from benchmarks.compare import RESULTS, run_cell
from benchmarks.random_networks import networks
from striate.bench.results import OWN, Row, disagreements, time_of
from striate.files import write_text

CHECKS = 2
"""Further rounds for a network that looks slow."""


def examine(network, batch: int, asked: argparse.Namespace) -> dict:
    """Times one network: {"network", "batch", "cells", "ratio"}; the ratio is None if nothing could be compared."""
    cells = [{"framework": name, "network": network.described(), "batch": batch, "runs": [],
              "directions": [asked.direction]} for name in (OWN, *asked.peers)]
    ratio = None
    for number in range(1 + CHECKS):
        for cell in cells:
            found = run_cell({key: value for key, value in cell.items() if key not in ("runs", "error")}
                             | {"seconds": asked.cell_seconds, "gate": number == 0})
            if "error" in found:
                cell["error"] = found["error"]
            else:
                cell["runs"].append(found)
        ratio = _ratio(cells, asked.direction)
        if ratio is None or ratio >= asked.wanted:
            break
    notes = disagreements(cells, asked.direction) | {c["framework"]: c["error"] for c in cells if "error" in c}
    return {"network": network.described(), "batch": batch, "ratio": ratio, "notes": notes,
            "times": {cell["framework"]: median(run[f"{asked.direction}_us"]["median"] for run in cell["runs"])
                      for cell in cells if cell["runs"]}}


def _ratio(cells, direction: str) -> float | None:
    notes = disagreements(cells, direction)
    times = {cell["framework"]: time for cell in cells if "error" not in cell and cell["framework"] not in notes
             and (time := time_of(cell["runs"], f"{direction}_us"))}
    return Row("random", 0, 0, times).ratio


def described(network: dict) -> str:
    """A network in one line.

    Example:
        >>> described({"input_shape": [4, 4, 1], "optimizer": "sgd", "steps": [{"kind": "dense", "units": 2}]})
        '4x4x1: dense 2'
    """
    return "x".join(map(str, network["input_shape"])) + ": " + _steps(network["steps"])


def _steps(steps) -> str:
    words = []
    for step in steps:
        if step["kind"] == "merge":
            words.append(f"{step['mode']}[" + " | ".join(_steps(branch) for branch in step["branches"]) + "]")
        else:
            size = f" {step['size']}" if "size" in step else ""
            strides = f"/{step['strides']}" if step.get("strides", 1) != 1 else ""
            words.append(f"{step['kind']}{size}{strides} {step.get('filters') or step.get('units') or ''}".strip())
    return ", ".join(words)


def main() -> None:
    """Searches for as long as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.find_slow", description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600, help="how long to search")
    parser.add_argument("--seed", type=int, default=0, help="which random networks")
    parser.add_argument("--cell-seconds", type=float, default=0.5, help="for each time")
    parser.add_argument("--wanted", type=float, default=1.3, help="ratio from which a network is fast enough")
    parser.add_argument("--direction", choices=("train", "predict"), default="train")
    parser.add_argument("--peers", type=lambda text: text.split(","), default=["torch", "tensorflow"])
    asked = parser.parse_args()
    end, found = time.monotonic() + asked.seconds, []
    file = Path(RESULTS) / f"slow-{asked.seed}.json"
    for network, batch in networks(asked.seed):
        if time.monotonic() > end:
            break
        result = examine(network, batch, asked)
        found.append(result)
        print(f"{result['ratio'] or float('nan'):6.2f}  batch {batch:<4d} {described(network.described())}"
              + (f"  {result['notes']}" if result["notes"] else ""), flush=True)
        # A network that striate cannot train at all comes before everything else.
        found.sort(key=lambda each: each["ratio"] or 0.0)
        write_text(file, json.dumps({"options": vars(asked), "networks": found}, indent=1) + "\n")
    slow = [each for each in found if each["ratio"] is None or each["ratio"] < asked.wanted]
    print(f"\n{len(slow)} of {len(found)} networks are not {asked.wanted} times faster than the best other; "
          f"all are in {file}")


if __name__ == "__main__":
    main()
