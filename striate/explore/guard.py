"""What stands before every route: who may ask, how much may be sent, and what a browser may do with an answer.

The page can read the user's model and images and start computations, so no other page, program or computer may use it:
a secret in the first address (then in a cookie), exact Host and Origin headers, and answers that no frame, script or
cache of another site can take.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

MAX_BODY = 16 << 20
HEADERS = (
    ("content-security-policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
                                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
)


@dataclass(frozen=True)
class Access:
    """Who may ask. names: hosts by which the page may be called; addresses: also any IP address with the port.

    A hostile site can make its own name point to this computer, but it cannot make a bare address its own.
    """

    token: str
    port: int
    names: frozenset[str] = frozenset({"127.0.0.1", "localhost", "[::1]"})
    addresses: bool = False

    @property
    def cookie(self) -> str:
        """Cookies do not tell ports apart, so the name does."""
        return f"striate-{self.port}"

    def is_host(self, host: str) -> bool:
        """Whether a Host header is one of ours."""
        name, _, port = host.rpartition(":")
        if port != str(self.port):
            return False
        if name.lower() in self.names:
            return True
        try:
            return self.addresses and bool(ipaddress.ip_address(name.strip("[]")))
        except ValueError:
            return False

    def is_token(self, given: str) -> bool:
        """Whether this is the secret; compared in constant time."""
        return hmac.compare_digest(given.encode("utf-8"), self.token.encode("ascii"))


class _TooLarge(Exception):
    """A body grew beyond the limit while it was read."""


class Guard:
    """An ASGI application around another one."""

    def __init__(self, app, access: Access):
        self.app, self.access = app, access

    async def __call__(self, scope, receive, send):
        """Answers what may not pass; hands on the rest."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        problem = self._problem(scope)
        if problem is not None:
            await _refuse(send, *problem)
        elif scope["path"] == "/" and b"token=" in scope["query_string"]:
            await self._enter(send)
        else:
            await self._pass_on(scope, receive, send)

    def _problem(self, scope) -> tuple[int, str] | None:
        headers = _Headers(scope["headers"])
        host, origin = headers.only("host"), headers.only("origin")
        if host is None or not self.access.is_host(host):
            return 421, "This page is not served under this name. Use the address that `striate explore` printed."
        if headers.count("origin") and (origin is None or origin != f"{scope['scheme']}://{host}"):
            return 403, "Requests of other pages are refused."
        if headers.only("sec-fetch-site") not in (None, "same-origin", "none"):
            return 403, "Requests of other pages are refused. Open the address in a tab of its own."
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "Only GET and POST are understood."
        if not self._knows_token(scope, headers):
            return 401, "The secret is missing: open the whole address that `striate explore` printed."
        if scope["method"] == "POST":
            return self._body_problem(headers)
        return None

    def _knows_token(self, scope, headers: _Headers) -> bool:
        if scope["path"] == "/":
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
            if given:
                return self.access.is_token(given[0])
        try:
            jar = SimpleCookie(headers.only("cookie") or "")
        except CookieError:
            return False
        return self.access.cookie in jar and self.access.is_token(jar[self.access.cookie].value)

    @staticmethod
    def _body_problem(headers: _Headers) -> tuple[int, str] | None:
        if (headers.only("content-type") or "").partition(";")[0].strip().lower() != "application/json":
            return 415, "Send JSON."
        length = headers.only("content-length") or "0"
        if not length.isdecimal() or int(length) > MAX_BODY:
            return 413, f"At most {MAX_BODY >> 20} MiB can be sent."
        return None

    async def _enter(self, send) -> None:
        """From the address with the secret to the one without it; the secret stays in a cookie."""
        cookie = f"{self.access.cookie}={self.access.token}; HttpOnly; SameSite=Strict; Path=/"
        await send({"type": "http.response.start", "status": 303, "headers": _encoded(
            (("location", "/"), ("set-cookie", cookie), *HEADERS))})
        await send({"type": "http.response.body", "body": b""})

    async def _pass_on(self, scope, receive, send) -> None:
        size = 0

        async def limited():
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BODY:
                raise _TooLarge
            return message

        async def protected(message):
            if size > MAX_BODY:  # The application's own words about a body that broke off are of no use.
                return
            if message["type"] == "http.response.start":
                kept = [pair for pair in message.get("headers", []) if pair[0].lower() not in _GUARDED]
                message = {**message, "headers": [*kept, *_encoded(HEADERS)]}
            await send(message)
        try:
            await self.app(scope, limited, protected)
        except _TooLarge:
            await _refuse(send, 413, f"At most {MAX_BODY >> 20} MiB can be sent.")


class _Headers:
    """Headers by name; one that comes twice is none."""

    def __init__(self, pairs):
        self._found: dict[str, list[str]] = {}
        for name, value in pairs:
            self._found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))

    def count(self, name: str) -> int:
        """How often a header came."""
        return len(self._found.get(name, []))

    def only(self, name: str) -> str | None:
        """Its value, if it came exactly once."""
        values = self._found.get(name, [])
        return values[0] if len(values) == 1 else None


def _encoded(pairs) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in pairs]


_GUARDED = {name.encode("ascii") for name, _ in HEADERS}


async def _refuse(send, status: int, reason: str) -> None:
    body = json.dumps({"error": reason}).encode()
    await send({"type": "http.response.start", "status": status, "headers": _encoded(
        (("content-type", "application/json"), ("content-length", str(len(body))), *HEADERS))})
    await send({"type": "http.response.body", "body": body})
