"""Downloads end with the right file or with no file, whatever the server does."""

import hashlib
import os
import subprocess
import sys
import urllib.request

import pytest

from striate.datasets import fetch as fetching
from striate.datasets.fetch import _WebOnly, fetch
from striate.errors import DownloadError
from tests.datasets.web import serving

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setattr(fetching.time, "sleep", lambda seconds: None)
    with serving(CONTENT) as site:
        yield site


def left(folder):
    return sorted(name for name in os.listdir(folder) if not name.endswith(".lock"))


def test_fetch_and_second_call_needs_no_server(site, tmp_path):
    seen = []
    path = fetch(tmp_path / "x.gz", [site.url], SHA256, progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert left(tmp_path) == ["x.gz"]
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    fetch(path, [site.url], SHA256)
    assert len(site.requests) == 1


def test_cut_connection_is_continued_where_it_broke(site, tmp_path):
    site.cut_after = 300_000
    assert fetch(tmp_path / "x.gz", [site.url], SHA256).read_bytes() == CONTENT
    assert [wanted for _, wanted in site.requests] == [None, "bytes=300000-"]


def test_server_that_stalls_is_left_and_asked_again(site, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "_TIMEOUT_SECONDS", 0.3)
    site.stall_after = 2 * fetching._CHUNK + 10
    assert fetch(tmp_path / "x.gz", [site.url], SHA256).read_bytes() == CONTENT
    assert [wanted for _, wanted in site.requests] == [None, f"bytes={2 * fetching._CHUNK}-"]


def test_file_that_changed_meanwhile_begins_anew(site, tmp_path):
    site.cut_after = 1000
    site.content = b"old" * len(CONTENT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "_ATTEMPTS", 1)
        with pytest.raises(DownloadError, match=r"ended after 1,000 of"):
            fetch(tmp_path / "x.gz", [site.url], SHA256)
    assert (tmp_path / "x.gz.part").stat().st_size == 1000
    site.content, site.etag = CONTENT, '"two"'
    assert fetch(tmp_path / "x.gz", [site.url], SHA256).read_bytes() == CONTENT
    assert site.requests[-1] == ("/data.gz", "bytes=1000-")


@pytest.mark.parametrize("habit", ["ignore_range", "always_416"])
def test_servers_that_cannot_continue(site, tmp_path, habit):
    setattr(site, habit, True)
    site.cut_after = 5000
    assert fetch(tmp_path / "x.gz", [site.url], SHA256).read_bytes() == CONTENT
    assert left(tmp_path) == ["x.gz"]


def test_wrong_bytes_are_thrown_away_and_the_next_mirror_is_tried(site, tmp_path):
    with serving(b"something else") as liar:
        path = fetch(tmp_path / "x.gz", [liar.url, site.url], SHA256)
    assert path.read_bytes() == CONTENT
    with serving(b"something else") as liar, pytest.raises(DownloadError, match="wrong SHA-256") as caught:
        fetch(tmp_path / "y.gz", [liar.url], SHA256)
    assert liar.url in str(caught.value) and str(tmp_path / "y.gz") in str(caught.value)
    assert left(tmp_path) == ["x.gz"]


def test_wrong_length_is_noticed(site, tmp_path):
    site.lie_about_length = True
    with pytest.raises(DownloadError, match="ended after 1,024,000 of 1,025,000 bytes|IncompleteRead"):
        fetch(tmp_path / "x.gz", [site.url], SHA256)
    assert not (tmp_path / "x.gz").exists()


def test_too_large_is_refused(site, tmp_path):
    with pytest.raises(DownloadError, match="larger than allowed"):
        fetch(tmp_path / "x.gz", [site.url], SHA256, max_bytes=1000)


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_redirection_to_other_kinds_of_addresses(site, tmp_path, location):
    site.status, site.location = 302, location
    with pytest.raises(DownloadError, match="not allowed|to another kind of address"):
        fetch(tmp_path / "x.gz", [site.url], SHA256)
    assert left(tmp_path) == []


@pytest.mark.parametrize("old, new, allowed", [
    ("https://a.example/x", "http://a.example/x", False), ("http://a.example/x", "https://b.example/x", True),
    ("https://a.example/x", "https://b.example/x", True), ("http://a.example/x", "http://b.example/x", True),
    ("http://a.example/x", "ftp://a.example/x", False)])
def test_redirections_lead_from_http_to_https_and_never_back(old, new, allowed):
    def redirected():
        return _WebOnly().redirect_request(urllib.request.Request(old), None, 302, "Found", {}, new)
    if allowed:
        assert redirected().full_url == new
    else:
        with pytest.raises(DownloadError, match="to another kind of address"):
            redirected()


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://localhost/x", "data:,hello"])
def test_only_web_addresses(tmp_path, url):
    with pytest.raises(DownloadError, match="could not be downloaded"):
        fetch(tmp_path / "x.gz", [url], None)
    assert left(tmp_path) == []


def test_http_errors_are_named(site, tmp_path):
    site.status = 404
    with pytest.raises(DownloadError, match="the server answered 404"):
        fetch(tmp_path / "x.gz", [site.url], SHA256)
    assert len(site.requests) == 1, "a 404 is final"
    site.status = 503
    with pytest.raises(DownloadError, match="the server answered 503"):
        fetch(tmp_path / "x.gz", [site.url], SHA256)
    assert len(site.requests) == 4, "a 503 is tried three times"


def test_offline_message_names_place_for_the_file(tmp_path):
    with pytest.raises(DownloadError, match="no connection") as caught:
        fetch(tmp_path / "x.gz", ["http://127.0.0.1:9/x.gz"], SHA256)
    assert f"put the file there by hand: {tmp_path / 'x.gz'}" in str(caught.value)


def test_damaged_file_in_the_cache_is_fetched_again(site, tmp_path):
    (tmp_path / "x.gz").write_bytes(b"damaged")
    assert fetch(tmp_path / "x.gz", [site.url], SHA256).read_bytes() == CONTENT


def test_two_processes_at_once_download_once(site, tmp_path):
    program = ("import sys; from pathlib import Path; from striate.datasets.fetch import fetch; "
               "fetch(Path(sys.argv[1]), [sys.argv[2]], sys.argv[3])")
    runs = [subprocess.Popen([sys.executable, "-c", program, str(tmp_path / "x.gz"), site.url, SHA256])
            for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    assert (tmp_path / "x.gz").read_bytes() == CONTENT
    assert len(site.requests) == 1
