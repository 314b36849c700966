"""How fast `striate explore` is: to its first view, from a click to the answer, and what looking costs a training.

    python -m benchmarks.explorer                  the zoo's uva; five minutes, in which the machine should be quiet
    python -m benchmarks.explorer --network small --clicks 5 --rounds 2 --steps 20 --name try

Times of the page are taken in the page, in Debian's chromium (`playwright`, extra `dev`), by its own clock: from the
event to the frame after the view says that it is up to date (`aria-busy`). The command is started once before it is
timed, so that Python has its modules as bytecode, as pip leaves them. A training is timed an epoch at a time, in turn
by plain `fit` and by the page's training with nobody looking, for a client that asks for all that the page asks for and
draws nothing, with the network in view, and with one layer.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

from benchmarks.compare import RESULTS
from striate import zoo
from striate.bench import machine
from striate.callbacks import Callback
from striate.cli.explore import make_subject
from striate.cli.machine import environment
from striate.explore.server import serve
from striate.explore.session import Session, sliding
from striate.explore.subject import Subject
from striate.files import write_text
from striate.models.cloning import clone_model
from striate.utils import set_random_seed

ARGUMENTS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking".split()
WATCHED = ("asked", "opened", "network", "layer")
"""A client that draws nothing has just asked for the page; then the page was just opened, and the browser still brings
up what belongs to it; then it shows the network, a layer."""
GOALS = {"first_view_s": 2.0, "click_ms": 100.0, "loss_percent": 10.0}
LONGEST = 600
CLICKED = """async ([selector, nth, at]) => {
    const main = document.querySelector("main"), element = document.querySelectorAll(selector)[nth];
    const box = element.getBoundingClientRect();
    const caught = new Promise((done) => {
        const watch = new MutationObserver(() => {
            if (main.getAttribute("aria-busy") !== "false") return;
            watch.disconnect();
            requestAnimationFrame(() => setTimeout(() => done(performance.now())));
        });
        watch.observe(main, {attributes: true, attributeFilter: ["aria-busy"]});
    });
    const started = performance.now();
    if (at) element.dispatchEvent(new PointerEvent("pointerdown", {bubbles: true,
        clientX: box.left + at[0] * box.width, clientY: box.top + at[1] * box.height}));
    else element.click();
    return await caught - started;
}"""
"""Clicks an element, or a place in it given as shares of its sides; milliseconds until the view is drawn again."""
CLIENT = """import http.client, json, sys, time
from urllib.parse import urlsplit
at = urlsplit(sys.argv[1])
site = http.client.HTTPConnection(at.netloc)
def ask(path, **headers):
    site.request("GET", path, headers=headers)
    answer = site.getresponse()
    return answer.headers, answer.read()
known = {"Cookie": ask(f"{at.path}?{at.query}")[0]["Set-Cookie"].split(";")[0]}
for path in ("/", "/app.js", "/app.css", "/api/state"):
    content = ask(path, **known)[1]
view = f"/api/overview?image={json.loads(content)['samples'][0]['id']}&at=live"
steps, rest = json.loads(ask(view, **known)[1])["steps"], 0.0
print("up to date", flush=True)
events = http.client.HTTPConnection(at.netloc)
events.request("GET", "/api/events", headers=known)
for line in events.getresponse():
    started = time.perf_counter()
    if line.startswith(b"data:") and json.loads(line[5:])["steps"] != steps and started > rest:
        steps = json.loads(ask(view, **known)[1])["steps"]
        rest = time.perf_counter() + 60 * (time.perf_counter() - started)
"""
"""Asks for what the page asks for, as often as it, and draws nothing: what it costs is the server's part."""


# ---- the first view --------------------------------------------------------------------------------------------------

def first_views(browser, network: str, count: int) -> list[dict[str, float]]:
    """Views, one after another, of a striate that has been started before."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        settings.pop("PYTHONDONTWRITEBYTECODE", None)
        return [first_view(browser, network, settings) for _ in range(count + 1)][1:]


def first_view(browser, network: str, settings: dict[str, str]) -> dict[str, float]:
    """Seconds from the command to its address, and from opening the address to the whole view."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "striate", "explore", network, "--no-browser", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=settings) as process:
        try:
            address = json.loads(process.stdout.readline())["address"]
            ready = time.perf_counter()
            with page_at(browser, address):
                seen = time.perf_counter()
        finally:
            process.terminate()
    return {"command_s": ready - started, "page_s": seen - ready, "total_s": seen - started}


@contextmanager
def page_at(browser, address: str) -> Iterator:
    """A tab with the page, up to date."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("main[aria-busy=false]", timeout=LONGEST * 1000)
    page.wait_for_selector(".answer-row")
    yield page
    context.close()


@contextmanager
def client_at(address: str) -> Iterator[None]:
    """A `CLIENT`, up to date."""
    with subprocess.Popen([sys.executable, "-c", CLIENT, address], stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout.readline() != "up to date\n":
                raise RuntimeError("The client without a browser got no view.")
            yield
        finally:
            process.kill()


# ---- clicks ----------------------------------------------------------------------------------------------------------

def clicks(page, session: Session, count: int) -> dict[str, list[float]]:
    """Milliseconds of each kind of click, `count` times, each on something that was not shown before."""
    convolutions = [place for place, node in enumerate(session.nodes) if sliding(node.operation) is not None]
    found: dict[str, list[float]] = {name: [] for name in
                                     ("image", "layer", "neuron", "sum", "gradients", "filters", "network")}
    for turn in range(count):
        def click(name, selector, nth=0, at=None):
            found[name].append(page.evaluate(CLICKED, [selector, nth, at]))
        place, share = convolutions[turn % len(convolutions)], (turn + 1) / (count + 2)
        click("image", ".picks button", (turn + 1) % len(session.samples))
        click("layer", ".row-name", place + 1)
        tiles = page.locator(".tile").all()
        other = next(i for i, tile in enumerate(tiles) if tile.get_attribute("aria-pressed") == "false")
        click("neuron", ".tile", other)
        click("sum", ".plane canvas.picking", 0, [share, 1 - share])
        click("gradients", ".segments button", 1)
        click("filters", ".segments button", 2)
        click("network", ".crumbs > button")
    return found


# ---- training --------------------------------------------------------------------------------------------------------

class _Gate(Callback):
    """Holds a plain `fit` between two epochs until it is told to go on; measures the epochs."""

    def __init__(self):
        super().__init__()
        self.go, self.done, self.seconds = threading.Semaphore(0), threading.Semaphore(0), 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self.go.acquire()
        self.seconds = -time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds += time.perf_counter()
        self.done.release()

    def epoch(self) -> float:
        """Seconds of one more epoch."""
        self.go.release()
        self.done.acquire()
        return self.seconds


def short_of(subject: Subject, steps: int) -> Subject:
    """The subject with training data for so many steps an epoch, and none held out."""
    data = subject.data
    rows = steps * data.batch_size
    x, y = (part[:rows] for part in (data.x, data.y))
    return replace(subject, data=replace(data, x=x, y=y, validation=(x[:0], y[:0])))


def training(browser, address: str, session: Session, steps: int, rounds: int) -> dict[str, list[float]]:
    """Seconds of epochs of `steps` steps, in turn by `fit`, without a page, and as `WATCHED` says."""
    data, gate = session.subject.data, _Gate()
    model = data.prepare(clone_model(session.subject.model))
    threading.Thread(target=lambda: model.fit(data.x, data.y, batch_size=data.batch_size, epochs=2 * rounds + 2,
                                              verbose=0, callbacks=[gate]), daemon=True).start()
    found: dict[str, list[float]] = {name: [] for name in ("fit", "nobody", *WATCHED, "fit_again")}
    gate.epoch()
    watched_epoch(session)
    for _ in range(rounds):
        found["fit"].append(gate.epoch())
        found["nobody"].append(watched_epoch(session))
        with client_at(address):
            found["asked"].append(watched_epoch(session))
        with page_at(browser, address) as page:
            found["opened"].append(watched_epoch(session))
            found["network"].append(watched_epoch(session))
            page.evaluate(CLICKED, [".row-name", 1, None])
            found["layer"].append(watched_epoch(session))
        found["fit_again"].append(gate.epoch())
    return found


def watched_epoch(session: Session) -> float:
    """Seconds of one more epoch of the page's training."""
    learner, before = session.learner, len(session.learner.epochs)
    started = time.perf_counter()
    learner.act("start", 1)
    while len(learner.epochs) == before and learner.phase != "failed":
        time.sleep(0.002)
    return time.perf_counter() - started


# ---- all of it -------------------------------------------------------------------------------------------------------

def measure(asked: argparse.Namespace) -> dict:
    """Every figure, with the machine's state."""
    from playwright.sync_api import sync_playwright

    before, started = machine.load(), time.perf_counter()
    set_random_seed(0)
    session = Session(short_of(make_subject(asked.network, [], None), asked.steps))
    session.taps("sample-0")
    told: list[str] = []
    threading.Thread(target=serve, args=(session, "127.0.0.1", 0, False, told.append), daemon=True).start()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        views = first_views(browser, asked.network, asked.views)
        session.slopes("sample-0")
        with page_at(browser, told[0]) as page:
            times = clicks(page, session, asked.clicks)
        epochs = training(browser, told[0], session, asked.steps, asked.rounds)
        browser.close()
    return {"name": asked.name, "started": time.strftime("%Y-%m-%d %H:%M:%S"), "options": vars(asked),
            "machine": environment(), "load_average": machine.load_average(),
            "foreign": machine.load().foreign_since(before, time.perf_counter() - started),
            "first_view": views, "clicks_ms": times, "epochs_s": epochs}


def losses(epochs: dict[str, list[float]]) -> dict[str, float]:
    """Percent of speed lost against `fit`, the median over rounds of what each round says."""
    plain = [(first + second) / 2 for first, second in zip(epochs["fit"], epochs["fit_again"], strict=True)]
    return {name: 100 * (1 - median(fit / seconds for fit, seconds in zip(plain, epochs[name], strict=True)))
            for name in ("nobody", *WATCHED)}


WORDS = {"image": "another image", "layer": "a layer, with its maps and the sum behind its largest number",
         "neuron": "another map of the layer, and a sum of it", "sum": "another place in the map, and its sum",
         "gradients": "the gradients of the maps", "filters": "the filters", "network": "back to the network",
         "command_s": "the command until it prints the address",
         "page_s": "the address until everything is drawn", "total_s": "together"}


SHOWN = {"nobody": "no page open", "asked": "a client that draws nothing asks for all that the page asks for",
         "opened": "the page was just opened, an epoch long",
         "network": "the page shows the network", "layer": "the page shows the layer"}


def markdown(result: dict) -> str:
    """The page of docs/benchmarks.md."""
    network, machine_said = result["options"]["network"], result["machine"]
    views, times, epochs = result["first_view"], result["clicks_ms"], result["epochs_s"]
    steps = result["options"]["steps"]
    lines = ["# Benchmark: the explorer", "",
             f"{result['started']}, {machine_said['processor']}. `striate explore {network}` in chromium, 1280 x 800. "
             f"Other programs kept {result['foreign'] or 0:.1f} processors busy; load average "
             f"{result['load_average'] or 0:.1f}.", "",
             f"## First view (goal: {GOALS['first_view_s']:g} s)", "",
             "| seconds for | fastest | median | worst |", "| --- | --- | --- | --- |"]
    for name in views[0]:
        seconds = [view[name] for view in views]
        lines.append(f"| {WORDS[name]} | {min(seconds):.2f} | {median(seconds):.2f} | {max(seconds):.2f} |")
    lines += ["", f"## From a click to the answer (goal: {GOALS['click_ms']:g} ms)", "",
              "| milliseconds for | fastest | median | worst |", "| --- | --- | --- | --- |"]
    lines += [f"| {WORDS[name]} | {min(row):.0f} | {median(row):.0f} | {max(row):.0f} |"
              for name, row in times.items()]
    lines += ["", f"## Live training (goal: less than {GOALS['loss_percent']:g} % lost)", "",
              f"Epochs of {steps} steps of the same training, in turn; a loss is the median over the rounds.", "",
              "| | steps a second | lost |", "| --- | --- | --- |",
              f"| `fit` | {steps / median(epochs['fit'] + epochs['fit_again']):.1f} | |"]
    lines += [f"| {SHOWN[name]} | "
              f"{steps / median(epochs[name]):.1f} | {loss:.1f} % |" for name, loss in losses(epochs).items()]
    return "\n".join(lines) + "\n"


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.explorer", description=__doc__.splitlines()[0])
    parser.add_argument("--network", choices=zoo.names(), default="uva", help="of the zoo")
    parser.add_argument("--views", type=int, default=3, help="how often the command is started")
    parser.add_argument("--clicks", type=int, default=20, help="of each kind")
    parser.add_argument("--steps", type=int, default=50, help="of an epoch")
    parser.add_argument("--rounds", type=int, default=20, help="of epochs in turn")
    parser.add_argument("--name", default="explorer", help="of the files in benchmarks/results")
    return parser.parse_args(words)


def main(words: list[str] | None = None, folder: Path = RESULTS) -> None:
    """Measures, prints, and writes NAME.json and NAME.md."""
    asked = arguments(words)
    result = measure(asked)
    folder.mkdir(exist_ok=True)
    write_text(folder / f"{asked.name}.json", json.dumps(result, indent=1) + "\n")
    write_text(folder / f"{asked.name}.md", markdown(result))
    print(markdown(result))


if __name__ == "__main__":
    main()
