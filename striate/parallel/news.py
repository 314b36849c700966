"""What the ranks of a job tell `striate launch`: that they have started, that one of them is lost.

The machine that launches need not be one of those that train, and mpiexec may wait for ever for one that it cannot
reach. So the news go over a TCP connection each, to an address that the ranks find in a setting. They wait there until
they are read.
"""

from __future__ import annotations

import socket
from contextlib import suppress

from striate import config
from striate.parallel.sockets import TOKEN, exactly, listen, own_addresses, reached

STARTED, LOST = b"s", b"l"
_SECONDS = 2.0


class Desk:
    """Where news come in; `place` is the value of the setting `news_to`."""

    def __init__(self) -> None:
        self._server, self._token = listen()
        self._server.setblocking(False)
        self._heard: set[bytes] = set()
        port = self._server.getsockname()[1]
        self.place = ",".join([self._token.hex(), str(port), *own_addresses()])

    def heard(self) -> set[bytes]:
        """All words that have come up to now, without waiting."""
        with suppress(BlockingIOError):
            while True:
                self._take(self._server.accept()[0])
        return self._heard

    def _take(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(_SECONDS)
            words = exactly(connection, TOKEN + 1)
            if words[:TOKEN] == self._token:
                self._heard.add(words[TOKEN:])

    def close(self) -> None:
        """No more news."""
        self._server.close()


def tell(word: bytes) -> bool:
    """Tells whoever started the ranks, if anybody asked to be told; whether they can be reached.

    Example:
        >>> tell(STARTED)       # nobody asked
        True
    """
    place = config.value("news_to")
    if place is None:
        return True
    token, port, *addresses = place.split(",")
    connection = reached(addresses, int(port), bytes.fromhex(token) + word, b"", _SECONDS)
    if connection is None:
        return False
    connection.close()
    return True
