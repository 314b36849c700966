"""How long each notebook runs, from its first cell to its last, offline.

    python -m benchmarks.notebooks                 all of them, while the machine is quiet
    python -m benchmarks.notebooks uva --cold      one, with no kernel compiled before, as on a new computer

Each runs in a kernel process of its own, in an empty folder, and is refused the internet. What is measured again
replaces its entry in the stored results, so the table can be made piece by piece.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from benchmarks.compare import RESULTS
from striate.bench import machine
from striate.cli.machine import environment
from striate.files import write_text

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
GOAL = 180
"""Seconds that a notebook may take."""
KERNELS = {"kept": "compiled before", "cold": "compiled on the way"}


def run(name: str, cold: bool) -> dict:
    """Seconds of one notebook, and what the machine did besides."""
    import nbclient
    import nbformat

    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    with tempfile.TemporaryDirectory() as place:
        given = {**os.environ, "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9",
                 **({"STRIATE_CACHE_DIR": str(Path(place) / "cache")} if cold else {})}
        client = nbclient.NotebookClient(notebook, timeout=3600, kernel_name="python3",
                                         resources={"metadata": {"path": place}})
        before, started = machine.load(), time.perf_counter()
        client.execute(env=given)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "started": time.strftime("%Y-%m-%d %H:%M:%S"), "machine": environment(),
                "foreign": machine.load().foreign_since(before, seconds)}


def markdown(result: dict) -> str:
    """The page of docs/benchmarks.md: `result` holds {"kept": run, "cold": run} by the notebook's name."""
    runs = [row for rows in result.values() for row in rows.values()]
    times = sorted(row["started"] for row in runs)
    processors = sorted({row["machine"]["processor"] for row in runs})
    busy = max(row["foreign"] or 0 for row in runs)
    lines = ["# Benchmark: the notebooks", "",
             f"{times[0]} to {times[-1]}, {', '.join(processors)}. "
             f"Other programs kept at most {busy:.1f} processors busy. Goal: {GOAL / 60:g} minutes each, offline.", "",
             "| notebook | kernels | seconds |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {KERNELS[kind]} | {rows[kind]['seconds']:.0f} |"
              for name, rows in sorted(result.items()) for kind in KERNELS if kind in rows]
    return "\n".join(lines) + "\n"


def main(words: list[str] | None = None, folder: Path = RESULTS) -> None:
    """Measures, prints, and writes notebooks.json and notebooks.md."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.notebooks", description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NOTEBOOK", help=f"of {', '.join(NAMES)}; all unless given")
    parser.add_argument("--cold", action="store_true", help="with an empty kernel cache")
    asked = parser.parse_args(words)
    strange = [name for name in asked.names if name not in NAMES]
    if strange:
        parser.error(f"no notebook has this name: {', '.join(strange)}")
    place = folder / "notebooks.json"
    result = json.loads(place.read_text("utf-8")) if place.is_file() else {}
    for name in asked.names or NAMES:
        result.setdefault(name, {})["cold" if asked.cold else "kept"] = run(name, asked.cold)
        write_text(place, json.dumps(result, indent=1) + "\n")
        write_text(folder / "notebooks.md", markdown(result))
    print(markdown(result))


if __name__ == "__main__":
    main()
