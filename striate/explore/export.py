"""The exploration as one HTML file that needs no server: the page, and the answers that it would have asked for."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from importlib import resources
from typing import Any
from urllib.parse import urlencode

import numpy as np

from striate.errors import ArgumentError, received
from striate.explore import views
from striate.explore.session import LIVE, Session
from striate.explore.wire import as_json
from striate.see import probe
from striate.see.geometry import channels_last

MAX_BYTES = 24 << 20
"""Layers and numbers are written until the file has about this size; the page says what it left out."""
Chosen = list[tuple[str, tuple[int, ...]]]


def chosen(text: str) -> Chosen:
    """The numbers to write, from "0:3,4,0;2:1,1,5" (places of layers, indices in their outputs).

    Raises:
        ArgumentError: another form, or more than 40.

    Example:
        >>> chosen("0:3,4,0")
        [('0', (3, 4, 0))]
    """
    parts = [part for part in text.split(";") if part]
    try:
        found = [(layer, tuple(int(i) for i in index.split(","))) for layer, _, index in
                 (part.partition(":") for part in parts)]
    except ValueError:
        found = None
    if found is None or len(found) > 40:
        raise ArgumentError("Numbers are named like 0:3,4,0;2:1,1,5 (at most 40). " + received(numbers=text))
    return found


def html(session: Session, image: str, at: str = LIVE, numbers: Chosen | None = None) -> str:
    """The file.

    Args:
        session: the exploration.
        image, at: the input and the weights that it shows.
        numbers: (layer, index) of the numbers whose sums it holds; of each layer also the largest.
    """
    answers = _answers(session, image, at, numbers or [])
    content = json.dumps({"image": image, "at": at, "answers": answers}, separators=(",", ":"))
    # Text in a script element ends at "</", whatever stands before it.
    content = content.replace("<", "\\u003c")
    script, style = _static("app.js"), _static("app.css")
    policy = (f"default-src 'none'; img-src data: blob:; script-src {_hash(script)}; style-src {_hash(style)}; "
              "base-uri 'none'; form-action 'none'")
    head = f"<meta http-equiv=\"Content-Security-Policy\" content=\"{escape(policy)}\">"
    page = _static("index.html")
    page = page.replace('<link rel="preload" href="/api/state" as="fetch" crossorigin>', head)
    page = page.replace('<link rel="stylesheet" href="/app.css">', f"<style>{style}</style>")
    data = f'<script type="application/json" id="snapshot">{content}</script>'
    return page.replace('<script type="module" src="/app.js"></script>',
                        f'{data}<script type="module">{script}</script>')


def _static(name: str) -> str:
    return resources.files("striate.explore").joinpath("static", name).read_text("utf-8")


def _hash(content: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(content.encode("utf-8")).digest()).decode("ascii") + "'"


def key(name: str, **asked: str) -> str:
    """The name under which the page looks up an answer.

    Example:
        >>> key("layer", layer="0", at="live")
        'layer?at=live&layer=0'
    """
    return f"{name}?{urlencode(sorted(asked.items()))}" if asked else name


def _answers(session: Session, image: str, at: str, numbers: Chosen) -> dict[str, Any]:
    found: dict[str, Any] = {}
    room = MAX_BYTES

    def add(name: str, answer: Any) -> None:
        nonlocal room
        answer = as_json(answer)
        size = len(json.dumps(answer))
        if size <= room:
            room -= size
            found[name] = answer
    state = views.state(session)
    shown = next((sample for sample in state["samples"] if sample["id"] == image), None)
    add(key("state"), {**state, "samples": [] if shown is None else [shown], "training": None,
                       "whyNot": "This page is a copy without a server."})
    add(key("overview", image=image, at=at), views.overview(session, image, at))
    places = [(str(place), what) for what in ("maps", "filters") for place in range(len(session.nodes))]
    for place, what in places:
        if what == "maps" or state["nodes"][int(place)]["kernel"] is not None:
            add(key("layer", layer=place, image=image, at=at, what=what),
                views.layer(session, place, image, at, what))
    for layer, index in [*numbers, *_largest(session, image, at)]:
        name = key("number", layer=layer, index=",".join(map(str, index)), image=image, at=at)
        try:
            add(name, views.number(session, layer, index, image, at))
        except ArgumentError as error:
            add(name, {"error": str(error)})
    return found


def _largest(session: Session, image: str, at: str) -> Chosen:
    """The place of the largest number of each layer."""
    found: Chosen = []
    for place, tap in enumerate(session.taps(image, at)):
        output = channels_last(tap, np.asarray(probe.arrays(tap.output)[0]))[0]
        if output.size:
            largest = np.unravel_index(np.nan_to_num(output).argmax(), output.shape)
            found.append((str(place), tuple(int(i) for i in largest)))
    return found
