"""A web server on this computer that misbehaves in every way that servers on the internet do."""

import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """What the server sends and how; `requests` notes (path, Range header) of each request."""

    def __init__(self, content):
        self.content, self.etag, self.requests = content, '"one"', []
        self.cut_after = self.stall_after = None
        self.gone_on = threading.Event()
        """Set when a server that stalls is asked for the rest, or is closed."""
        self.ignore_range = self.lie_about_length = self.always_416 = False
        self.status = self.location = None
        self.url = ""

    def body(self, start):
        """What is sent for a request that begins at `start`."""
        rest = self.content[start:]
        if self.cut_after is not None:
            rest, self.cut_after = rest[:self.cut_after], None
        return rest


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):  # noqa: N802 - the name that http.server calls
        site = self.server.site
        wanted = self.headers.get("Range")
        site.requests.append((self.path, wanted))
        if site.status:
            self.send_response(site.status)
            if site.location:
                self.send_header("Location", site.location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        fresh = wanted is None or self.headers.get("If-Range") != site.etag or site.ignore_range
        if wanted is not None and site.always_416 and not fresh:
            self.send_error(416)
            return
        start = 0 if fresh else int(wanted.removeprefix("bytes=").removesuffix("-"))
        length = len(site.content) - start + (1000 if site.lie_about_length else 0)
        self.send_response(200 if fresh else 206)
        self.send_header("ETag", site.etag)
        self.send_header("Content-Length", str(length))
        if not fresh:
            self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
        self.end_headers()
        if site.stall_after is not None:
            self.wfile.write(site.body(start)[:site.stall_after])
            site.stall_after = None
            site.gone_on.wait()
            return
        site.gone_on.set()
        self.wfile.write(site.body(start))


@contextmanager
def serving(content):
    """Runs a server with this content; gives its `Site`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.site = Site(content)
    server.site.url = f"http://127.0.0.1:{server.server_port}/data.gz"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.site
    finally:
        server.site.gone_on.set()
        server.shutdown()
        server.server_close()
        time.sleep(0)
