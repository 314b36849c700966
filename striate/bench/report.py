"""A comparison as a page of Markdown tables and a plot; both are made from the stored numbers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from striate.bench import chart
from striate.bench.results import OWN, QUIET, Row, best_of_batches, by_fastest_step, geometric_mean, ratios, rows
from striate.files import write_text

TITLES = {"train": "Training step", "predict": "Prediction"}


def write(result: Mapping[str, Any], folder: Path, name: str) -> list[Path]:
    """Writes the pages into `folder`; gives their paths."""
    for file, text in (found := pages(result, name)).items():
        write_text(folder / file, text)
    return [folder / file for file in found]


def pages(result: Mapping[str, Any], name: str) -> dict[str, str]:
    """The content of NAME.md, and of NAME-train.svg and NAME-predict.svg."""
    charts = {direction: chart.times(TITLES[direction], table)
              for direction in TITLES if (table := rows(result, direction))}
    files = {direction: f"{name}-{direction}.svg" for direction in charts}
    return {f"{name}.md": markdown(result, files)} | {files[direction]: charts[direction] for direction in charts}


def markdown(result: Mapping[str, Any], pictures: Mapping[str, str] | None = None) -> str:
    """The page: for each direction a table of all cells, one of the best batch sizes, and what striate loses."""
    parts = [f"# Benchmark: {result['name']}", _facts(result)]
    for direction, title in TITLES.items():
        table = rows(result, direction)
        if not table:
            continue
        parts.append(f"## {title}: microseconds a sample\n\n{_table(table, with_batch=True)}")
        if len({row.batch for row in table}) > 1:
            parts.append(f"Each framework with its best batch size:\n\n{_table(best_of_batches(table), False)}")
        parts += [_summary(table), _losses(table), _notes(table), _fastest(table)]
        if pictures and direction in pictures:
            parts.append(f"![{title}]({pictures[direction]})")
    parts += [_footprints(result), _machine(result)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _facts(result) -> str:
    machine = result["machine"]
    versions = {cell["framework"]: run["version"] for cell in result["cells"] for run in cell["runs"][:1]}
    lines = [f"{result['started']}, {machine.get('processor')}, {machine.get('cores usable')} cores usable, "
             f"{machine.get('instructions')}.", "; ".join(f"{name} {text}" for name, text in versions.items()) + "."]
    return "\n".join(lines)


def _table(table: Sequence[Row], with_batch: bool) -> str:
    frameworks = [OWN] + sorted({name for row in table for name in (*row.times, *row.notes)} - {OWN})
    many_threads = len({row.threads for row in table}) > 1
    head = ["network", *(["batch"] if with_batch else []), *(["threads"] if many_threads else []), *frameworks,
            "best other", "striate is"]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in table:
        cells = [row.network, *([str(row.batch)] if with_batch else []),
                 *([str(row.threads or "all")] if many_threads else [])]
        cells += [_time(row, name) for name in frameworks]
        lines.append(_line([*cells, row.best_peer or "", _verdict(row)]))
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _time(row: Row, name: str) -> str:
    if name not in row.times:
        return "see notes" if name in row.notes else ""
    time = row.times[name]
    spread = f" ({short(time.low)} to {short(time.high)})" if time.rounds > 1 else ""
    return f"{short(time.median)}{spread}{' ~' if time.disturbed else ''}"


def short(number: float) -> str:
    """Three digits at least, no more than needed.

    Example:
        >>> short(1234.5), short(12.345)
        ('1234', '12.3')
    """
    return f"{number:.0f}" if number >= 99.95 else f"{number:.3g}"


def _verdict(row: Row) -> str:
    ratio = row.ratio
    if ratio is None:
        return ""
    mark = " ~" if any(time.disturbed for time in row.times.values()) else ""
    return (f"**{ratio:.2f} times faster**" if ratio >= 1 else f"{1 / ratio:.2f} times SLOWER") + mark


def _summary(table: Sequence[Row]) -> str:
    found = ratios(best_of_batches(table))
    if not found:
        return ""
    mean, (lowest, row) = geometric_mean([ratio for ratio, _ in found]), found[0]
    return (f"Against the best of the others, each with its best batch size: geometric mean **{mean:.2f}** over "
            f"{len(found)} networks, lowest {lowest:.2f} ({row.network}).")


def _fastest(table: Sequence[Row]) -> str:
    fastest = best_of_batches(by_fastest_step(table))
    return ("The fastest single step of all rounds, which other programs disturb least, again with the best batch "
            f"size of each:\n\n{_table(fastest, False)}\n\n{_summary(fastest)}")


def _losses(table: Sequence[Row]) -> str:
    found = ratios(table)
    lost = [(ratio, row) for ratio, row in found if ratio < 1]
    if not lost:
        return f"striate is slower in none of the {len(found)} cells that can be compared." if found else ""
    return f"striate is slower in {len(lost)} of {len(found)} cells: " + "; ".join(
        f"{row.network} batch {row.batch}" + (f" on {row.threads} threads" if row.threads else "")
        + f" ({1 / ratio:.2f} times)" for ratio, row in lost) + "."


def _notes(table: Sequence[Row]) -> str:
    notes = [f"- {row.network}, batch {row.batch}, {name}: {note}" for row in table
             for name, note in row.notes.items()]
    if any(time.disturbed for row in table for time in row.times.values()):
        notes.append(f"- ~: other programs kept more than {QUIET} processors busy in every round of this cell; "
                     "compare with care.")
    return "\n".join(notes)


def _footprints(result) -> str:
    """Peak memory and the time to the end of the first step, from the first batch size of each network."""
    frameworks = list(dict.fromkeys(cell["framework"] for cell in result["cells"]))
    lines: dict[tuple, dict[str, Mapping]] = {}
    for cell in result["cells"]:
        if cell["runs"]:
            lines.setdefault((cell["network"], cell["batch"]), {}).setdefault(cell["framework"], cell["runs"][-1])
    if not lines:
        return ""
    head = ["network", "batch", *frameworks]
    text = [_line(head), _line(["---"] * len(head))]
    for (network, batch), runs in lines.items():
        text.append(_line([network, str(batch), *(_footprint(runs.get(name)) for name in frameworks)]))
    return "## Peak memory of the process, and time to the end of its first training step\n\n" + "\n".join(text)


def _footprint(run: Mapping | None) -> str:
    if run is None:
        return ""
    first = f", {run['first_step_s']:.1f} s" if "first_step_s" in run else ""
    return f"{run['peak_mib']:.0f} MiB{first}"


def _machine(result) -> str:
    if not result["rounds"]:
        return ""
    lines = [_line(["round", "GFLOP/s before", "after", "copy GB/s before", "after", "load before", "after"]),
             _line(["---"] * 7)]
    for number, state in enumerate(result["rounds"], 1):
        before, after = state["before"], state.get("after") or {}
        lines.append(_line([str(number), *(_number(side.get(key)) for key in ("gflops", "copy_gbytes", "load_average")
                                           for side in (before, after))]))
    return ("## The machine in each round\n\nPeak of multiply-adds in registers, bytes read and written in a copy, and "
            "programs that wanted to run on average over the last minute (the benchmark's own among them).\n\n"
            + "\n".join(lines))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
