"""From a run's numbers to its `report.html`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from striate.cli import networks
from striate.cli.run_folder import BEST, REPORT, RunFolder
from striate.cli.terminal import duration
from striate.files import write_text
from striate.see.report_page import Mistake, Part, Report, page
from striate.see.run_report import inside
from striate.systems import data as datasets

if TYPE_CHECKING:
    from striate.cli.scores import Scores
    from striate.cli.training import Outcome

LOOKED_AT = 5000
"""The report looks into so many samples of each part at most."""


def layer_rows(model) -> list[tuple[str, str, str, int]]:
    """(name, type, output shape, parameters) of each layer."""
    return [(layer.name, type(layer).__name__, str(getattr(layer, "output_shape", getattr(layer.output, "shape", ""))),
             int(layer.count_params())) for layer in model.layers]


def inner_parts(folder: RunFolder, model, data: datasets.Data) -> list[Part]:
    """What there is to see in the data and in the network with its best weights."""
    from striate import saving

    best = saving.load_model(folder / BEST) if (folder / BEST).is_file() else model
    test, train, validation = ((networks.pixels(best, images[:LOOKED_AT]), labels[:LOOKED_AT])
                               for images, labels in (data.test, data.train, data.validation))
    return inside(best, test, train, validation, data.classes)


def write_report(folder: RunFolder, model, data: datasets.Data, settings: dict[str, Any], outcome: Outcome,
                 scores: Scores) -> None:
    """Writes report.html."""
    history = outcome.history
    epochs = history.get("seconds", [])
    images = len(data.train[0])
    headline = {"test accuracy": f"{scores.accuracy:.2%}", "test loss": f"{scores.loss:.4f}"}
    headline["parameters"] = f"{model.count_params():,}"
    headline["training time"] = duration(outcome.seconds)
    if epochs:
        headline["images a second"] = f"{images / min(epochs):,.0f}"
    warnings = [*([data.warning] if data.warning else []), *data.findings]
    if outcome.interrupted:
        warnings.append(f"The training was interrupted after {len(epochs)} epochs.")
    report = Report(
        title=f"{settings['model']} on {data.title}",
        subtitle=f"{data.sentence}. Run {folder.path.name}.",
        headline=headline,
        history=history,
        best=outcome.best,
        classes=data.classes,
        counts=scores.counts,
        mistakes=[Mistake(data.test[0][index], data.classes[data.test[1][index]], data.classes[said], probability)
                  for index, said, probability in scores.mistakes],
        layers=layer_rows(model),
        settings={"model": settings["model"],
                  **{name.replace("_", " "): value for name, value in settings["training"].items()},
                  "seed": settings["seed"], "data": data.said,
                  **({"chosen": " ".join(data.reasons)} if data.reasons else {}),
                  "weights kept": f"those of epoch {outcome.best}, which had the best validation accuracy"
                  if outcome.best else "the last"},
        environment={"striate": settings["striate"], **settings["environment"]},
        command=settings["command"],
        warning=" ".join(warnings),
        parts=inner_parts(folder, model, data),
    )
    write_text(folder / REPORT, page(report))
