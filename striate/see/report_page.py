"""`report.html`: what a training run did, on one page that needs nothing but itself.

The page is made of text and inline SVG: no script, no outside file, every word from outside escaped. It follows the
reader's light or dark setting and prints.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import ArgumentError, received
from striate.files import write_text
from striate.see import svg
from striate.see.style import STYLE

_ALIASES = {"acc": "accuracy", "sparse_categorical_accuracy": "accuracy", "categorical_accuracy": "accuracy",
            "binary_accuracy": "accuracy"}


@dataclass(frozen=True)
class Mistake:
    """One wrongly classified image: pixels (height, width[, channels]) and what was said about it."""

    image: np.ndarray
    truth: str
    said: str
    probability: float


@dataclass(frozen=True)
class Part:
    """A section of results of `striate.see` (each with `figure()` and `str()`), or a sentence that says why not."""

    title: str
    results: Sequence[Any] = ()
    note: str = ""


@dataclass(frozen=True)
class Report:
    """Everything that the page tells. Mappings are shown in their order.

    headline: large numbers by their label; history: one list a metric, as `History.history` has it; best: the epoch
    whose weights were kept; counts: confusion matrix on the test data, (classes, classes), or None; layers: name, type,
    output shape and parameters of each; warning: a sentence to show first (that only a subset was used, that the run
    was interrupted); parts: figures of everything else.
    """

    title: str
    subtitle: str
    headline: Mapping[str, str]
    history: Mapping[str, Sequence[float]]
    best: int | None = None
    classes: Sequence[str] = ()
    counts: np.ndarray | None = None
    mistakes: Sequence[Mistake] = ()
    layers: Sequence[tuple[str, str, str, int]] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, object] = field(default_factory=dict)
    command: str = ""
    warning: str = ""
    parts: Sequence[Part] = ()

    def html(self) -> str:
        """The page."""
        return page(self)

    def _repr_html_(self) -> str:
        return f"<iframe style='border:0;width:100%;height:900px' srcdoc=\"{escape(self.html())}\"></iframe>"

    def save(self, path) -> Path:
        """Writes the page; the file's name ends in .html.

        Raises:
            ArgumentError: another ending.
        """
        path = Path(path)
        if path.suffix.lower() not in (".html", ".htm"):
            raise ArgumentError("A report is a page: give it a name that ends in .html. " + received(path=str(path)))
        write_text(path, self.html())
        return path


def _table(rows: Iterable[tuple[object, object]]) -> str:
    lines = "".join(f"<tr><th>{escape(str(key))}</th><td>{escape(str(value))}</td></tr>" for key, value in rows)
    return f"<table class='facts'>{lines}</table>"


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _section(title: str, body: str, note: str = "") -> str:
    said = f"<p class='note'>{escape(note)}</p>" if note else ""
    return f"<section id='{_anchor(title)}'><h2>{escape(title)}</h2>{said}{body}</section>" if body else ""


def _part(part: Part) -> str:
    """The figures of a part, each with its text below, to be unfolded."""
    if not part.results:
        return _section(part.title, f"<p>{escape(part.note)}</p>")
    return _section(part.title, "".join(
        f"<figure class='drawing'>{_drawing(result.figure().svg())}</figure><details><summary>the same as text"
        f"</summary><pre>{escape(str(result))}</pre></details>" for result in part.results), part.note)


def _drawing(svg_text: str) -> str:
    """A drawing inside a page, where the namespace is known."""
    return svg_text.replace(" xmlns='http://www.w3.org/2000/svg'", "", 1)


def _contents(sections: Iterable[str]) -> str:
    """Links to the sections, in their order."""
    found = [match for section in sections if (match := re.match(r"<section id='([^']*)'><h2>(.*?)</h2>", section))]
    links = "".join(f"<a href='#{match[1]}'>{match[2]}</a>" for match in found)
    return f"<nav aria-label='contents'>{links}</nav>" if len(found) > 3 else ""


def _bar(share: float, text: str) -> str:
    return f"<div class='bar'><i style='width:{share:.1%}'></i><span>{text}</span></div>"


def _headline(numbers: Mapping[str, str]) -> str:
    cards = "".join(f"<div><b>{escape(value)}</b><span>{escape(label)}</span></div>"
                    for label, value in numbers.items())
    return f"<div class='headline'>{cards}</div>"


def _curves(history: Mapping[str, Sequence[float]], best: int | None) -> str:
    """One chart a metric, its validation curve beside it."""
    charts = []
    for name, values in history.items():
        if name.startswith("val_") or name in ("learning_rate", "lr", "seconds"):
            continue
        series = {"training": values}
        if f"val_{name}" in history:
            series["validation"] = history[f"val_{name}"]
        form = "{:.2%}" if _ALIASES.get(name, name) == "accuracy" else "{:.3f}"
        charts.append(f"<figure><figcaption>{escape(name)}</figcaption>{svg.line_chart(name, series, best, form)}"
                      "</figure>")
    return f"<div class='charts'>{''.join(charts)}</div>" if charts else ""


def _class_table(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Per class: how many of its images were found, and how many of those so called were right."""
    rows = []
    for index, name in enumerate(classes):
        right, of, called = counts[index, index], counts[index].sum(), counts[:, index].sum()
        cells = "".join(f"<td>{_bar(right / among, f'{right / among:.1%}') if among else 'none'}</td>"
                        for among in (of, called))
        rows.append(f"<tr><th>{escape(name)}</th>{cells}<td>{of:,}</td></tr>")
    return ("<table class='classes'><thead><tr><th>class</th><th>found (recall)</th><th>right when said (precision)"
            f"</th><th>images</th></tr></thead><tbody>{''.join(rows)}</tbody></table>")


def worst_confusion(counts: np.ndarray, classes: Sequence[str]) -> str:
    """The most frequent mistake in one sentence.

    Example:
        >>> worst_confusion(np.array([[5, 3], [0, 4]]), ["cat", "dog"])
        'The most frequent mistake: 3 of 8 images of "cat" were called "dog".'
    """
    wrong = np.array(counts)
    np.fill_diagonal(wrong, 0)
    truth, said = (int(place) for place in np.unravel_index(int(wrong.argmax()), wrong.shape))
    if not wrong[truth, said]:
        return "Every test image was classified correctly."
    return (f"The most frequent mistake: {wrong[truth, said]:,} of {np.sum(counts[truth]):,} images of "
            f'"{classes[truth]}" were called "{classes[said]}".')


def image_source(image: np.ndarray) -> str:
    """An image (height, width[, 1 or 3 channels]) as the text of an `<img src>`; floats are scaled to their range."""
    from PIL import Image

    pixels = np.asarray(image)
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if pixels.dtype != np.uint8:
        low, high = float(pixels.min()), float(pixels.max())
        pixels = ((pixels - low) * (255 / ((high - low) or 1.0))).astype(np.uint8)
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(memory.getvalue()).decode("ascii")


def _mistakes(mistakes: Sequence[Mistake]) -> str:
    figures = "".join(
        f"<figure><img src='{image_source(mistake.image)}' alt=''><figcaption>{escape(mistake.truth)}"
        f"<br><em>{escape(mistake.said)}</em> {mistake.probability:.0%}</figcaption></figure>" for mistake in mistakes)
    return f"<div class='mistakes'>{figures}</div>" if figures else ""


def _layers(layers: Sequence[tuple[str, str, str, int]]) -> str:
    if not layers:
        return ""
    total = max(1, sum(row[3] for row in layers))
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(kind)}</td><td>{escape(shape)}</td>"
                   f"<td>{_bar(count / total, f'{count:,}')}</td></tr>"
                   for name, kind, shape, count in layers)
    return ("<table class='layers'><thead><tr><th>layer</th><th>type</th><th>output shape</th><th>parameters</th></tr>"
            f"</thead><tbody>{rows}</tbody></table>")


def _test_sections(report: Report) -> list[str]:
    if report.counts is None:
        return []
    return [
        _section("Which class for which", svg.confusion_matrix(report.counts, report.classes),
                 worst_confusion(report.counts, report.classes)
                 + " Mistakes are shaded four times as strongly as hits."),
        _section("Class by class", _class_table(np.asarray(report.counts), report.classes)),
        _section("The most confident mistakes", _mistakes(report.mistakes),
                 "Above the class that it is, below the class that the model said, with its probability."),
    ]


def page(report: Report) -> str:
    """The page as text.

    Example:
        >>> page(Report("<run>", "", {}, {"loss": [1.0]})).count("<run>")
        0
    """
    title = escape(report.title)
    repeat = f"<pre>{escape(report.command)}</pre>" if report.command else ""
    sections = [
        _section("Training", _curves(report.history, report.best)),
        *_test_sections(report),
        _section("The model", _layers(report.layers)),
        *map(_part, report.parts),
        _section("To repeat this run", repeat, "The same command with the same seed on the same kind of processor "
                                               "gives the same weights, bit for bit, on any number of threads."),
        _section("Settings", _table(report.settings.items()) if report.settings else ""),
        _section("Where it ran", _table(report.environment.items()) if report.environment else ""),
    ]
    warning = f"<p class='warning'>{escape(report.warning)}</p>" if report.warning else ""
    return (f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
            "<meta name='viewport' content='width=device-width,initial-scale=1'>"
            "<meta http-equiv='Content-Security-Policy' "
            "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
            f"<style>{STYLE}</style></head><body><main><header><p class='mark'><i></i>striate</p><h1>{title}</h1>"
            f"<p class='subtitle'>{escape(report.subtitle)}</p></header>{warning}{_headline(report.headline)}"
            f"{_contents(sections)}{''.join(sections)}</main></body></html>\n")
