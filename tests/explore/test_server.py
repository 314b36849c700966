"""The server: the page is there before the first view is computed, and a model that cannot be run ends it."""

import threading

import pytest
import uvicorn
from explore_tiny import make_subject

from striate.errors import ArgumentError
from striate.explore.server import serve
from striate.explore.session import Session

httpx = pytest.importorskip("httpx", reason="httpx is not installed (extra `dev`)")


class Served:
    """`serve` in a thread: its address, and what it raised."""

    def __init__(self, session):
        self.told, self.address, self.problem = threading.Event(), "", None
        self.thread = threading.Thread(target=self.run, args=(session,), daemon=True)
        self.thread.start()
        assert self.told.wait(60)

    def run(self, session):
        try:
            serve(session, "127.0.0.1", 0, False, self.tell)
        except ArgumentError as error:
            self.problem = error

    def tell(self, address):
        self.address = address
        self.told.set()


def test_the_page_does_not_wait_for_the_first_view(monkeypatch):
    session, free, servers = Session(make_subject()), threading.Event(), []
    computed, run = session.taps, uvicorn.Server.run

    def taps(*arguments):
        assert free.wait(60)
        return computed(*arguments)
    monkeypatch.setattr(session, "taps", taps)
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, **given: (servers.append(server), run(server, **given)))
    served = Served(session)
    with httpx.Client(follow_redirects=True, timeout=60) as client:
        assert client.get(served.address).status_code == 200
        home = served.address.split("?")[0]
        assert client.get(home + "api/state").json()["name"] == "tiny"
        free.set()
        assert len(client.get(home + "api/overview?image=sample-0").json()["layers"]) == len(session.nodes)
    servers[0].should_exit = True
    served.thread.join(60)
    assert not served.thread.is_alive() and served.problem is None


def test_a_model_that_cannot_be_run_ends_the_server(monkeypatch):
    session = Session(make_subject())

    def taps(*arguments):
        raise ArgumentError("It cannot be run.")
    monkeypatch.setattr(session, "taps", taps)
    served = Served(session)
    served.thread.join(60)
    assert not served.thread.is_alive() and str(served.problem) == "It cannot be run."


def test_the_data_are_read_once():
    from striate.cli.explore import clothes, named_data

    assert clothes() is clothes() and len(clothes().result().train[0]) > 1000
    assert named_data("uva", None) == "fashion-mnist" and named_data("my_models:small", None) == "none"
    assert named_data("uva", "cells/") == "cells/"
