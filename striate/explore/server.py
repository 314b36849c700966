"""Serves the page on this computer until Ctrl-C."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import uvicorn

from striate.errors import ArgumentError, StriateError, received
from striate.explore.app import make_app
from striate.explore.guard import Access
from striate.explore.session import Session

CONNECTIONS = 64
DRAWING = 0.5
"""Seconds in which the browser draws its first view, and nothing else is computed."""


def is_loopback(host: str) -> bool:
    """Whether only this computer can reach an address."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A socket on `host` that browsers can already knock at; port 0 takes any that is free.

    Raises:
        ArgumentError: the address cannot be had.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen()  # A browser that comes before the server runs waits, and is not refused.
    except OSError as error:
        raise ArgumentError(f"The page cannot be served there: {error.strerror}. Choose another port, or leave it out "
                            "to take a free one. " + received(host=host, port=port)) from None
    return found


def serve(session: Session, host: str, port: int, open_browser: bool, tell: Callable[[str], None]) -> None:
    """Serves until Ctrl-C. `tell` gets the address once the page can be opened.

    Raises:
        ArgumentError: the address cannot be had.
        StriateError: the model cannot be run.
    """
    with listen(host, port) as listening:
        port = listening.getsockname()[1]
        access = Access(secrets.token_urlsafe(24), port)
        if not is_loopback(host):
            access = replace(access, names=access.names | {socket.gethostname().lower()}, addresses=True)
        shown = "127.0.0.1" if host in ("localhost", "0.0.0.0") else f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{port}/?token={access.token}"
        config = uvicorn.Config(make_app(session, access), log_level="warning", access_log=False, lifespan="off",
                                ws="none", limit_concurrency=CONNECTIONS, timeout_keep_alive=5,
                                timeout_graceful_shutdown=1, server_header=False)
        tell(address)
        if open_browser:
            import webbrowser

            webbrowser.open(address)
        server = uvicorn.Server(config)
        warming = _Warming(session, server)
        warming.start()
        try:
            server.run(sockets=[listening])
        finally:
            if session.learner is not None:
                session.learner.close()
        if warming.problem is not None:
            raise warming.problem


class _Warming(threading.Thread):
    """Computes the first view while the browser loads the page; then compiles what the first clicks will ask for."""

    def __init__(self, session: Session, server: uvicorn.Server):
        super().__init__(name="striate-explore-warm-up", daemon=True)
        self.session, self.server = session, server
        self.problem: StriateError | None = None

    def run(self) -> None:
        """Ends the server if the model cannot be run."""
        first = next(iter(self.session.samples))
        try:
            self.session.taps(first)
        except StriateError as error:
            self.problem, self.server.should_exit = error, True
            return
        self.session.looked_at.wait()
        time.sleep(DRAWING)
        with suppress(StriateError):  # The page says why when somebody asks for gradients: a model can be without them.
            self.session.slopes(first)
