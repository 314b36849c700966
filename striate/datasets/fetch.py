"""Downloads: resumed where they broke off, checked by SHA-256, put in place whole, with mirrors.

A file under way is `NAME.part`; `NAME.part.json` beside it remembers which version of the file it is (its ETag or
date), so that the server can refuse to continue another one. Only when the hash is right does it get its name.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path

from striate import config
from striate.errors import DownloadError, received
from striate.files import Growing, lock, remove, replacing_with, write_text

_CHUNK = 1 << 18
_TIMEOUT_SECONDS = 30
_ATTEMPTS = 3
_MAX_BYTES = 8 << 30


def cache_folder(name: str) -> Path:
    """The folder of a downloaded data set."""
    return config.value("cache_dir") / "datasets" / name


def sha256_of(path: str | os.PathLike) -> str:
    """The SHA-256 of a file, in hexadecimal.

    Example:
        >>> import striate.datasets.fetch as fetch, tempfile
        >>> with tempfile.NamedTemporaryFile() as file:
        ...     fetch.sha256_of(file.name)[:8]
        'e3b0c442'
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(path: Path, urls: Sequence[str], sha256: str | None, max_bytes: int = _MAX_BYTES,
          progress: Callable[[int, int | None], None] | None = None) -> Path:
    """Makes sure that the file `path` exists and has the given hash, downloading it if need be.

    Args:
        path: where the file shall be.
        urls: `http(s)` addresses of the same file, tried in this order.
        sha256: hexadecimal hash of the file; None if nobody published one (then nothing is checked).
        max_bytes: more than this is never fetched.
        progress: called with (bytes so far, bytes in all or None) while the download runs.

    Raises:
        DownloadError: no address gave the right file; the message names each and what happened.

    Example:
        >>> fetch(cache_folder("mnist") / "mnist.npz", ["https://.../mnist.npz"], "731c...")  # doctest: +SKIP
    """
    if _is_there(path, sha256):
        return path
    with lock(path):
        if _is_there(path, sha256):
            return path
        failures = []
        for url in urls:
            try:
                _fetch_from(url, path, sha256, max_bytes, progress)
                return path
            except (OSError, http.client.HTTPException) as error:
                failures.append(f"  {url}: {_reason(error)}")
    raise DownloadError(f"{path.name} could not be downloaded. Tried:\n" + "\n".join(failures)
                        + f"\nWithout a connection to the internet, put the file there by hand: {path}")


@contextmanager
def opened(url: str):
    """The body of an address as a binary stream, for reading a part of a large file; nothing is kept or checked.

    Raises:
        DownloadError: it cannot be reached.

    Example:
        >>> with opened("https://.../large.gz") as stream:  # doctest: +SKIP
        ...     beginning = stream.read(1000)
    """
    request = urllib.request.Request(url, headers={"User-Agent": "striate", "Accept-Encoding": "identity"})
    try:
        answer = _OPENER.open(request, timeout=_TIMEOUT_SECONDS)
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"{url} could not be opened: {_reason(error)}.") from error
    with answer:
        yield answer


def _is_there(path: Path, sha256: str | None) -> bool:
    return path.is_file() and (sha256 is None or sha256_of(path) == sha256)


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return f"no connection ({error.reason})"
    return str(error) or type(error).__name__


def _fetch_from(url: str, path: Path, sha256: str | None, max_bytes: int, progress) -> None:
    part = path.with_name(path.name + ".part")
    for attempt in range(_ATTEMPTS):
        try:
            _continue_part(url, part, max_bytes, progress)
            break
        except urllib.error.HTTPError as error:
            if error.code == 416:
                # What is there is not the beginning of what the server has: begin anew.
                _forget(part)
            if error.code < 500 and error.code != 416 or attempt == _ATTEMPTS - 1:
                raise
        except (OSError, http.client.HTTPException):
            if attempt == _ATTEMPTS - 1:
                raise
        time.sleep(0.2 * 4 ** attempt)
    actual = sha256_of(part)
    if sha256 is not None and actual != sha256:
        _forget(part)
        raise DownloadError(f"the file has the wrong SHA-256, so it was thrown away: expected {sha256}, "
                            + received(sha256=actual))
    remove(_notes(part))
    replacing_with(path, part)


def _continue_part(url: str, part: Path, max_bytes: int, progress) -> None:
    """One request: appends to the part file what is missing, or begins anew if the server wants it so."""
    start = part.stat().st_size if part.is_file() else 0
    version = _version(part, url) if start else None
    headers = {"User-Agent": "striate", "Accept-Encoding": "identity"}
    if version:
        headers |= {"Range": f"bytes={start}-", "If-Range": version}
    with _OPENER.open(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_SECONDS) as answer:
        continued = version is not None and answer.status == 206
        if continued and not answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise DownloadError("the server continued at the wrong place, "
                                + received(content_range=answer.headers.get("Content-Range")))
        start = start if continued else 0
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length and length.isdecimal() else None
        if (total or 0) > max_bytes:
            raise DownloadError(f"the file is larger than allowed ({max_bytes:,} bytes), " + received(bytes=total))
        if not continued:
            _remember_version(part, url, answer.headers)
        _append(answer, part, start, total, max_bytes, progress)


def _append(answer, part: Path, start: int, total: int | None, max_bytes: int, progress) -> None:
    with Growing(part, keep=start) as file:
        while chunk := answer.read(_CHUNK):
            if file.size + len(chunk) > max_bytes:
                raise DownloadError(f"the server sends more than allowed ({max_bytes:,} bytes), "
                                    + received(bytes=file.size + len(chunk)))
            file.append(chunk)
            if progress:
                progress(file.size, total)
        file.sync()
    if total is not None and file.size != total:
        raise DownloadError(f"the connection ended after {file.size:,} of {total:,} bytes")


def _notes(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _remember_version(part: Path, url: str, headers) -> None:
    """Notes a strong ETag or else the date: what `If-Range` may be given."""
    version = headers.get("ETag")
    if version is None or version.startswith("W/"):
        version = headers.get("Last-Modified")
    write_text(_notes(part), json.dumps({"url": url, "version": version}))


def _version(part: Path, url: str) -> str | None:
    try:
        notes = json.loads(_notes(part).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return notes.get("version") if isinstance(notes, dict) and notes.get("url") == url else None


def _forget(part: Path) -> None:
    remove(part)
    remove(_notes(part))


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirections to web addresses only, never to files, and never from https down to http."""

    def redirect_request(self, request, file, code, message, headers, new_url):
        old, new = urllib.parse.urlsplit(request.full_url).scheme, urllib.parse.urlsplit(new_url).scheme
        if new != "https" and new != old:
            raise DownloadError(f"the server redirects from {old} to another kind of address, "
                                + received(location=new_url))
        return super().redirect_request(request, file, code, message, headers, new_url)


def _web_opener() -> urllib.request.OpenerDirector:
    """An opener that knows http and https, and no file: or ftp: addresses at all."""
    opener = urllib.request.OpenerDirector()
    for handler in (urllib.request.ProxyHandler(), urllib.request.UnknownHandler(), urllib.request.HTTPHandler(),
                    urllib.request.HTTPSHandler(), urllib.request.HTTPDefaultErrorHandler(), _WebOnly(),
                    urllib.request.HTTPErrorProcessor()):
        opener.add_handler(handler)
    return opener


_OPENER = _web_opener()
