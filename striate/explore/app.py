"""The routes of the page. Each parses what was asked, calls a view and answers with JSON."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from importlib import resources
from typing import Any

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from striate.errors import ArgumentError, StriateError, received
from striate.explore import views
from striate.explore.guard import Access, Guard
from striate.explore.lab import Setting, lab
from striate.explore.session import LIVE, Session
from striate.explore.subject import Sample
from striate.explore.wire import as_json, decoded, finite, floats

STATIC = {"/": ("index.html", "text/html; charset=utf-8"), "/app.js": ("app.js", "text/javascript; charset=utf-8"),
          "/app.css": ("app.css", "text/css; charset=utf-8")}
"""Every file that is served, by its address: no address ever becomes a path."""
SHARE_OF_TIME = 1 / 25
"""How much of a training's time answers for all pages together may take."""
PAUSES = 0.5, 3.0
"""The shortest and the longest time between two updates, in seconds."""
STREAMS = 8


def static(name: str) -> bytes:
    """A built file of the page."""
    return resources.files("striate.explore").joinpath("static", name).read_bytes()


def make_app(session: Session, access: Access) -> Guard:
    """The application, with its guard in front."""
    page = _Page(session)
    routes = [Route(path, _file(*row), methods=["GET"]) for path, row in STATIC.items()]
    routes += [Route(f"/api/{name}", _answer(getattr(page, name), session), methods=["GET"]) for name in GETS]
    routes += [Route(f"/api/{name}", _change(getattr(page, name)), methods=["POST"]) for name in POSTS]
    routes += [Route("/api/events", page.events, methods=["GET"]), Route("/api/export", page.export, methods=["GET"])]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    return Guard(app, access)


def _file(name: str, kind: str) -> Callable:
    content = static(name)

    async def serve(request: Request) -> Response:
        return Response(content, headers={"content-type": kind})
    return serve


def _guarded(call: Callable, asked: dict[str, Any]) -> Response:
    try:
        content = as_json(call(asked))
    except StriateError as error:
        return JSONResponse({"error": str(error)}, 400)
    return Response(json.dumps(content, separators=(",", ":")), media_type="application/json")


def _answer(call: Callable, session: Session) -> Callable:
    def timed(asked: dict[str, Any]) -> Response:
        started = time.perf_counter()
        try:
            return _guarded(call, asked)
        finally:
            session.spent += time.perf_counter() - started

    async def serve(request: Request) -> Response:
        return await run_in_threadpool(timed, dict(request.query_params))
    return serve


def _change(call: Callable) -> Callable:
    async def serve(request: Request) -> Response:
        try:
            content = json.loads(await request.body())
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            return JSONResponse({"error": "A JSON object was expected."}, 400)
        return await run_in_threadpool(_guarded, call, content)
    return serve


def _integer(asked: dict[str, Any], name: str, default: int | None = None) -> int:
    value = asked.get(name, default)
    text = str(value)
    if isinstance(value, bool) or not re.fullmatch("-?[0-9]{1,9}", text):
        raise ArgumentError(f"`{name}` must be a whole number. " + received(**{name: value}))
    return int(text)


def _indices(asked: dict[str, Any]) -> tuple[int, ...]:
    parts = str(asked.get("index", "")).split(",")
    if len(parts) > 6:
        raise ArgumentError("An index has at most six parts. " + received(index=asked.get("index")))
    return tuple(_integer({"index": part}, "index") for part in parts)


def _text(asked: dict[str, Any], name: str, default: str = "") -> str:
    value = asked.get(name, default)
    if not isinstance(value, str) or len(value) > 200:
        raise ArgumentError(f"`{name}` must be a short text. " + received(**{name: value}))
    return value


class _Page:
    """What each route answers."""

    def __init__(self, session: Session):
        self.session, self.streams = session, 0

    # ---- to look at -------------------------------------------------------------------------------------------

    def state(self, asked):
        return views.state(self.session)

    def overview(self, asked):
        found = views.overview(self.session, *_view(asked))
        self.session.looked_at.set()
        return found

    def verdict(self, asked):
        return views.verdict(self.session, *_view(asked))

    def layer(self, asked):
        return views.layer(self.session, _text(asked, "layer"), *_view(asked), _text(asked, "what", "maps"))

    def number(self, asked):
        return views.number(self.session, _text(asked, "layer"), _indices(asked), *_view(asked))

    def lab(self, asked):
        setting = Setting(*(_integer(asked, name, default) for name, default in
                            (("size", 3), ("stride", 1), ("padding", 0), ("dilation", 1))),
                          _text(asked, "kernel", "own"))
        return lab(self.session, _text(asked, "layer"), *_view(asked), _integer(asked, "channel", 0),
                   _integer(asked, "filter", 0), setting)

    def training(self, asked):
        return self._learner().status(_integer(asked, "since", 0))

    # ---- to change --------------------------------------------------------------------------------------------

    def image(self, asked):
        from striate.explore import images

        content = decoded(asked.get("data"), images.MAX_BYTES)
        shape = self.session.graph.inputs[0].shape[1:]
        pixels = images.decode(content, shape, asked.get("invert") is True, self.session.subject.preparation)
        return self._added(_text(asked, "name", "image") or "image", self.session.subject.pixels(pixels))

    def drawing(self, asked):
        if len(self.session.graph.inputs) > 1:
            raise ArgumentError("A model with several inputs takes no drawing.")
        shape = tuple(length or 28 for length in self.session.graph.inputs[0].shape[1:])
        if "pixels" not in asked:
            return self._added("drawing", floats(asked.get("values"), shape))
        content = decoded(asked["pixels"], int(np.prod(shape)))
        if len(content) != np.prod(shape):
            raise ArgumentError(f"{np.prod(shape):,} bytes were expected. " + received(bytes=len(content)))
        return self._added("drawing", self.session.subject.pixels(np.frombuffer(content, np.uint8).reshape(shape)))

    def _added(self, name: str, values: np.ndarray):
        added = self.session.add(Sample(name, values))
        return {"id": added, "samples": views.samples(self.session)}

    def edit(self, asked):
        values = asked.get("values")
        if not isinstance(values, list) or len(values) > 10_000 \
                or not all(isinstance(value, (int, float)) and abs(value) < 1e9 for value in values):
            raise ArgumentError("`values` must be a list of numbers.")
        views.edit(self.session, _text(asked, "layer"), _integer(asked, "channel"), _integer(asked, "filter"),
                   finite(np.array(values, np.float32)))
        return {"edited": sorted(self.session.edits)}

    def reset(self, asked):
        name = _text(asked, "name")
        self.session.reset(name or None)
        return {"edited": sorted(self.session.edits)}

    def train(self, asked):
        learner = self._learner()
        epochs = _integer(asked, "epochs") if "epochs" in asked else None
        learner.act(_text(asked, "action"), epochs)
        return learner.status(learner.steps)

    def _learner(self):
        if self.session.learner is None:
            raise ArgumentError("This model cannot be trained here. " + self.session.subject.why_not)
        return self.session.learner

    # ---- streams and files ------------------------------------------------------------------------------------

    async def events(self, request: Request) -> Response:
        """The training as server-sent events, at a pace at which answers cost little of its time."""
        learner = self.session.learner
        if learner is None or self.streams >= STREAMS:
            return JSONResponse({"error": "There is no training to follow, or too many pages follow it."}, 409)

        async def stream() -> AsyncIterator[str]:
            self.streams += 1
            last, since, spent = None, 0, self.session.spent
            try:
                while True:
                    status = {**learner.status(since), "edited": sorted(self.session.edits)}
                    since = status["steps"]
                    summary = {**status, "points": []}
                    if summary != last:
                        yield f"data: {json.dumps(as_json(status))}\n\n"
                    last = summary
                    await asyncio.sleep(PAUSES[0])
                    rest = (self.session.spent - spent) / SHARE_OF_TIME - PAUSES[0]
                    await asyncio.sleep(min(PAUSES[1], max(0.0, rest)))
                    spent = self.session.spent
            finally:
                self.streams -= 1
        return StreamingResponse(stream(), media_type="text/event-stream")

    async def export(self, request: Request) -> Response:
        """The page as one HTML file."""
        from striate.explore import export

        asked = dict(request.query_params)
        try:
            image, at = _view(asked)
            chosen = export.chosen(_text(asked, "numbers"))
            page = await run_in_threadpool(export.html, self.session, image, at, chosen)
        except StriateError as error:
            return JSONResponse({"error": str(error)}, 400)
        return Response(page, headers={"content-type": "text/html; charset=utf-8", "content-disposition":
                                       'attachment; filename="striate-explorer.html"'})


GETS = ("state", "overview", "verdict", "layer", "number", "lab", "training")
POSTS = ("image", "drawing", "edit", "reset", "train")


def _view(asked: dict[str, Any]) -> tuple[str, str]:
    """(image, weights) that a request is about."""
    return _text(asked, "image"), _text(asked, "at", LIVE)
