"""Compares striate with other frameworks, network by network.

    python -m benchmarks.compare --set lectures --batches 32,128 --rounds 5 --name lectures

One fresh process a cell (framework, network, batch size, threads); in every round each cell once, in random order, so
that no framework always runs on a warm or a tired machine. The machine's peak and copy bandwidth are measured before
and after each round, and how busy other programs keep the processors during each cell. All raw numbers go to
benchmarks/results/NAME.json; NAME.md and NAME.svg are made from it (`striate bench report` makes them again).

The peers live in a virtual environment of their own (`make bench-peers`; STRIATE_PEERS names another interpreter).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.frameworks import FRAMEWORKS
from benchmarks.sets import NETWORKS, SETS
from striate.bench import machine, report
from striate.cli.machine import environment
from striate.files import write_text

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
LONGEST_CELL = 600
PEERS_VARIABLE = "STRIATE_PEERS"


def peers_python() -> str:
    """The interpreter that has the other frameworks.

    Raises:
        SystemExit: there is none yet.
    """
    found = os.environ.get(PEERS_VARIABLE) or str(ROOT / "benchmarks" / ".peers" / "bin" / "python")
    if not Path(found).exists():
        raise SystemExit(f"There is no interpreter with the other frameworks. Make one with `make bench-peers`, or "
                         f"name one in {PEERS_VARIABLE}. Received: {PEERS_VARIABLE}={found}")
    return found


def run_cell(cell: dict) -> dict:
    """The results of one cell, measured in a fresh process; {"error": ...} if it fails."""
    python = sys.executable if cell["framework"] == "striate" else peers_python()
    before, started = machine.load(), time.perf_counter()
    try:
        done = subprocess.run([python, "-m", "benchmarks.cell"], input=json.dumps(cell), text=True,
                              capture_output=True, timeout=LONGEST_CELL, cwd=ROOT)
    except subprocess.TimeoutExpired:
        return {"error": f"no result after {LONGEST_CELL} s"}
    if done.returncode:
        return {"error": _said(done.stderr) or f"exit code {done.returncode}"}
    seconds = time.perf_counter() - started
    return json.loads(done.stdout.splitlines()[-1]) | {
        "foreign": machine.load().foreign_since(before, seconds), "process_s": seconds}


def _said(text: str) -> str:
    """The line of a traceback that names the error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line.split(" ")[0]), lines[-1] if lines else "")[:300]


def state_of_machine() -> dict:
    """Peak, bandwidth and load now. An idle pool of this process is not in the way of the cells: it sleeps."""
    return asdict(machine.measure_peak()) | {"load_average": machine.load_average()}


def compare(result: dict, cells: list[dict], rounds: int, seed: int, save) -> None:
    """Runs all cells `rounds` times and adds what they give to `result`, which is saved after every cell."""
    order = random.Random(seed)
    table = {json.dumps(cell, sort_keys=True): {**cell, "runs": []} for cell in cells}
    result["cells"] = list(table.values())
    for number in range(rounds):
        this_round = {"before": state_of_machine()}
        result["rounds"].append(this_round)
        shuffled = order.sample(cells, len(cells))
        for index, cell in enumerate(shuffled):
            row = table[json.dumps(cell, sort_keys=True)]
            if "error" in row:
                continue
            found = run_cell(cell | {"gate": number == 0})
            _tell(number, f"{index + 1}/{len(cells)}", cell, found)
            if "error" in found:
                row["error"] = found["error"]
            else:
                row["runs"].append(found | {"round": number})
            save(result)
        this_round["after"] = state_of_machine()
        save(result)


def _tell(number: int, place: str, cell: dict, found: dict) -> None:
    times = {name: round(found[name]["median"], 1) for name in ("train_us", "predict_us") if name in found}
    name = cell["network"] if isinstance(cell["network"], str) else "random"
    print(f"round {number + 1} {place:>7}  {cell['framework']:15s} {name:10s} batch {cell['batch']:<4d} "
          f"threads {cell['threads'] or 'all'}  {found.get('error') or times}  "
          f"foreign {found.get('foreign') or 0:.2f}", flush=True)


def save_to(name: str):
    """A function that writes a result as JSON, table and plot."""
    def save(result: dict) -> None:
        RESULTS.mkdir(exist_ok=True)
        write_text(RESULTS / f"{name}.json", json.dumps(result, indent=1) + "\n")
        report.write(result, RESULTS, name)
    return save


def _numbers(text: str) -> list[int]:
    return [int(item) for item in text.split(",")]


def _names(text: str) -> list[str]:
    return [item for item in text.split(",") if item]


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__.splitlines()[0])
    parser.add_argument("--set", choices=SETS, default="lectures", help="which networks")
    parser.add_argument("--networks", type=_names, help=f"single ones instead: {','.join(NETWORKS)}")
    parser.add_argument("--frameworks", type=_names, default=["striate", "tensorflow", "torch"],
                        help=f"of {','.join(FRAMEWORKS)}")
    parser.add_argument("--batches", type=_numbers, default=[32, 128], help="batch sizes")
    parser.add_argument("--threads", type=_numbers, default=[0], help="numbers of threads; 0 is all")
    parser.add_argument("--directions", type=_names, default=["train", "predict"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each direction of a cell")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the cells")
    parser.add_argument("--name", default="comparison", help="of the files in benchmarks/results")
    return parser.parse_args(words)


def main() -> None:
    """Runs the comparison that the command line asks for."""
    asked = arguments()
    cells = [dict(framework=framework, network=network, batch=batch, threads=threads, seconds=asked.seconds,
                  directions=asked.directions)
             for network in asked.networks or SETS[asked.set] for batch in asked.batches
             for threads in asked.threads for framework in asked.frameworks]
    result = {"name": asked.name, "started": time.strftime("%Y-%m-%d %H:%M:%S"), "options": vars(asked),
              "machine": environment(), "rounds": [], "cells": []}
    save = save_to(asked.name)
    compare(result, cells, asked.rounds, asked.seed, save)
    print((RESULTS / f"{asked.name}.md").read_text("utf-8"))


if __name__ == "__main__":
    main()
