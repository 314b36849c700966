"""A model of the time of a training step on many machines, from the measurements of `benchmarks.scaling`.

    python -m benchmarks.scaling_model          prints the tables of docs/scaling.md and draws docs/scaling/*.svg

A step of R machines takes

    T(R) = compute * (1 + stragglers * sqrt(2 ln R)) + exchange(R)
    exchange(R) = start + (R - 1) * latency + 4 P * (copy + 2 (R - 1) / R / (share * link))

with P the number of parameters and `link` the speed of the network in bytes a second. `start`, `copy` and `share` are
fitted to measured exchanges; `stragglers` and the latencies are assumptions, named below.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RESULTS = Path(__file__).parent / "results" / "scaling.json"
PICTURES = Path(__file__).parents[1] / "docs" / "scaling"
LONG = 262144
"""Vectors shorter than this are not fitted: they pass at full speed by the burst that the link's shaper allows."""
CORES, THREADS_GAIN = 16, 0.8
"""An assumed machine: so many cores, of which each gives so much of what one alone gives."""
STRAGGLERS = 0.02
"""Assumed: how much the times of equal machines differ (standard deviation over mean)."""
GPU_FLOPS, GPU_SHARE, GPU_STEP = 19.5e12, 0.35, 1e-3
"""Assumed: a data-centre GPU's float32 peak, the share of it that convolutions reach, and the least time of a step."""
MACHINES = (1, 8, 32, 128, 512, 1024)


@dataclass(frozen=True)
class Network:
    """A network between machines: bytes a second, and seconds of latency (assumed)."""

    name: str
    bytes: float
    latency: float


LINKS = (Network("1 Gbit/s Ethernet", 125e6, 50e-6), Network("10 Gbit/s Ethernet", 1.25e9, 20e-6),
         Network("100 Gbit/s InfiniBand", 12.5e9, 2e-6))


@dataclass(frozen=True)
class Exchange:
    """The fitted constants: seconds to begin, seconds a byte in the memory, share of a link's speed."""

    start: float
    copy: float
    share: float

    def seconds(self, machines: int, parameters: int, link: float, latency: float = 0.0) -> float:
        """Seconds of one exchange between machines over links of so many bytes a second."""
        if machines == 1:
            return 0.0
        sent = 2 * (machines - 1) / machines / (self.share * link)
        return self.start + (machines - 1) * latency + 4 * parameters * (self.copy + sent)


def fitted(found: dict) -> Exchange:
    """The constants: of the memory from two ranks of one machine, of the link from two speeds of three; by least
    squares of relative errors."""
    here = np.array([(1.0, 4.0 * row["length"], row["seconds"]) for row in found["exchanges"] if row["ranks"] == 2])
    start, copy = np.linalg.lstsq(here[:, :2] / here[:, 2:], np.ones(len(here)), rcond=None)[0]
    wires = [(4.0 * row["length"] / (link["megabits"] * 125e3), row["seconds"] - start - 4.0 * row["length"] * copy)
             for link in found["links"] if link["megabits"] != held_out(found)
             for row in link["exchanges"] if row["length"] >= LONG]
    ratios = np.array([ideal / measured for ideal, measured in wires])
    return Exchange(start, copy, float(1 / ((1 / ratios).sum() / len(ratios))))


def held_out(found: dict) -> int:
    """The speed in Mbit/s whose measurements are not fitted but foretold: the middle one."""
    return sorted(link["megabits"] for link in found["links"])[len(found["links"]) // 2]


def compute_seconds(found: dict) -> dict[str, float]:
    """Network -> seconds of a step with 32 images on one thread, of processor time."""
    return {row["network"]: row["processor_seconds"] for row in found["steps"] if row["ranks"] == 1 and row["mpi"]}


def parameters_of(found: dict) -> dict[str, int]:
    """Network -> number of parameters."""
    return {row["network"]: row["parameters"] for row in found["steps"]}


def step_seconds(seconds: float, parameters: int, machines: int, link: Network, exchange: Exchange) -> float:
    """A step of so many machines of 16 cores with 32 images for each core."""
    work = seconds / THREADS_GAIN * (1 + STRAGGLERS * math.sqrt(2 * math.log(machines)))
    return work + exchange.seconds(machines, parameters, link.bytes, link.latency)


def check_table(found: dict, exchange: Exchange) -> list[str]:
    """Foretold beside measured, at the speed that was held out; steps from this machine's own pace."""
    speed = held_out(found)
    paces = {row["network"]: row["seconds"] for row in found["steps"] if row["ranks"] == 1 and row["mpi"]}
    rows = ["| what | foretold | measured | error |", "|---|---|---|---|"]

    def row(what: str, guess: float, measured: float) -> None:
        rows.append(f"| {what} | {1e3 * guess:.1f} ms | {1e3 * measured:.1f} ms | {guess / measured - 1:+.0%} |")
    for link in found["links"]:
        if link["megabits"] != speed:
            continue
        for item in link["exchanges"]:
            row(f"exchange of {item['length']:,} numbers",
                exchange.seconds(2, item["length"], speed * 125e3), item["seconds"])
        for item in link["steps"]:
            guess = paces[item["network"]] + exchange.seconds(2, item["parameters"], speed * 125e3)
            row(f"step of {item['network']}", guess, item["seconds"])
    return rows


def local_table(found: dict) -> list[str]:
    """Ranks of one thread on this machine: fastest steps, and what MPI costs a single rank."""
    rows = ["| network | no MPI | 1 rank | 2 ranks | 1 -> 2 | MPI's cost |", "|---|---|---|---|---|---|"]
    times = {(row["network"], row["ranks"] if row["mpi"] else 0): row["seconds"] for row in found["steps"]}
    for name in compute_seconds(found):
        none, one, two = (times[name, count] for count in (0, 1, 2))
        rows.append(f"| {name} | {1e3 * none:.1f} ms | {1e3 * one:.1f} ms | {1e3 * two:.1f} ms | {one / two:.0%} | "
                    f"{one / none - 1:+.1%} |")
    return rows


def forecast_table(found: dict, exchange: Exchange) -> list[str]:
    """Weak-scaling efficiency of machines of 16 cores."""
    rows = ["| network | link | " + " | ".join(f"{count:,}" for count in MACHINES) + " |",
            "|---|---|" + "---|" * len(MACHINES)]
    parameters = parameters_of(found)
    for name, seconds in compute_seconds(found).items():
        for link in LINKS:
            one = step_seconds(seconds, parameters[name], 1, link, exchange)
            shares = [one / step_seconds(seconds, parameters[name], count, link, exchange) for count in MACHINES]
            rows.append(f"| {name} | {link.name} | " + " | ".join(f"{share:.0%}" for share in shares) + " |")
    return rows


def gpu_table(found: dict) -> list[str]:
    """Images a second: one core, one machine, one assumed GPU with the exported model."""
    from striate import zoo

    rows = ["| network | one thread, measured | 16 cores, foretold | one GPU, assumed |", "|---|---|---|---|"]
    for name, seconds in compute_seconds(found).items():
        flops = training_flops(zoo.build(name))
        batch = 32 * CORES
        gpu = batch / max(GPU_STEP, flops * batch / (GPU_FLOPS * GPU_SHARE))
        rows.append(f"| {name} | {32 / seconds:,.0f} | {32 * CORES * THREADS_GAIN / seconds:,.0f} | {gpu:,.0f} |")
    return rows


def training_flops(model) -> float:
    """Floating-point operations of a training step for one image: three times those of the forward pass."""
    from striate.engine import Function
    from striate.ops.spec import OPS, TensorType

    graph = Function(lambda x: model(x, training=False)).graph(TensorType((1, *model.input_shape[1:])))
    return 3.0 * sum(OPS[node.op].flops([value.type for value in node.inputs], [value.type for value in node.outputs],
                                        node.attributes) for node in graph.nodes if OPS[node.op].flops)


def hidden_share(points: list, seconds: float, link: Network, exchange: Exchange) -> float:
    """The share of the exchange's time that sending gradients as soon as they are final could hide; at most one half,
    because finished sums can be sent only when all is there."""
    free, speed = 0.0, exchange.share * link.bytes
    for when, size in points:
        free = max(free, when * seconds) + size / speed
    sending = sum(size for _, size in points) / speed
    return (seconds + sending - max(free, seconds)) / sending / 2


# ---- pictures --------------------------------------------------------------------------------------------------------

def draw(found: dict, exchange: Exchange, folder: Path) -> None:
    """The figures of docs/scaling.md."""
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "striate", "font.size": 10, "axes.spines.top": False,
                         "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.3})
    folder.mkdir(parents=True, exist_ok=True)
    for name, function in (("exchange", _draw_exchange), ("efficiency", _draw_efficiency), ("final", _draw_final)):
        figure = function(plt, found, exchange)
        figure.tight_layout()
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)


def _draw_exchange(plt, found: dict, exchange: Exchange):
    figure, axes = plt.subplots(figsize=(6.4, 3.8))
    for link in found["links"]:
        lengths = [row["length"] for row in link["exchanges"]]
        held = link["megabits"] == held_out(found)
        (line,) = axes.plot(lengths, [1e3 * row["seconds"] for row in link["exchanges"]], "s" if held else "o",
                            mfc="none" if held else None,
                            label=f"{link['megabits']:,} Mbit/s{' (not fitted)' if held else ''}")
        grid = np.geomspace(lengths[0], lengths[-1], 60)
        axes.plot(grid, [1e3 * exchange.seconds(2, n, link["megabits"] * 125e3) for n in grid], color=line.get_color())
    axes.set(xscale="log", yscale="log", xlabel="numbers in the vector", ylabel="ms an exchange",
             title="Two ranks exchange gradients: measured (marks), model (lines)")
    axes.legend(frameon=False)
    return figure


def _draw_efficiency(plt, found: dict, exchange: Exchange):
    works, parameters = compute_seconds(found), parameters_of(found)
    figure, panels = plt.subplots(1, len(LINKS), figsize=(9.6, 3.4), sharey=True)
    counts = np.unique(np.geomspace(1, 1024, 40).astype(int))
    for axes, link in zip(panels, LINKS, strict=True):
        for name, seconds in works.items():
            one = step_seconds(seconds, parameters[name], 1, link, exchange)
            axes.plot(counts, [100 * one / step_seconds(seconds, parameters[name], int(count), link, exchange)
                               for count in counts], label=name)
        axes.set(xscale="log", xlabel="machines of 16 cores", title=link.name, ylim=(0, 104))
        axes.set_xticks([1, 8, 64, 512], ["1", "8", "64", "512"])
        axes.minorticks_off()
    panels[0].set_ylabel("weak-scaling efficiency, %")
    panels[0].legend(frameon=False)
    return figure


def _draw_final(plt, found: dict, exchange: Exchange):
    figure, axes = plt.subplots(figsize=(6.4, 3.4))
    for row in found["finality"]:
        times, sizes = np.array(row["points"]).T
        axes.step([0, *100 * times, 100], [0, *100 * np.cumsum(sizes) / sizes.sum(), 100], where="post",
                  label=row["network"])
    axes.set(xlabel="time of the step that has passed, %", ylabel="gradients that are final, %",
             title="When a stretch of the gradient vector is final")
    axes.legend(frameon=False)
    return figure


def overlap_table(found: dict, exchange: Exchange) -> list[str]:
    """How much of an exchange could hide behind the backward pass, over each link."""
    rows = ["| network | " + " | ".join(link.name for link in LINKS) + " |", "|---|" + "---|" * len(LINKS)]
    works = compute_seconds(found)
    for row in found["finality"]:
        shares = [hidden_share(row["points"], works[row["network"]] / THREADS_GAIN, link, exchange) for link in LINKS]
        rows.append(f"| {row['network']} | " + " | ".join(f"{share:.0%}" for share in shares) + " |")
    return rows


def noise_table(found: dict) -> list[str]:
    """The gradient noise scale over the epochs."""
    rows = ["| epochs of training | noise scale, images |", "|---|---|"]
    return rows + [f"| {row['epochs']} | {row['scale']:.0f} |" for row in found["noise"]["scales"]]


def tables(found: dict, exchange: Exchange) -> str:
    """Everything that docs/scaling.md includes."""
    machine = found["machine"]
    busy = machine["load"] > machine["cores"]
    words = [f"Measured on {machine['cores']} cores ({machine['processor']}). Fitted: start {1e6 * exchange.start:.0f} "
             f"microseconds, copy {1e9 * exchange.copy:.2f} ns a byte, {exchange.share:.0%} of a link's speed.", ""]
    if busy:
        words += [f"**The machine was busy with other work (load {machine['load']:.0f}): times of whole steps on it, "
                  "and so the scaling on it, say nothing.** Processor times and slow links are sound.", ""]
    for title, lines in (
            ("Ranks of one thread on this machine, fastest steps:", local_table(found)),
            (f"Foretold beside measured, two ranks with a link of {held_out(found)} Mbit/s, which was not fitted:",
             check_table(found, exchange)),
            ("Efficiency of so many machines of 16 cores, 32 images a core:", forecast_table(found, exchange)),
            ("The part of an exchange that could hide behind the backward pass:", overlap_table(found, exchange)),
            ("Images a second in training:", gpu_table(found)),
            ("Gradient noise scale of `small` on Fashion-MNIST (the tenth of it that comes with striate):",
             noise_table(found))):
        words += [title, "", *lines, ""]
    return "\n".join(words)


def main() -> None:
    """Prints and stores the tables, draws the figures."""
    found = json.loads(RESULTS.read_text())
    exchange = fitted(found)
    text = tables(found, exchange)
    print(text)
    draw(found, exchange, PICTURES)
    (PICTURES / "tables.txt").write_text(text)


if __name__ == "__main__":
    main()
