"""Signs of life: how ranks notice within seconds that one of them died, hangs, or is cut off.

MPI itself waits for ever. So a thread of every rank keeps a TCP connection of its own to rank 0, and both sides send a
byte about every second. A connection that ends without a farewell is a rank that died; one that falls silent for
`rank_timeout` seconds is a rank that was stopped, or whose network is cut. Rank 0 then says which one, tells the
others, and all end at once with the exit code `LOST`: the job fails as a whole; nothing that was committed is lost.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from striate.errors import StriateError, received
from striate.parallel import news
from striate.parallel.sockets import TOKEN, exactly, reached

LOST = 75
"""Exit code of a rank that ends because another one is lost (EX_TEMPFAIL of sysexits.h: worth another try)."""
_BEAT, _FAREWELL, _VERDICT = b"b", b"f", b"v"
_CONNECT_SECONDS = 2.0


class Peer:
    """The connection to one rank. seen: when it was heard last; gone: it said farewell."""

    def __init__(self, rank: int, connection: socket.socket):
        self.rank, self.connection = rank, connection
        self.seen, self.gone = time.monotonic(), False
        connection.setblocking(False)

    def send(self, word: bytes) -> None:
        """Sends a word; a connection that is broken or full shows itself by silence."""
        with suppress(OSError):
            self.connection.send(word)

    def hear(self) -> bytes | None:
        """What has come; None when the connection has ended."""
        try:
            words = self.connection.recv(4096)
        except BlockingIOError:
            return b""
        except OSError:
            return None
        self.seen = time.monotonic()
        return words or None


class Heartbeat:
    """The thread of one rank that gives and watches signs of life.

    Args:
        rank: of this process.
        peers: for rank 0 all others, for these rank 0.
        timeout: seconds of silence after which a rank is lost.
        names: rank -> where it runs, for the message.
        end: called with the exit code when a rank is lost; it must not return.
    """

    def __init__(self, rank: int, peers: list[Peer], timeout: float, names: list[str],
                 end: Callable[[int], object] = os._exit):
        self.rank, self.peers, self.timeout, self.names, self._end = rank, peers, timeout, names, end
        self._stopping = threading.Event()
        self._connections = selectors.DefaultSelector()
        for peer in peers:
            self._connections.register(peer.connection, selectors.EVENT_READ, peer)
        self._thread = threading.Thread(target=self._watch, name="striate-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Says farewell: the silence that follows is no alarm."""
        self._stopping.set()
        self._thread.join(self.timeout)

    def _watch(self) -> None:
        interval = min(1.0, self.timeout / 5)
        beaten = looked = time.monotonic()
        while not self._stopping.is_set():
            now = time.monotonic()
            if now - looked > 2 * interval:  # This very process was held up: it cannot judge the others.
                for peer in self.peers:
                    peer.seen = now
            looked = now
            if now - beaten >= interval:
                beaten = now
                self._tell(_BEAT)
            self._listen(interval / 4)
            self._look()
        self._tell(_FAREWELL)

    def _tell(self, word: bytes) -> None:
        for peer in self.peers:
            if not peer.gone:
                peer.send(word)

    def _listen(self, seconds: float) -> None:
        """Hears all who have something to say."""
        if all(peer.gone for peer in self.peers):
            self._stopping.wait(seconds)
            return
        for key, _ in self._connections.select(seconds):
            peer = key.data
            words = peer.hear()
            if words is None:
                self._lose(peer, "has died: its connection ended")
            elif _VERDICT in words:
                self._end(LOST)
            elif _FAREWELL in words:
                peer.gone = True
                self._connections.unregister(peer.connection)

    def _look(self) -> None:
        """Is anybody silent for too long?"""
        now = time.monotonic()
        for peer in self.peers:
            if not peer.gone and now - peer.seen > self.timeout:
                self._lose(peer, f"has given no sign of life for {now - peer.seen:.0f} s: it is stopped, its machine "
                                 "is down, or the network between is cut")

    def _lose(self, lost: Peer, why: str) -> None:
        """Ends the job: this rank, and by word those that hear it."""
        print(f"striate: rank {lost.rank} ({self.names[lost.rank]}) {why}. The training ends on all ranks; go on from "
              "the last saved state with the same command and --resume, or start it by `striate launch --retries`.",
              file=sys.stderr, flush=True)
        for peer in self.peers:
            if peer is not lost:
                peer.send(_VERDICT)
        news.tell(news.LOST)
        self._end(LOST)


def accept(server: socket.socket, token: bytes, count: int, seconds: float) -> list[Peer]:
    """For rank 0: the connections of `count` ranks that know the secret.

    Raises:
        StriateError: they did not come in time.
    """
    deadline = time.monotonic() + seconds
    found: dict[int, Peer] = {}
    while len(found) < count:
        server.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            connection, _ = server.accept()
        except TimeoutError:
            missing = sorted(set(range(1, count + 1)) - set(found))
            raise StriateError("Ranks did not connect to rank 0 in time; is TCP between the machines blocked? "
                               + received(missing=missing, port=server.getsockname()[1])) from None
        connection.settimeout(_CONNECT_SECONDS)
        words = exactly(connection, TOKEN + 4)
        if words[:TOKEN] != token:
            connection.close()
            continue
        connection.sendall(token)
        rank = int.from_bytes(words[TOKEN:], "big")
        found[rank] = Peer(rank, connection)
    server.close()
    return [found[rank] for rank in sorted(found)]


def connect(addresses: list[str], port: int, token: bytes, rank: int) -> Peer:
    """For all others: the connection to rank 0, at the first of its addresses that answers.

    Raises:
        StriateError: none does.
    """
    connection = reached(addresses, port, token + rank.to_bytes(4, "big"), token, _CONNECT_SECONDS)
    if connection is not None:
        return Peer(0, connection)
    raise StriateError("Rank 0 cannot be reached for signs of life; is TCP between the machines blocked? "
                       + received(addresses=addresses, port=port))
