"""The logs of each epoch, sent to a server of the user's."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
import warnings
from typing import Any

import numpy as np

from striate.callbacks.base import Callback
from striate.errors import ArgumentError, received

_TIMEOUT_SECONDS = 5.0


class RemoteMonitor(Callback):
    """Posts the epoch's number and its logs to `root + path`; nothing else in striate sends anything anywhere.

    A server that does not answer is warned of, and the training goes on.

    Args:
        root: where the server is, http or https.
        path: what of it takes the numbers.
        field: the name of the form's field that holds them, unless `send_as_json`.
        headers: further headers, by name.
        send_as_json: whether the body is JSON instead of a form.

    Raises:
        ArgumentError: `root` is no address of a web server.

    Example:
        >>> RemoteMonitor("http://localhost:9000").path
        '/publish/epoch/end/'
    """

    def __init__(self, root="http://localhost:9000", path="/publish/epoch/end/", field="data", headers=None,
                 send_as_json=False):
        super().__init__()
        if not root.startswith(("http://", "https://")):
            raise ArgumentError("`root` must begin with http:// or https://. " + received(root=root))
        self.root, self.path, self.field = root, path, field
        self.headers, self.send_as_json = headers, send_as_json

    def on_epoch_end(self, epoch, logs=None) -> None:
        """Sends the numbers of the epoch."""
        numbers: dict[str, Any] = {"epoch": epoch}
        for name, value in (logs or {}).items():
            numbers[name] = np.asarray(value).tolist()
        text, kind = json.dumps(numbers), "application/json"
        if not self.send_as_json:
            text, kind = urllib.parse.urlencode({self.field: text}), "application/x-www-form-urlencoded"
        request = urllib.request.Request(self.root + self.path, text.encode(),  # noqa: S310 - checked above
                                         {"Content-Type": kind, **(self.headers or {})})
        try:
            urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS).close()  # noqa: S310
        except (urllib.error.URLError, OSError):
            warnings.warn(f"Could not reach RemoteMonitor root server at {self.root}", stacklevel=2)
