"""Signs of life between threads of this process that stand for ranks."""

import socket
import threading
import time

import pytest

from striate.errors import StriateError
from striate.parallel import heartbeat, sockets

# A heartbeat ends its process; here only its thread, which pytest notices.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture
def pair():
    """pair(timeout): the heartbeats of ranks 0 and 1, and the exit codes by which they would have ended."""
    running, codes = [], []

    def pair(timeout=1.0):
        server, token = sockets.listen()
        port = server.getsockname()[1]
        found = []
        thread = threading.Thread(target=lambda: found.extend(heartbeat.accept(server, token, 1, 5.0)))
        thread.start()
        peer = heartbeat.connect(["127.0.0.1"], port, token, 1)
        thread.join()

        def end(code):
            codes.append(code)
            raise SystemExit
        for rank, peers in ((0, found), (1, [peer])):
            running.append(heartbeat.Heartbeat(rank, peers, timeout, ["here", "there"], end))
        return [*running, codes]
    yield pair
    for item in running:
        item.stop()


def wait_until(ready, seconds=10):
    deadline = time.monotonic() + seconds
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ready()


@pytest.mark.slow
def test_both_live_and_part_in_peace(pair):
    first, second, codes = pair()
    time.sleep(1.5)
    second.stop()
    time.sleep(1.5)
    assert not codes and first.peers[0].gone


def test_a_connection_that_ends_is_a_death(pair, capsys):
    _, second, codes = pair(timeout=60)
    second.peers[0].connection.shutdown(socket.SHUT_RDWR)
    wait_until(lambda: heartbeat.LOST in codes)
    assert "has died" in capsys.readouterr().err


def test_silence_is_noticed_within_the_timeout(pair, monkeypatch, capsys):
    monkeypatch.setattr(heartbeat.Peer, "send", lambda self, word: None)
    started = time.monotonic()
    _, _, codes = pair(timeout=1.0)
    wait_until(lambda: heartbeat.LOST in codes)
    assert time.monotonic() - started < 8
    assert "no sign of life" in capsys.readouterr().err


def test_strangers_are_turned_away():
    server, token = sockets.listen()
    port = server.getsockname()[1]

    def stranger():
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(bytes(len(token)) + b"\0\0\0\1")
    thread = threading.Thread(target=stranger)
    thread.start()
    with pytest.raises(StriateError, match="missing"):
        heartbeat.accept(server, token, 1, 0.5)
    thread.join()
    server.close()


def test_rank_0_that_cannot_be_reached_is_said():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StriateError, match="cannot be reached"):
        heartbeat.connect(["127.0.0.1"], port, b"x" * 16, 1)
    assert sockets.own_addresses()[-1] == "127.0.0.1"
