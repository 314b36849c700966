"""RemoteMonitor posts what Keras' does, and outlives a server that is not there."""

import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from striate.callbacks import RemoteMonitor
from striate.errors import ArgumentError


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            seen.append((self.path, self.headers["Content-Type"], self.headers.get("Token"), body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass
    seen = []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    server.seen, server.root = seen, f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_what_is_sent(server):
    RemoteMonitor(server.root, headers={"Token": "t"}).on_epoch_end(3, {"loss": np.float32(0.5)})
    RemoteMonitor(server.root, "/here", send_as_json=True).on_epoch_end(4, {"loss": 0.25})
    (path, kind, token, form), (other, json_kind, _, body) = server.seen
    assert (path, kind, token) == ("/publish/epoch/end/", "application/x-www-form-urlencoded", "t")
    assert json.loads(urllib.parse.parse_qs(form)["data"][0]) == {"epoch": 3, "loss": 0.5}
    assert (other, json_kind, json.loads(body)) == ("/here", "application/json", {"epoch": 4, "loss": 0.25})


def test_a_server_that_is_not_there_is_warned_of():
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server at http://127.0.0.1:9"):
        RemoteMonitor("http://127.0.0.1:9").on_epoch_end(0)
    with pytest.raises(ArgumentError, match="must begin with http"):
        RemoteMonitor("file:///etc")
