"""Promises 27 and 28: the page is local and private, every route of it, and text from files is never markup."""

import json

import pytest
from explore_tiny import PORT, TOKEN

from striate.explore.app import GETS, POSTS, STATIC
from striate.explore.guard import MAX_BODY, Access
from striate.explore.server import is_loopback

PATHS = [*STATIC, *(f"/api/{name}" for name in GETS), "/api/events", "/api/export"]
ROUTES = [("GET", path) for path in PATHS] + [("POST", f"/api/{name}") for name in POSTS]


def ask(client, method, path, **headers):
    content = b"{}" if method == "POST" else None
    kind = {"content-type": "application/json"} if method == "POST" else {}
    return client.request(method, path, headers={**kind, **headers}, content=content)


def test_the_list_of_routes_is_whole(client):
    found = {(method, route.path) for route in client.app.app.routes for method in route.methods - {"HEAD"}}
    assert found == set(ROUTES)


@pytest.mark.parametrize("method, path", ROUTES)
def test_every_route_is_guarded(client, method, path):
    refused = [
        (421, {"host": f"attacker.example:{PORT}"}), (421, {"host": "127.0.0.1"}), (421, {"host": "127.0.0.1:80"}),
        (421, {"host": f"192.168.0.7:{PORT}"}),
        (403, {"origin": "http://attacker.example"}), (403, {"origin": "null"}),
        (403, {"origin": f"http://localhost:{PORT}"}), (403, {"origin": "http://127.0.0.1:9"}),
        (403, {"sec-fetch-site": "cross-site"}), (403, {"sec-fetch-site": "same-site"}),
    ]
    for status, headers in refused:
        answer = ask(client, method, path, **headers)
        assert answer.status_code == status, headers
        assert "access-control-allow-origin" not in answer.headers
    client.cookies.clear()
    assert ask(client, method, path).status_code == 401
    wrong = {"cookie": f"striate-{PORT}=guess"}
    assert ask(client, method, path, **wrong).status_code == 401
    assert ask(client, method, f"{path}?token={TOKEN}x").status_code == 401


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/api/events"])
def test_every_answer_has_the_headers(client, path):
    answer = ask(client, "GET", path, origin=f"http://127.0.0.1:{PORT}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


def test_the_secret_becomes_a_cookie(client):
    client.cookies.clear()
    entered = client.get(f"/?token={TOKEN}")
    assert entered.status_code == 303 and entered.headers["location"] == "/"
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and f"striate-{PORT}=" in cookie
    assert client.get("/").status_code == 200
    assert client.get("/api/state?token=" + TOKEN, headers={"cookie": ""}).status_code == 401


def test_other_methods_and_paths(client):
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH"):
        assert client.request(method, "/api/state").status_code == 405
    assert client.get("/api/train").status_code == 405
    for path in ("/../pyproject.toml", "/static/app.js", "/..%2f..%2fetc/passwd", "/api/", "/app.js/"):
        assert client.get(path).status_code == 404


def test_bodies_are_json_and_small(client):
    form = client.post("/api/train", content="action=start", headers={"content-type": "text/plain"})
    assert form.status_code == 415
    kind = {"content-type": "application/json"}
    assert client.post("/api/train", content=b" " * (MAX_BODY + 1), headers=kind).status_code == 413

    def endless():
        for _ in range(MAX_BODY // 65536 + 2):
            yield b" " * 65536
    assert client.post("/api/train", content=endless(), headers=kind).status_code == 413
    for wrong in (b"", b"[1]", b"{", b"\xff", b"[" * 100_000):
        assert client.post("/api/train", content=wrong, headers=kind).status_code == 400


def test_websockets_are_closed(client):
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/api/events"):
        raise AssertionError("the connection was accepted")


def test_open_hosts_are_addresses_only():
    access = Access(TOKEN, PORT, addresses=True)
    assert access.is_host(f"192.168.0.7:{PORT}") and access.is_host(f"[fe80::1]:{PORT}")
    assert not access.is_host(f"attacker.example:{PORT}") and not access.is_host("192.168.0.7:80")
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("192.168.0.7") and not is_loopback("attacker.example")


@pytest.mark.parametrize("content", [
    {"data": "!!!"}, {"data": 7}, {"data": "aGVsbG8="}, {}, {"data": "A" * 99, "name": ["x"]},
])
def test_bad_images_get_a_sentence(client, content):
    answer = client.post("/api/image", json=content)
    assert answer.status_code == 400 and len(answer.json()["error"]) > 20


def test_huge_images_are_refused_before_they_are_decoded(client):
    import base64
    import struct
    import zlib

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    bomb = b"\x89PNG\r\n\x1a\n" + body
    answer = client.post("/api/image", json={"data": base64.b64encode(bomb).decode()})
    assert answer.status_code == 400


@pytest.mark.parametrize("path", [
    "/api/overview?image=nothing", "/api/overview?image=sample-0&at=7", "/api/overview?image=sample-0&at=-1",
    "/api/layer?layer=99&image=sample-0", "/api/layer?layer=x&image=sample-0",
    "/api/layer?layer=0&image=sample-0&what=x",
    "/api/number?layer=0&image=sample-0&index=99,0,0", "/api/number?layer=0&image=sample-0&index=a",
    "/api/number?layer=0&image=sample-0&index=" + "1," * 50, "/api/lab?layer=0&image=sample-0&size=99",
    "/api/lab?layer=4&image=sample-0", "/api/lab?layer=0&image=sample-0&kernel=x",
    "/api/export?image=sample-0&numbers=x", "/api/layer?layer=1&image=sample-0&what=filters",
])
def test_wrong_questions_get_a_sentence(client, path):
    answer = client.get(path)
    assert answer.status_code == 400, answer.text
    assert len(answer.json()["error"]) > 20


def test_wrong_changes_get_a_sentence(client):
    for name, content in [
        ("train", {"action": "explode"}), ("edit", {"layer": "0", "channel": 0, "filter": 0, "values": [1.0]}),
        ("edit", {"layer": "0", "channel": 0, "filter": 99, "values": [1.0] * 9}),
        ("edit", {"layer": "1", "channel": 0, "filter": 0, "values": [1.0] * 9}),
        ("edit", {"layer": "0", "channel": 0, "filter": 0, "values": ["x"] * 9}),
        ("edit", {"layer": "0", "channel": True, "filter": 0, "values": [1.0] * 9}),
        ("drawing", {"pixels": "AAAA"}), ("drawing", {"values": "AAAA"}), ("drawing", {}),
    ]:
        answer = client.post(f"/api/{name}", json=content)
        assert answer.status_code == 400 and len(answer.json()["error"]) > 20, (name, content)


def test_the_page_asks_nobody_else(client):
    texts = [client.get(path).text for path in STATIC]
    for text in texts:
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text
    assert "innerHTML" not in "".join(texts) and "eval(" not in "".join(texts)


def test_the_page_loads_all_that_it_names(client):
    """The icon lies in the page: browsers would ask for it again whenever the address changes."""
    page = client.get("/").text
    named = [text.split('"')[0] for text in page.replace("src=", "href=").split('href="')[1:]]
    own = [address for address in named if not address.startswith("data:image/png;base64,")]
    assert len(own) == len(named) - 1 and own == ["/api/state", "/app.css", "/app.js"]
    assert all(client.get(address).status_code == 200 for address in own)


def test_errors_are_json(client):
    answer = client.get("/api/state", headers={"host": "attacker.example"})
    assert set(json.loads(answer.content)) == {"error"}
