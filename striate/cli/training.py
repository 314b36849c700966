"""What `striate train` does, step by step: data, model, forecast, training, test, report."""

from __future__ import annotations

import shlex
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from striate import checkpoints, config, zoo
from striate.cli import machine, networks, plain
from striate.cli.forecast import announce
from striate.cli.reporting import write_report
from striate.cli.run_folder import BEST, CONFIG, LAST, REPORT, STATE, TIMELINE, RunFolder, asked, read_config
from striate.cli.scores import Scores, score
from striate.cli.terminal import say
from striate.errors import ArgumentError, received
from striate.ranks import ranks, shards
from striate.systems import data as datasets

SECONDS_BETWEEN_STATES = 30
"""A run that is killed loses at most so many seconds of work."""

@dataclass(frozen=True)
class Request:
    """What the user asked for; None leaves the choice to the model's recipe."""

    data: str
    model: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    optimizer: str | None = None
    learning_rate: float | None = None
    patience: int | None = None
    image_size: tuple[int, int] | None = None
    seed: int = 0
    threads: int | None = None
    shards: int | None = None
    limit: int | None = None
    subset: bool = False
    timeline: bool = False
    out: Path | None = None
    json: bool = False
    resume: Path | None = None


@dataclass
class Outcome:
    """What came of it. `history` has one number an epoch and metric; `interrupted`: the user pressed Ctrl-C."""

    history: dict[str, list[float]]
    seconds: float
    interrupted: bool
    best: int | None = None


def train(request: Request, console: Console) -> tuple[RunFolder, dict[str, Any]]:
    """Runs the whole job; gives the run's folder and its result in plain types (what `--json` prints)."""
    from striate import utils

    if request.resume is not None:
        request = resumed(request, RunFolder.to_go_on_with(request.resume))
    if request.threads is not None:
        config.set_value("num_threads", request.threads)
    config.set_value("shards", request.shards)
    request = replace(request, shards=shards())
    data = datasets.load(request.data, request.subset, request.limit, request.seed, request.image_size)
    if request.model not in (None, data.model):
        data = replace(data, reasons=tuple(reason for reason in data.reasons if not reason.startswith("Network: ")))
    request = decided(request, data)
    introduce(data, console)
    source = request.model or data.model
    recipe = networks.recipe(source, epochs=request.epochs, batch_size=request.batch_size,
                             optimizer=request.optimizer, learning_rate=request.learning_rate, of_data=data.recipe)

    def make():
        utils.clear_session()
        utils.set_random_seed(request.seed)
        model = networks.build(source, data.image_shape, len(data.classes))
        return networks.compiled(model, recipe, len(data.train[1]))

    model = make()
    say(console, "Model", f"{plain(source)}: {model.count_params():,} parameters, {networks.said(recipe)}.")
    if shards() > 1:
        say(console, "Ranks", f"{ranks().size}, with batches cut into {shards()} shards.")
    folder = run_folder(request, data)
    say(console, "Run", str(folder.path))
    settings = run_settings(request, recipe, data, model)
    if request.resume is None:
        folder.write_json(CONFIG, settings)
    announce(model, data, recipe, console)
    model = make()
    outcome = fit(model, data, recipe, request, folder, console)
    scores = test(model, data, folder)
    write_report(folder, model, data, settings, outcome, scores)
    result = finish(folder, settings, outcome, scores)
    if not outcome.interrupted and ranks().rank == 0:
        checkpoints.remove(folder / STATE)  # Last: a run that is killed before goes on, and trains nothing twice.
    return folder, result


def decided(request: Request, data: datasets.Data) -> Request:
    """The request with what the data decide where the user did not."""
    return replace(request, model=request.model or data.model,
                   patience=data.patience if request.patience is None else request.patience)


def introduce(data: datasets.Data, console: Console) -> None:
    """Says which data are used, what was chosen for them and what may be wrong with them."""
    say(console, "Data", f"{plain(data.said)} ({plain(data.source)}).")
    for reason in data.reasons:
        say(console, "Chosen", plain(reason))
    for sentence in (*([data.warning] if data.warning else []), *data.findings):
        say(console, "Note", plain(sentence), "bold yellow")


def resumed(request: Request, folder: RunFolder) -> Request:
    """The request that a run began with, out of its folder, with the threads and the kind of output asked for now.

    A run that ended before its first state was saved begins again.

    Raises:
        ArgumentError: the run is complete, or this is not the folder of one.
    """
    began, has_state = ranks().from_first(lambda: (dict(read_config(folder / CONFIG)), (folder / STATE).is_dir()))
    if "request" not in began:
        raise ArgumentError(f"This folder is not that of a run that can go on: its {CONFIG} names no request. "
                            + received(resume=str(folder.path)))
    if "result" in began and not (has_state and began["result"].get("interrupted")):
        if ranks().rank == 0:
            checkpoints.remove(folder / STATE)  # It was killed at the very end.
        raise ArgumentError("There is nothing to go on with: the run is complete. "
                            + received(resume=str(folder.path)))
    wanted = asked(began, folder / CONFIG)
    _check_model(request, wanted.get("model"), folder)
    return replace(Request(**wanted), threads=request.threads, json=request.json, resume=request.resume)


def _check_model(request: Request, began_with: Any, folder: RunFolder) -> None:
    """The folder of a run may come from a stranger: it alone never names code that is run."""
    if request.model not in (None, began_with):
        raise ArgumentError("--resume goes on with the model that the run began with. "
                            + received(model=request.model, began_with=began_with))
    if request.model is None and networks.is_code(began_with):
        raise ArgumentError("The run began with a function of yours, and the folder of a run alone never names code "
                            f"that is run. Name it again: {_resumption(folder, began_with)}. "
                            + received(resume=str(folder.path)))


def _resumption(folder: RunFolder, model: str | None) -> str:
    """The command that goes on with a run."""
    named = ["--model", model] if model is not None and networks.is_code(model) else []
    return shlex.join(["striate", "train", "--resume", str(folder.path), *named])


def run_folder(request: Request, data: datasets.Data) -> RunFolder:
    """The folder of the run that goes on, the one that was asked for, or a new one."""
    if request.resume is not None:
        return RunFolder(request.resume)
    made = ranks().from_first(lambda: str(
        (RunFolder.at(request.out) if request.out else RunFolder.create(config.value("runs"), data.name)).path))
    return RunFolder(Path(made))


def run_settings(request: Request, recipe: zoo.Recipe, data: datasets.Data, model) -> dict[str, Any]:
    """The content of config.json: everything that the result depends on, and where it was computed."""
    return {
        "striate": machine.versions()["striate"],
        "command": command(request, recipe),
        "request": {name: value for name, value in asdict(request).items()
                    if name not in ("out", "json", "resume", "threads")},
        "model": request.model,
        "training": {"epochs": recipe.epochs, "batch_size": recipe.batch_size,
                     "shards": request.shards, "loss": type(model.loss).__name__,
                     "optimizer": recipe.optimizer,
                     "learning_rate": recipe.learning_rate if recipe.schedule
                     else float(f"{float(model.optimizer.learning_rate):.6g}"),
                     **({"schedule": recipe.schedule} if recipe.schedule else {}),
                     **({"patience": request.patience} if request.patience else {}),
                     **recipe.optimizer_arguments},
        "seed": request.seed,
        "data": {"name": data.name, "place": str(Path(request.data).resolve()) if data.preparation else request.data,
                 "said": data.said, "source": data.source,
                 "subset": request.subset, "limit": request.limit,
                 "classes": list(data.classes), "image_shape": list(data.image_shape),
                 "chosen": list(data.reasons), "findings": list(data.findings),
                 **({"preparation": data.preparation.config()} if data.preparation else {})},
        "environment": machine.environment(),
    }


def command(request: Request, recipe: zoo.Recipe) -> str:
    """The command that repeats this run: what was asked for, with the lengths and the seed written out.

    Example:
        >>> command(Request("fashion-mnist", "lenet5", subset=True), zoo.recipe("lenet5"))
        'striate train fashion-mnist --model lenet5 --epochs 12 --batch-size 64 --seed 0 --subset'
    """
    words = ["striate", "train", request.data, "--model", request.model or "small", "--epochs", recipe.epochs,
             "--batch-size", recipe.batch_size]
    for option, value in (("--optimizer", request.optimizer), ("--learning-rate", request.learning_rate),
                          ("--shards", request.shards if request.shards != 1 else None),
                          ("--patience", request.patience), ("--seed", request.seed), ("--limit", request.limit)):
        if value is not None:
            words += [option, value]
    if request.image_size is not None:
        words += ["--image-size", "x".join(map(str, request.image_size))]
    return shlex.join(map(str, words + ["--subset"] * request.subset + ["--timeline"] * request.timeline))


def fit(model, data: datasets.Data, recipe: zoo.Recipe, request: Request, folder: RunFolder,
        console: Console) -> Outcome:
    """Trains; after every epoch the history and, if it is the best so far, the model are on the disk."""
    from striate import callbacks
    from striate.cli.keeper import Keeper, fed

    keeper, interrupted, started = Keeper(folder, recipe.epochs, console), False, time.perf_counter()
    saver = callbacks.ModelCheckpoint(folder / BEST, monitor="val_accuracy", mode="max", save_best_only=True)
    backup = callbacks.BackupAndRestore(folder / STATE, every_seconds=SECONDS_BETWEEN_STATES, delete_checkpoint=False)
    watchers: list = [keeper, saver]
    if request.patience:
        slower = callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.3, patience=max(1, request.patience // 3))
        watchers += [slower, callbacks.EarlyStopping(monitor="val_loss", patience=request.patience)]
    if request.timeline:
        from striate import see

        watchers.append(see.Recorder(folder / TIMELINE))
    try:
        result = model.fit(**fed(model, data, recipe.batch_size, request.seed), epochs=recipe.epochs,
                           verbose=0 if console.stderr else 1, callbacks=[*watchers, backup])
        interrupted = bool(getattr(result, "interrupted", False))
    except KeyboardInterrupt:
        interrupted = True
    model.save(folder / LAST)
    if interrupted:
        kept = "the best weights so far are kept" if keeper.history else "no epoch was complete"
        say(console, "Stopped", f"{kept}. Go on with: {_resumption(folder, request.model)}", "bold yellow")
    elif len(keeper.history.get("loss", ())) < recipe.epochs:
        say(console, "Stopped", f"the validation loss had not improved for {request.patience} epochs.")
    accuracies = keeper.history.get("val_accuracy")
    best = 1 + int(np.argmax(accuracies)) if accuracies else None
    return Outcome(keeper.history, time.perf_counter() - started, interrupted, best)


def test(model, data: datasets.Data, folder: RunFolder) -> Scores:
    """Measures the best weights on the test images: these were used for nothing before."""
    from striate import saving

    def best() -> list[np.ndarray] | None:
        return saving.load_model(folder / BEST).get_weights() if (folder / BEST).is_file() else None
    last = model.get_weights()
    model.set_weights(ranks().from_first(best) or last)
    scores = score(model, *data.test, classes=len(data.classes))
    model.set_weights(last)
    return scores


def finish(folder: RunFolder, settings: dict[str, Any], outcome: Outcome, scores: Scores) -> dict[str, Any]:
    """Completes config.json by the result, and gives the result."""
    result = {
        "interrupted": outcome.interrupted,
        "epochs": len(outcome.history.get("loss", ())),
        "best_epoch": outcome.best,
        "validation_accuracy": max(outcome.history.get("val_accuracy", ()), default=None),
        "test": {"accuracy": scores.accuracy, "loss": scores.loss},
        "seconds": outcome.seconds,
    }
    folder.write_json(CONFIG, {**settings, "result": result})
    return {"run": str(folder.path), "data": settings["data"], **result, "report": str(folder / REPORT),
            "model": str(folder / (BEST if (folder / BEST).is_file() else LAST))}
