"""TCP connections that know each other by a secret: ranks among themselves, and with whoever started them."""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress

TOKEN = 16
"""Bytes of a secret."""


def listen() -> tuple[socket.socket, bytes]:
    """A socket on a free port of all interfaces, and the secret that others must know."""
    server = socket.create_server(("", 0), backlog=1024)
    return server, secrets.token_bytes(TOKEN)


def reached(addresses: Sequence[str], port: int, words: bytes, answer: bytes, seconds: float) -> socket.socket | None:
    """A connection to the first of the addresses that takes these words with this answer; None if none does."""
    for address in addresses:
        with suppress(OSError):
            connection = socket.create_connection((address, port), seconds)
            connection.sendall(words)
            if exactly(connection, len(answer)) == answer:
                return connection
            connection.close()
    return None


def own_addresses() -> list[str]:
    """The IPv4 addresses of this machine, that of the machine itself (127.0.0.1) last."""
    import fcntl  # not everywhere there

    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # Interfaces without an IPv4 address.
                answer = fcntl.ioctl(probe.fileno(), 0x8915, struct.pack("256s", name.encode()[:15]))  # SIOCGIFADDR
                found.append(socket.inet_ntoa(answer[20:24]))
    return sorted(found, key=lambda address: address.startswith("127."))


def exactly(connection: socket.socket, count: int) -> bytes:
    """So many bytes, or fewer when the connection ends."""
    words = b""
    with suppress(OSError):
        while len(words) < count and (more := connection.recv(count - len(words))):
            words += more
    return words
