"""A model of the time of a training step on many machines, from the measurements of `benchmarks.scaling`.

    python -m benchmarks.scaling_model          prints the tables of docs/scaling.md and draws docs/scaling/*.svg

A step of R machines takes

    T(R) = compute * (1 + stragglers * sqrt(2 ln R)) + start + 4 P * copy + what is left of sending(R)
    sending(R) = 2 (R - 1) * latency + 4 P * 2 (R - 1) / R * max(stack, 1 / (share * link)), for one bucket

with P the number of parameters and `link` the speed of the network in bytes a second. Buckets of gradients are sent as
soon as they are final, one after the other; what is left is what goes on after the backward pass. `start`, `copy`,
`stack` and `share` are fitted to measured exchanges; `stragglers` and the latencies of networks are assumptions, named
below.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from striate.models.training.buckets import least_bytes

RESULTS = Path(__file__).parent / "results" / "scaling.json"
LOSSES = RESULTS.with_name("losses.jsonl")
PICTURES = Path(__file__).parents[1] / "docs" / "scaling"
BURST = 65536
"""So many bytes pass the shaper of the links that are measured at once (`benchmarks.scaling` sets it)."""
CORES, THREADS_GAIN = 16, 0.8
"""An assumed machine: so many cores, of which each gives so much of what one alone gives."""
STRAGGLERS = 0.02
"""Assumed: how much the times of equal machines differ (standard deviation over mean)."""
GPU_FLOPS, GPU_SHARE, GPU_STEP = 19.5e12, 0.35, 1e-3
"""Assumed: a data-centre GPU's float32 peak, the share of it that convolutions reach, and the least time of a step."""
MACHINES = (1, 8, 32, 128, 512, 1024)
BUSY = 0.1
"""Processors that others may keep busy while times of steps still count."""


@dataclass(frozen=True)
class Network:
    """A network between machines: bytes a second, seconds of latency (assumed, or fitted to namespaces), whether the
    kernel copies what is sent, and how many bytes pass at once."""

    name: str
    bytes: float
    latency: float
    copied: bool = True
    burst: float = 0.0


LINKS = (Network("1 Gbit/s Ethernet", 125e6, 50e-6), Network("10 Gbit/s Ethernet", 1.25e9, 20e-6),
         Network("100 Gbit/s InfiniBand", 12.5e9, 2e-6, copied=False))


@dataclass(frozen=True)
class Exchange:
    """The fitted constants.

    start: seconds to begin; copy: seconds a byte in the memory; stack: seconds a byte that the kernel takes to send and
    to receive; share: of a link's speed; latency: seconds of a message between the namespaces.
    """

    start: float
    copy: float
    stack: float
    share: float
    latency: float

    def between(self, megabits: int) -> Network:
        """The link between the namespaces at such a speed."""
        return Network(f"{megabits} Mbit/s", megabits * 125e3, self.latency, burst=BURST)

    def seconds(self, machines: int, parameters: int, link: Network) -> float:
        """Seconds of one exchange of a single bucket between machines."""
        if machines == 1:
            return 0.0
        local = self.start + 4 * parameters * self.copy
        at_once = min(link.burst, 4 * parameters * 2 * (machines - 1) / machines)
        return local + 2 * self.half(machines, 4 * parameters, link) - at_once / (self.share * link.bytes)

    def half(self, machines: int, size: int, link: Network) -> float:
        """Seconds to send so many bytes' stretches to their owners, or their sums back to all."""
        byte = max(self.stack * link.copied, 1 / (self.share * link.bytes))
        return (machines - 1) * (link.latency + size / machines * byte)

    def behind(self, work: float, buckets: list, machines: int, link: Network) -> float:
        """Seconds that an exchange adds to `work` seconds of computing, behind which buckets are sent."""
        local = self.start + self.copy * sum(size for _, size in buckets)
        return local + self.left(work, buckets, machines, link)

    def left(self, work: float, buckets: list, machines: int, link: Network) -> float:
        """Seconds that sending goes on after `work` seconds of computing.

        buckets: (share of the work after which it is final, bytes) of each. A link sends what waits for it in turn: a
            bucket's gradients when they are final, and the finished sums when the gradients are there.
        """
        waiting, free = [(when * work, size, False) for when, size in buckets], 0.0
        while waiting:
            item = min(waiting)
            waiting.remove(item)
            ready, size, summed = item
            free = max(free, ready) + self.half(machines, size, link)
            if not summed:
                waiting.append((free, size, True))
        return max(0.0, free - work)


def fitted(found: dict) -> Exchange:
    """The constants: of the memory from two ranks of one machine, by least squares of relative errors; of the kernel
    from a link without a limit, of the links from two speeds of three. A busy machine only adds to what these take, so
    the best measurement of each tells the constant."""
    here = np.array([(1.0, 4.0 * row["length"], row["seconds"]) for row in found["exchanges"] if row["ranks"] == 2])
    start, copy = np.linalg.lstsq(here[:, :2] / here[:, 2:], np.ones(len(here)), rcond=None)[0].tolist()
    limited = [(row, link["megabits"] * 125e3) for link in found["links"] if link["megabits"] != held_out(found)
               for row in link["exchanges"]]

    def left(row: dict) -> float:
        return row["seconds"] - start - copy * 4 * row["length"]
    latency = min(left(row) for row in [*found["open_link"], *(row for row, _ in limited)]) / 2
    stack = min((left(row) - 2 * latency) / (4 * row["length"]) for row in found["open_link"] if _long(row))
    share = max((4 * row["length"] - BURST) / speed / (left(row) - 2 * latency) for row, speed in limited if _long(row))
    return Exchange(start, copy, stack, share, latency)


def _long(row: dict) -> bool:
    """Whether a vector does not pass the shaper at once."""
    return 4 * row["length"] > 2 * BURST


def held_out(found: dict) -> int:
    """The speed in Mbit/s whose measurements are not fitted but foretold: the middle one."""
    return sorted(link["megabits"] for link in found["links"])[len(found["links"]) // 2]


def compute_seconds(found: dict) -> dict[str, float]:
    """Network -> seconds of a step with 32 images on one thread, of processor time."""
    return {row["network"]: row["processor_seconds"] for row in found["steps"] if row["ranks"] == 1 and row["mpi"]}


def buckets_of(found: dict) -> dict[str, list]:
    """Network -> (share of the work after which it is final, bytes) of each bucket."""
    return {row["network"]: row["buckets"] for row in found["finality"]}


def step_seconds(seconds: float, buckets: list, machines: int, link: Network, exchange: Exchange) -> float:
    """A step of so many machines of 16 cores with 32 images for each core."""
    work = seconds / THREADS_GAIN * (1 + STRAGGLERS * math.sqrt(2 * math.log(machines)))
    if machines == 1:
        return work
    return work + exchange.behind(work, merged(buckets, machines), machines, link)


def merged(buckets: list, machines: int) -> list:
    """Buckets as so many machines have them: neighbours together until each is large enough."""
    found = [[0.0, 0]]
    for when, size in buckets:
        if found[-1][1] >= least_bytes(machines):
            found.append([0.0, 0])
        found[-1] = [max(found[-1][0], when), found[-1][1] + size]
    return found


def check_table(found: dict, exchange: Exchange) -> list[str]:
    """Foretold beside measured, at all speeds; steps from what one rank took at that hour."""
    rows = ["| link | what | foretold | measured | error |", "|---|---|---|---|---|"]
    for link in found["links"]:
        between = exchange.between(link["megabits"])
        name = between.name + (" (not fitted)" if link["megabits"] == held_out(found) else "")

        def row(what: str, guess: float, measured: float, name=name) -> None:
            rows.append(f"| {name} | {what} | {1e3 * guess:.1f} ms | {1e3 * measured:.1f} ms | "
                        f"{guess / measured - 1:+.0%} |")
        for item in link["exchanges"]:
            row(f"exchange of {item['length']:,} numbers", exchange.seconds(2, item["length"], between),
                item["seconds"])
        for item in link["steps"]:
            pace, buckets = item["alone"], buckets_of(found)[item["network"]]
            row(f"step of {item['network']}", pace + exchange.behind(pace, buckets, 2, between), item["seconds"])
    return rows


def local_table(found: dict) -> list[str]:
    """Ranks of one thread on this machine: fastest steps, and what MPI costs a single rank."""
    rows = ["| network | no MPI | 1 rank | 2 ranks | 1 -> 2 | in medians | two that train apart | MPI's cost |",
            "|---|---|---|---|---|---|---|---|"]
    times = {(row["network"], "apart" if row["apart"] else row["ranks"] if row["mpi"] else 0): row
             for row in found["steps"]}
    for name in compute_seconds(found):
        none, one, two, apart = (times[name, count]["seconds"] for count in (0, 1, 2, "apart"))
        medians = times[name, 1]["median"] / times[name, 2]["median"]
        rows.append(f"| {name} | {1e3 * none:.1f} ms | {1e3 * one:.1f} ms | {1e3 * two:.1f} ms | {one / two:.0%} | "
                    f"{medians:.0%} | {one / apart:.0%} | {one / none - 1:+.1%} |")
    return rows


def window_table(found: dict) -> list[str]:
    """Exchanges of two ranks of this machine, fastest and median ones."""
    rows = ["| numbers | by messages | through shared memory |", "|---|---|---|"]
    for sent, shared in zip(found["exchanges"], found["windows"], strict=True):
        if sent["ranks"] == 2:
            rows.append(f"| {sent['length']:,} | " + " | ".join(
                f"{1e3 * row['seconds']:.2f} ms (median {1e3 * row['median']:.2f})" for row in (sent, shared)) + " |")
    return rows


def forecast_table(found: dict, exchange: Exchange) -> list[str]:
    """Weak-scaling efficiency of machines of 16 cores."""
    rows = ["| network | link | " + " | ".join(f"{count:,}" for count in MACHINES) + " |",
            "|---|---|" + "---|" * len(MACHINES)]
    buckets = buckets_of(found)
    for name, seconds in compute_seconds(found).items():
        for link in LINKS:
            one = step_seconds(seconds, buckets[name], 1, link, exchange)
            shares = [one / step_seconds(seconds, buckets[name], count, link, exchange) for count in MACHINES]
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
        between = exchange.between(link["megabits"])
        axes.plot(grid, [1e3 * exchange.seconds(2, n, between) for n in grid], color=line.get_color())
    axes.set(xscale="log", yscale="log", xlabel="numbers in the vector", ylabel="ms an exchange",
             title="Two ranks exchange gradients: measured (marks), model (lines)")
    axes.legend(frameon=False)
    return figure


def _draw_efficiency(plt, found: dict, exchange: Exchange):
    works, buckets = compute_seconds(found), buckets_of(found)
    figure, panels = plt.subplots(1, len(LINKS), figsize=(9.6, 3.4), sharey=True)
    counts = np.unique(np.geomspace(1, 1024, 40).astype(int))
    for axes, link in zip(panels, LINKS, strict=True):
        for name, seconds in works.items():
            one = step_seconds(seconds, buckets[name], 1, link, exchange)
            axes.plot(counts, [100 * one / step_seconds(seconds, buckets[name], int(count), link, exchange)
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
    """How much of sending hides behind the backward pass, for two machines over each link."""
    rows = ["| network | buckets | " + " | ".join(link.name for link in LINKS) + " |",
            "|---|---|" + "---|" * len(LINKS)]
    works = compute_seconds(found)
    for name, buckets in buckets_of(found).items():
        work, whole = works[name] / THREADS_GAIN, [[1.0, sum(size for _, size in buckets)]]
        hidden = [1 - exchange.left(work, buckets, 2, link) / exchange.left(work, whole, 2, link) for link in LINKS]
        rows.append(f"| {name} | {len(buckets)} | " + " | ".join(f"{share:.0%}" for share in hidden) + " |")
    return rows


def measured_overlap_table(found: dict, exchange: Exchange) -> list[str]:
    """Two ranks over links that wait as long as computing would take, and exchange the network's gradients."""
    rows = ["| network | link | all sent in the end | sent when final | foretold |", "|---|---|---|---|---|"]
    for link in found["links"]:
        for row in link["overlaps"]:
            name, work = row["network"], row["seconds"]
            guess = work + exchange.behind(work, buckets_of(found)[name], 2, exchange.between(link["megabits"]))
            rows.append(f"| {name} | {link['megabits']} Mbit/s | {row['late']:.2f} s | {row['early']:.2f} s | "
                        f"{guess:.2f} s |")
    return rows


def noise_table(found: dict) -> list[str]:
    """The gradient noise scale over the epochs."""
    rows = ["| epochs of training | noise scale, images |", "|---|---|"]
    return rows + [f"| {row['epochs']} | {row['scale']:.0f} |" for row in found["noise"]["scales"]]


def losses_table() -> list[str]:
    """What `python -m tests.parallel.losses` has recorded."""
    trials = [json.loads(line) for line in LOSSES.read_text().splitlines()]
    losses = [loss for trial in trials for loss in trial["losses"]]
    killed = sum(loss[2] == "SIGKILL" for loss in losses)
    ends = sorted(loss[-1] for loss in losses)
    return ["| trainings | killed | stopped | job over after (median) | at most |", "|---|---|---|---|---|",
            f"| {len(trials)} | {killed} | {len(losses) - killed} | {ends[len(ends) // 2]:.1f} s | {ends[-1]:.1f} s |"]


def _processors(company: dict) -> str:
    return "an unknown part of the processors" if company["foreign"] is None else f"{company['foreign']:.2f} processors"


def tables(found: dict, exchange: Exchange) -> str:
    """Everything that docs/scaling.md includes."""
    machine = found["machine"]
    words = [f"Measured on {machine['cores']} cores ({machine['processor']}). Fitted: start {1e6 * exchange.start:.0f} "
             f"microseconds, copy {1e9 * exchange.copy:.2f} ns a byte, TCP {1e9 * exchange.stack:.1f} ns a byte, "
             f"{exchange.share:.0%} of a link's speed, latency {1e3 * exchange.latency:.1f} ms.", "",
             f"Other programs kept {_processors(machine)} busy while steps were measured, and "
             f"{_processors({'foreign': found['links_foreign']})} while links were.", ""]
    if (machine["foreign"] or 0) > BUSY:
        words += ["**Times of whole steps on this machine, and so the scaling on it, say nothing.** Processor times "
                  "and slow links are sound.", ""]
    if (found["links_foreign"] or 0) > BUSY:
        words += ["**Short exchanges, whole steps and all at the highest speed took longer for that, so they do not "
                  "confirm the model.**", ""]
    for title, lines in (
            ("Ranks of one thread on this machine, fastest steps:", local_table(found)),
            ("An exchange of two ranks of this machine:", window_table(found)),
            ("Foretold beside measured, two ranks with a link between:", check_table(found, exchange)),
            ("Efficiency of so many machines of 16 cores, 32 images a core:", forecast_table(found, exchange)),
            ("Two ranks with a link between, which wait half a second where they would compute, and the gradients of a "
             "network:", measured_overlap_table(found, exchange)),
            ("The part of sending that hides behind the backward pass of 16 cores, foretold for two machines:",
             overlap_table(found, exchange)),
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
    (PICTURES / "losses.txt").write_text("\n".join(losses_table()) + "\n")


if __name__ == "__main__":
    main()
